// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Commands that consist of actions on a server: "topic create NAME …", "table query SQL".

#ifndef JOIST_APPS_JOIST_ACTIONS_H_
#define JOIST_APPS_JOIST_ACTIONS_H_

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "joist/base/status.h"
#include "joist/cli/command_options.h"

namespace joist::apps {

using Words = std::vector<std::string>;

/// `Options` are what the command line says, `Client` is who asks the server.
template <class Options, class Client>
struct Action {
  std::string_view name;
  /// For the options, where it isn't `name`.
  std::string_view options;
  size_t least_words;
  size_t most_words;
  /// What is to be printed goes to `out`.
  Status (*run)(const Words& words, const Options& options, Client* client, std::string* out);
};

/// How the actions of a command get at their options and their server.
template <class Options, class Client>
struct ActionServer {
  OptionFields (*fields_of)(Options* options, std::string_view action_options);
  Result<std::unique_ptr<Client>> (*connect)(const Options& options);
};

/// Says on stderr what is wrong; gives `exit_code`.
int Refuse(const std::string& title, const std::string& why, int exit_code);
/// Says it where there are too few or too many words.
Status CheckWords(size_t words, size_t least, size_t most);
/// Prints what an action says, even where it failed; gives the exit code.
int Finish(const std::string& title, const Status& done, const std::string& out);

/// Runs the action that the first argument names. Gives the exit code: 1 where it failed, 2 where
/// the arguments are wrong.
template <class Options, class Client>
int RunActions(const std::string& title, std::span<const Action<Options, Client>> actions,
               const ActionServer<Options, Client>& server,
               std::span<const std::string_view> arguments) {
  std::string known;
  for (const auto& action : actions) {
    known += (known.empty() ? "" : ", ") + std::string(action.name);
    if (arguments.empty() || arguments[0] != action.name) continue;
    const std::string full = title + " " + std::string(action.name);
    Options options;
    Words words;
    Status read = cli::ReadCommandOptions(arguments.subspan(1),
                                          server.fields_of(&options, action.options), &words);
    if (read.ok()) read = CheckWords(words.size(), action.least_words, action.most_words);
    if (!read.ok()) return Refuse(full, read.message(), 2);
    auto client = server.connect(options);
    if (!client.ok()) return Refuse(full, client.status().message(), 2);
    std::string out;
    const Status done = action.run(words, options, client.value().get(), &out);
    return Finish(full, done, out);
  }
  return Refuse(title, "takes " + known + "; --help has examples", 2);
}

}  // namespace joist::apps

#endif  // JOIST_APPS_JOIST_ACTIONS_H_
