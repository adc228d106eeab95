// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/cli/replay.h"

#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>

#include "joist/engine/replay.h"

extern char** environ;

namespace joist::cli {
namespace {

constexpr int kDifferentError = 3;

std::string OneLine(std::string text) {
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}

/// As a shell takes it.
std::string ShellWord(const std::string& word) {
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789%+,-./:=@_";
  if (!word.empty() && word.find_first_not_of(kPlain) == std::string::npos) return word;
  std::string quoted = "'";
  for (const char c : word) {
    if (c == '\'') {
      quoted += "'\\''";
    } else {
      quoted += c;
    }
  }
  return quoted + "'";
}

std::string Counted(uint64_t count, const std::string& what) {
  return std::to_string(count) + " " + what + (count == 1 ? "" : "s");
}

std::vector<std::string> WordsOf(const std::string& text) {
  std::vector<std::string> words;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find(' ', begin), text.size());
    if (end > begin) words.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return words;
}

/// The exit code of a program that was started to replay.
Result<int> MeaningOf(int state) {
  if (WIFSIGNALED(state)) {
    std::printf("the program was ended by signal %d\n", WTERMSIG(state));
    std::fflush(stdout);
    return kDifferentError;
  }
  switch (WEXITSTATUS(state)) {
    case kReplayPassed: return 0;
    case kReplayFailedSame: return 1;
    case kReplayFailedOther: return kDifferentError;
    default:
      return Status(StatusCode::kFailedPrecondition,
                    "the program has not come to the step: it ended with exit code " +
                        std::to_string(WEXITSTATUS(state)));
  }
}

}  // namespace

Result<std::string> ListFailures(const std::string& directory) {
  JOIST_ASSIGN_OR_RETURN(const std::vector<std::string> files, KeptFailuresIn(directory));
  if (files.empty()) return NotFound("there are no failures in " + directory);
  std::string out;
  for (const std::string& file : files) {
    const Result<KeptFailure> failure = ReadKeptFailure(file);
    out += failure.ok() ? file + "  " + failure->made_at.ToString() + "  " + OneLine(failure->error)
                        : OneLine(failure.status().message());
    out += "\n";
  }
  return out;
}

std::string ShowFailure(const std::string& file, const KeptFailure& failure) {
  const KeptBundle& bundle = failure.bundle;
  std::string out = file + ", kept at " + failure.made_at.ToString() + "\n  program   ";
  out += ShellWord(failure.start.program);
  for (size_t i = 1; i < failure.start.arguments.size(); ++i) {
    out += " " + ShellWord(failure.start.arguments[i]);
  }
  out += "\n  folder    " + failure.start.folder + "\n  step      " + failure.step;
  out += "\n  error     " + OneLine(failure.error);
  if (!failure.element.empty()) out += "\n  element   " + OneLine(failure.element);
  out += "\n  attempts  " + std::to_string(failure.attempts);
  out += "\n  input     " + Counted(bundle.elements, "element") + " of a " +
         (failure.is_stream ? "stream's bundle" : "batch");
  if (bundle.lost_elements > 0) {
    out += "; " + Counted(bundle.lost_elements, "element") + " before them are missing";
  }
  out += "\n  state     " + Counted(bundle.key_count, "key") + ", " +
         Counted(bundle.keys.size(), "byte");
  if (bundle.lacks_keys) out += "; that of more keys is missing";
  if (!bundle.side_inputs.empty()) {
    out += "\n  beside    " + Counted(bundle.side_inputs.size(), "side input");
  }
  return out + "\n";
}

std::vector<std::string> ReplayCommand(const ReplayRequest& request, const KeptFailure& failure) {
  std::vector<std::string> command = WordsOf(request.debugger);
  const auto add = [&](std::initializer_list<const char*> words) {
    command.insert(command.end(), words.begin(), words.end());
  };
  if (command.size() == 1) {
    const std::string name = std::filesystem::path(command[0]).filename().string();
    if (name == "gdb") add({"-q", "-ex", "catch throw", "-ex", "run", "--args"});
    if (name == "lldb") add({"-o", "breakpoint set -E c++", "-o", "run", "--"});
  }
  command.push_back(request.program.empty() ? failure.start.program
                                            : std::filesystem::absolute(request.program).string());
  if (failure.start.arguments.size() > 1) {
    command.insert(command.end(), failure.start.arguments.begin() + 1,
                   failure.start.arguments.end());
  }
  return command;
}

Result<int> ReplayFailure(const ReplayRequest& request) {
  JOIST_ASSIGN_OR_RETURN(const KeptFailure failure, ReadKeptFailure(request.file));
  std::vector<std::string> command = ReplayCommand(request, failure);
  std::vector<char*> argv;
  for (std::string& word : command) argv.push_back(word.data());
  argv.push_back(nullptr);
  const std::string file = std::filesystem::absolute(request.file).string();
  if (setenv(kReplayVariable, file.c_str(), /*overwrite=*/1) != 0) {
    return FromErrno(errno, "cannot set " + std::string(kReplayVariable));
  }
  const std::string text = ShowFailure(request.file, failure);
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
  if (!failure.start.folder.empty() && chdir(failure.start.folder.c_str()) != 0) {
    return FromErrno(errno, "cannot go to the folder " + failure.start.folder);
  }
  if (!request.debugger.empty()) {
    execvp(argv[0], argv.data());
    return FromErrno(errno, "cannot start " + command[0]);
  }
  pid_t child = 0;
  if (const int error = posix_spawn(&child, argv[0], nullptr, nullptr, argv.data(), environ);
      error != 0) {
    return FromErrno(error, "cannot start " + command[0]);
  }
  int state = 0;
  while (waitpid(child, &state, 0) < 0 && errno == EINTR) {
  }
  return MeaningOf(state);
}

}  // namespace joist::cli
