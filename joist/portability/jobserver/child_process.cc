// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/portability/jobserver/child_process.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <string_view>
#include <utility>

#include "joist/base/one_line.h"

extern char** environ;

namespace joist::portability {
namespace {

constexpr size_t kTailBytes = 4096;
constexpr std::chrono::seconds kEndTime{3};
constexpr std::chrono::milliseconds kEndPoll{10};

std::vector<char*> Pointers(const std::vector<std::string>& words) {
  std::vector<char*> pointers;
  for (const std::string& word : words) pointers.push_back(const_cast<char*>(word.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

/// This process's variables, with `more` on top.
std::vector<std::string> Environment(const std::vector<std::string>& more) {
  std::vector<std::string> all = more;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const std::string_view text = *variable;
    const std::string_view name = text.substr(0, text.find('=') + 1);
    bool is_replaced = false;
    for (const std::string& one : more) is_replaced = is_replaced || one.starts_with(name);
    if (!is_replaced) all.emplace_back(text);
  }
  return all;
}

/// The last lines of what was printed, in one: programs often end with where help is.
std::string LastLines(std::string_view text) {
  constexpr size_t kBytes = 300;
  if (text.size() > kBytes) {
    text.remove_prefix(text.size() - kBytes);
    const size_t line = text.find('\n');
    if (line != std::string_view::npos) text.remove_prefix(line);
  }
  return OneLine(text);
}

/// Spawns it in a group of its own, with no signal blocked or ignored; returns errno's kind.
int Spawn(const std::vector<std::string>& command, const std::vector<std::string>& environment,
          int output, pid_t* process) {
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&files, output, STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&files, output, STDERR_FILENO);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setpgroup(&attributes, 0);
  sigset_t signals;
  sigemptyset(&signals);
  posix_spawnattr_setsigmask(&attributes, &signals);
  sigaddset(&signals, SIGPIPE);
  posix_spawnattr_setsigdefault(&attributes, &signals);
  posix_spawnattr_setflags(&attributes,
                           POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  const int error = posix_spawnp(process, command[0].c_str(), &files, &attributes,
                                 Pointers(command).data(), Pointers(environment).data());
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&files);
  return error;
}

}  // namespace

Result<std::unique_ptr<ChildProcess>> ChildProcess::Start(
    const std::vector<std::string>& command, const std::vector<std::string>& environment) {
  std::array<int, 2> pipe{};
  if (pipe2(pipe.data(), O_CLOEXEC) != 0) return FromErrno(errno, "cannot make a pipe");
  const int wake = eventfd(0, EFD_CLOEXEC);
  pid_t process = 0;
  const int error = wake < 0 ? errno : Spawn(command, Environment(environment), pipe[1], &process);
  close(pipe[1]);
  if (error != 0) {
    close(pipe[0]);
    if (wake >= 0) close(wake);
    return FromErrno(error, "cannot start " + command[0]);
  }
  return std::unique_ptr<ChildProcess>(new ChildProcess(command[0], process, pipe[0], wake));
}

ChildProcess::ChildProcess(std::string name, pid_t process, int output, int wake)
    : name_(std::move(name)), process_(process), output_(output), wake_(wake) {
  reader_ = std::thread([this] { ReadOutput(); });
}

ChildProcess::~ChildProcess() {
  kill(-process_, SIGTERM);
  const auto until = std::chrono::steady_clock::now() + kEndTime;
  while (status().ok() && std::chrono::steady_clock::now() < until) {
    std::this_thread::sleep_for(kEndPoll);
  }
  // Nobody else has the group's number until the process is waited for.
  kill(-process_, SIGKILL);
  while (waitpid(process_, nullptr, 0) < 0 && errno == EINTR) {
  }
  const uint64_t one = 1;
  JOIST_CHECK(write(wake_, &one, sizeof one) == sizeof one);
  reader_.join();
  close(output_);
  close(wake_);
}

Status ChildProcess::status() const {
  siginfo_t end = {};
  // It is left as it is, to be waited for at the end.
  waitid(P_PID, static_cast<id_t>(process_), &end, WEXITED | WNOHANG | WNOWAIT);
  if (end.si_pid == 0) return OkStatus();
  const std::lock_guard lock(mutex_);
  const std::string line = LastLines(tail_);
  return {StatusCode::kUnavailable,
          name_ +
              (end.si_code == CLD_EXITED ? " has ended with exit code " : " was ended by signal ") +
              std::to_string(end.si_status) + (line.empty() ? "" : ": " + line)};
}

void ChildProcess::ReadOutput() {
  std::array<char, kTailBytes> buffer{};
  std::array<pollfd, 2> files = {pollfd{output_, POLLIN, 0}, pollfd{wake_, POLLIN, 0}};
  while (true) {
    if (poll(files.data(), files.size(), -1) < 0 && errno != EINTR) return;
    if (files[1].revents != 0) return;
    if (files[0].revents == 0) continue;
    const ssize_t bytes = read(output_, buffer.data(), buffer.size());
    if (bytes < 0 && errno == EINTR) continue;
    if (bytes <= 0) return;
    const std::lock_guard lock(mutex_);
    tail_.append(buffer.data(), static_cast<size_t>(bytes));
    if (tail_.size() > kTailBytes) tail_.erase(0, tail_.size() - kTailBytes);
  }
}

}  // namespace joist::portability
