// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Arguments are read here and by PipelineOptions, not by a library for command lines: what stands
// behind a pipeline's name is the options that PipelineOptions knows, and the rest is four words.

#include "joist/cli/main.h"

#include <algorithm>
#include <cstdio>
#include <iterator>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "joist/base/status.h"
#include "joist/cli/checkpoints.h"
#include "joist/cli/coders.h"
#include "joist/cli/pipeline.h"
#include "joist/cli/replay.h"
#include "joist/sdk/options.h"

namespace joist::cli {
namespace {

using Arguments = std::span<const std::string_view>;

constexpr int kWrongArguments = 2;

int Refuse(const std::string& program, std::string_view what) {
  std::fprintf(stderr, "%s: %.*s\n", program.c_str(), static_cast<int>(what.size()), what.data());
  return kWrongArguments;
}

/// For main: 0, or 1 where stdout cannot be written.
int Print(std::string_view text) {
  const bool written =
      std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0;
  if (!written) std::perror("error: cannot write");
  return written ? 0 : 1;
}

std::vector<const NamedPipeline*> SortedPipelines() {
  std::vector<const NamedPipeline*> pipelines;
  for (const NamedPipeline* p = NamedPipeline::First(); p != nullptr; p = p->next()) {
    pipelines.push_back(p);
  }
  std::sort(pipelines.begin(), pipelines.end(), [](const NamedPipeline* a, const NamedPipeline* b) {
    return std::string_view(a->name()) < b->name();
  });
  return pipelines;
}

Result<const NamedPipeline*> FindPipeline(Arguments arguments) {
  if (arguments.empty() || arguments[0].starts_with("-")) {
    return InvalidArgument("which pipeline? `list` shows those of this program");
  }
  const NamedPipeline* found = nullptr;
  std::vector<std::string> names;
  for (const NamedPipeline* pipeline : SortedPipelines()) {
    names.emplace_back(pipeline->name());
    if (names.back() != arguments[0]) continue;
    if (found != nullptr) {
      return InvalidArgument("two pipelines of this program are called \"" + names.back() + "\"");
    }
    found = pipeline;
  }
  if (found != nullptr) return found;
  const std::string nearest = NearestName(arguments[0], names);
  return NotFound(
      "no pipeline is called \"" + std::string(arguments[0]) + "\"; " +
      (nearest.empty() ? "`list` shows those of this program" : "did you mean " + nearest + "?"));
}

/// The pipeline, built from the options in `arguments`. Wrong ones end the program, and so does
/// --help.
Pipeline Build(const NamedPipeline& named, const std::string& title, Arguments arguments) {
  std::vector<std::string> texts = {title};
  for (std::string_view argument : arguments) texts.emplace_back(argument);
  std::vector<const char*> argv;
  for (const std::string& text : texts) argv.push_back(text.c_str());
  Pipeline pipeline(static_cast<int>(argv.size()), argv.data());
  named.build()(pipeline);
  return pipeline;
}

int Run(const std::string& program, Arguments arguments) {
  const Result<const NamedPipeline*> named = FindPipeline(arguments);
  if (!named.ok()) return Refuse(program + " run", named.status().message());
  Pipeline pipeline = Build(**named, program + " run " + (*named)->name(), arguments.subspan(1));
  return pipeline.Run().WaitUntilFinish().exit_code();
}

int Graph(const std::string& program, Arguments arguments) {
  const std::string title = program + " graph";
  const Result<const NamedPipeline*> named = FindPipeline(arguments);
  if (!named.ok()) return Refuse(title, named.status().message());
  GraphFormat format = GraphFormat::kTree;
  std::vector<std::string_view> options;
  for (size_t i = 1; i < arguments.size(); ++i) {
    std::string_view value = arguments[i];
    if (value == "--format") {
      value = i + 1 < arguments.size() ? arguments[++i] : "";
    } else if (value.starts_with("--format=")) {
      value.remove_prefix(std::string_view("--format=").size());
    } else {
      options.push_back(value);
      continue;
    }
    using Traits = OptionTraits<GraphFormat>;
    if (!Traits::Parse(value, &format)) {
      return Refuse(title, "option --format: expected " + Traits::Expected() + ", got \"" +
                               std::string(value) + "\"");
    }
  }
  const Pipeline pipeline = Build(**named, title + " " + (*named)->name(), options);
  const Result<std::string> drawn = pipeline.Draw(format, (*named)->name());
  if (!drawn.ok()) return Refuse(title, drawn.status().message());
  return Print(*drawn);
}

int List(const std::string& program, Arguments arguments) {
  if (!arguments.empty()) return Refuse(program + " list", "takes no arguments");
  const std::vector<const NamedPipeline*> pipelines = SortedPipelines();
  size_t width = 0;
  for (const NamedPipeline* p : pipelines) width = std::max(width, std::string(p->name()).size());
  std::string out;
  for (const NamedPipeline* p : pipelines) {
    std::string name = p->name();
    name.resize(width + 2, ' ');
    out += name + p->summary() + '\n';
  }
  if (pipelines.empty()) out = "This program has no pipelines; JOIST_PIPELINE names them.\n";
  return Print(out);
}

int RunCoders(const std::string& program, Arguments arguments) {
  const Result<std::string> text = Coders(arguments);
  if (!text.ok()) {
    Refuse(program + " coders", text.status().message());
    return text.status().code() == StatusCode::kDataLoss ? 1 : kWrongArguments;
  }
  return Print(*text);
}

int RunCheckpoint(const std::string& program, Arguments arguments) {
  struct Action {
    std::string_view name;
    size_t folders;
    Result<std::string> (*run)(const std::string& folder, const std::string& other);
  };
  using Text = const std::string&;
  constexpr Action kActions[] = {
      {"ls", 1, [](Text folder, Text) { return ListCheckpoints(folder); }},
      {"show", 1, [](Text folder, Text) { return ShowCheckpoint(folder); }},
      {"verify", 1, [](Text folder, Text) { return VerifyCheckpoints(folder); }},
      {"save", 2, [](Text folder, Text to) { return SaveCheckpoint(folder, to); }},
      {"drain", 1, [](Text folder, Text) { return AskJob(folder, JobRequest::kDrain); }},
      {"stop", 1, [](Text folder, Text) { return AskJob(folder, JobRequest::kStop); }}};
  const std::string title = program + " checkpoint";
  for (const Action& action : kActions) {
    if (arguments.size() != action.folders + 1 || arguments[0] != action.name) continue;
    const Result<std::string> text =
        action.run(std::string(arguments[1]), std::string(arguments.back()));
    if (text.ok()) return Print(*text);
    Refuse(title + " " + std::string(action.name), text.status().message());
    return 1;
  }
  return Refuse(title,
                "takes ls, show, verify, drain or stop and a folder, or save and two; "
                "--help has examples");
}

int RunReplay(const std::string& program, Arguments arguments) {
  const std::string title = program + " replay";
  ReplayRequest request;
  std::vector<std::string> words;
  for (size_t i = 0; i < arguments.size(); ++i) {
    std::string_view argument = arguments[i];
    std::string* to = nullptr;
    for (const auto& [name, value] :
         {std::pair("--debugger", &request.debugger), std::pair("--program", &request.program)}) {
      if (argument == name || argument.starts_with(std::string(name) + "=")) to = value;
    }
    if (to != nullptr) {
      const size_t equals = argument.find('=');
      if (equals == std::string_view::npos && i + 1 == arguments.size()) {
        return Refuse(title, "option " + std::string(argument) + " needs a value");
      }
      *to = equals == std::string_view::npos ? arguments[++i] : argument.substr(equals + 1);
    } else if (argument.starts_with("-")) {
      return Refuse(title, "unknown option " + std::string(argument) +
                               "; there are --debugger and --program");
    } else {
      words.emplace_back(argument);
    }
  }
  if (words.size() == 2 && words[0] == "ls") {
    const Result<std::string> text = ListFailures(words[1]);
    return text.ok() ? Print(*text) : Refuse(title + " ls", text.status().message());
  }
  if (words.size() != 1) {
    return Refuse(title, "takes the file of a failure, or ls and a folder; --help has examples");
  }
  request.file = words[0];
  const Result<int> exit_code = ReplayFailure(request);
  return exit_code.ok() ? *exit_code : Refuse(title, exit_code.status().message());
}

constexpr Command kCommands[] = {
    {"run", "run PIPELINE [--option=value …]", "Runs a pipeline",
     "Options behind the pipeline's name are the pipeline's and its runner's; --help lists them.\n"
     "--print_graph=tree|svg|dot shows the pipeline instead.\n"
     "\nExamples:\n"
     "  $ run wordcount --input='texts/*.txt' --output=counts\n"
     "  $ run wordcount --help\n",
     Run},
    {"list", "list", "Lists the pipelines of this program", "\nExample:\n  $ list\n", List},
    {"graph", "graph PIPELINE [--format=tree|svg|dot] [--option=value …]",
     "Shows a pipeline without running it",
     "tree is text for a terminal, svg a drawing that needs nothing else, dot for Graphviz. A\n"
     "number in brackets, or a colour, is the stage in which a step runs: those of one stage are\n"
     "one loop.\n"
     "\nExamples:\n"
     "  $ graph wordcount --output=counts\n"
     "  $ graph wordcount --output=counts --format=svg > wordcount.svg\n",
     Graph},
    {"coders", "coders [CODER | decode CODER HEX [--nested]]",
     "Shows Beam's standard coders, or what bytes mean",
     "A coder is a URN or its short name, with the coders that it is made of in angle brackets.\n"
     "--nested takes the bytes as they are inside of other coders.\n"
     "\nExamples:\n"
     "  $ coders\n"
     "  $ coders beam:coder:varint:v1\n"
     "  $ coders decode varint ac02\n"
     "  $ coders decode 'kv<string_utf8, varint>' 016102\n",
     RunCoders},
    {"checkpoint", "checkpoint ls|show|verify|save|drain|stop FOLDER [FOLDER]",
     "Shows and saves a stream's checkpoints, and ends the stream",
     "ls has a line for each checkpoint in the folder, show one for each step of the newest, with\n"
     "how far it has come, how many keys it knows and the bytes of its state. verify reads all of\n"
     "them. save copies the newest, with all that it needs, into another folder: a savepoint, "
     "with\n"
     "which a job may begin (--savepoint). drain lets the job that runs with the folder take\n"
     "nothing new, and end when all is done; stop lets it make a checkpoint and end.\n"
     "\nExamples:\n"
     "  $ checkpoint ls clicks.state\n"
     "  $ checkpoint show clicks.state\n"
     "  $ checkpoint show clicks.state/checkpoint-0000000041\n"
     "  $ checkpoint save clicks.state before-the-update\n"
     "  $ checkpoint stop clicks.state\n",
     RunCheckpoint},
    {"replay", "replay [--debugger=COMMAND] [--program=FILE] FILE | replay ls FOLDER",
     "Runs what failed in a job again, alone",
     "FILE is what a job has kept of a failure (--keep_failures) and named in its error. The\n"
     "program that failed, or the one of --program, is started with its arguments; instead of its\n"
     "job it gives the step that failed what it was given then. What the step puts out is shown\n"
     "and goes nowhere; what the function does by itself it does again. --debugger runs the\n"
     "program under gdb or lldb, which stop where something is thrown, or any other command. ls\n"
     "lists a folder of failures. Exit codes: 0 did not fail, 1 failed with the same error, 2\n"
     "cannot be replayed, 3 failed with a different error; with a debugger its own.\n"
     "\nExamples:\n"
     "  $ replay ls clicks.state/failures\n"
     "  $ replay clicks.state/failures/failure-000001\n"
     "  $ replay --debugger=gdb clicks.state/failures/failure-000001\n"
     "  $ replay --debugger='rr record' --program=build/debug/clicks failure-000001\n",
     RunReplay},
};

void AppendExamples(std::string_view text, const std::string& program, std::string* out) {
  for (const char c : text) {
    if (c == '$') {
      *out += program;
    } else {
      *out += c;
    }
  }
}

std::string Help(const std::string& program, const Command& command) {
  std::string help = "Usage: " + program + " " + std::string(command.usage) + "\n\n" +
                     std::string(command.summary) + ".\n";
  AppendExamples(command.more, program, &help);
  return help;
}

std::vector<Command> AllCommands(std::span<const Command> more) {
  std::vector<Command> commands(std::begin(kCommands), std::end(kCommands));
  commands.insert(commands.end(), more.begin(), more.end());
  return commands;
}

std::string Help(const std::string& program, const std::vector<Command>& commands) {
  std::string help = "Usage: " + program + " COMMAND [arguments]\n\nCommands:\n";
  for (const Command& command : commands) {
    std::string name(command.name);
    name.resize(14, ' ');
    help += "  " + name + std::string(command.summary) + '\n';
  }
  help += "\nExamples:\n";
  AppendExamples(
      "  $ list\n"
      "  $ run wordcount --input='texts/*.txt' --output=counts\n"
      "  $ graph wordcount --output=counts\n"
      "  $ coders decode varint ac02\n",
      program, &help);
  return help + "\n`" + program +
         " COMMAND --help` says more of a command. Exit codes: 0 done, 1 "
         "failed,\n2 wrong arguments, 130 after Ctrl-C.\n";
}

bool AsksForHelp(std::string_view argument) { return argument == "--help" || argument == "-h"; }

}  // namespace

int Main(int argc, const char* const* argv, std::span<const Command> more) {
  const std::vector<Command> commands = AllCommands(more);
  std::string program = argc > 0 ? argv[0] : "joist";
  program.erase(0, program.rfind('/') + 1);
  std::vector<std::string_view> words;
  for (int i = 1; i < argc; ++i) words.emplace_back(argv[i]);
  if (words.empty()) {
    std::fputs(Help(program, commands).c_str(), stderr);
    return kWrongArguments;
  }
  if (words[0] == "help") {  // `help run` is `run --help`.
    words.erase(words.begin());
    words.insert(words.size() > 1 ? words.begin() + 1 : words.end(), "--help");
  }
  if (AsksForHelp(words[0])) return Print(Help(program, commands));
  if (words[0] == "--version") return Print("joist " JOIST_VERSION "\n");
  std::vector<std::string> names;
  for (const Command& command : commands) {
    names.emplace_back(command.name);
    if (words[0] != command.name) continue;
    const Arguments arguments = Arguments(words).subspan(1);
    // Behind a pipeline's name it is the pipeline that is asked.
    if (!arguments.empty() && AsksForHelp(arguments[0])) return Print(Help(program, command));
    return command.run(program, arguments);
  }
  const std::string nearest = NearestName(words[0], names);
  return Refuse(program,
                "no command is called \"" + std::string(words[0]) + "\"; " +
                    (nearest.empty() ? "--help lists them" : "did you mean " + nearest + "?"));
}

}  // namespace joist::cli
