// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Options of a command or program that runs no pipeline: only those that it names itself, written
// as all of Joist's options are (joist/sdk/options.h).
//
//   OptionFields fields;
//   fields.Add(settings.rate, "rate", "Events a second");
//   JOIST_RETURN_IF_ERROR(ReadCommandOptions(arguments, fields));

#ifndef JOIST_CLI_COMMAND_OPTIONS_H_
#define JOIST_CLI_COMMAND_OPTIONS_H_

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "joist/base/status.h"
#include "joist/sdk/options.h"

namespace joist::cli {

/// Reads --name=value, --name value, --flag and --noflag into the fields' targets. Arguments that
/// are no options go to `words`; without it they are refused, as are unknown options, wrong values,
/// and an option that must be given and isn't.
Status ReadCommandOptions(std::span<const std::string_view> arguments, const OptionFields& fields,
                          std::vector<std::string>* words = nullptr);

/// A paragraph for each option: its name and type, help and default.
std::string CommandOptionsHelp(const OptionFields& fields);

/// Whether --help or -h is among the arguments.
bool AskForHelp(std::span<const std::string_view> arguments);

}  // namespace joist::cli

#endif  // JOIST_CLI_COMMAND_OPTIONS_H_
