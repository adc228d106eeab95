// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Main: the commands of the `joist` program, for it and for programs with pipelines of their own
// (joist/cli/pipeline.h).

#ifndef JOIST_CLI_MAIN_H_
#define JOIST_CLI_MAIN_H_

#include <span>

#include "joist/cli/command.h"

namespace joist::cli {

/// Runs the command that the arguments name; `program --help` lists them. The exit code: 0 done, 1
/// failed, 2 wrong arguments, options or pipeline (after one line on stderr), 130 after Ctrl-C.
/// `more` are commands besides those that every program has.
int Main(int argc, const char* const* argv, std::span<const Command> more = {});

}  // namespace joist::cli

#endif  // JOIST_CLI_MAIN_H_
