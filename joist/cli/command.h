// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#ifndef JOIST_CLI_COMMAND_H_
#define JOIST_CLI_COMMAND_H_

#include <span>
#include <string>
#include <string_view>

namespace joist::cli {

/// A command of the `joist` program.
struct Command {
  std::string_view name = {};
  std::string_view usage = {};
  std::string_view summary = {};
  /// For `program NAME --help`, with examples; "$" is the program.
  std::string_view more = {};
  /// Gets what stands behind the command's name; gives the program's exit code.
  int (*run)(const std::string& program, std::span<const std::string_view> arguments) = nullptr;
};

}  // namespace joist::cli

#endif  // JOIST_CLI_COMMAND_H_
