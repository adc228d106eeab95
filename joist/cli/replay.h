// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// `joist replay`: what failed in a job and was kept, listed and run again alone.

#ifndef JOIST_CLI_REPLAY_H_
#define JOIST_CLI_REPLAY_H_

#include <string>
#include <string_view>
#include <vector>

#include "joist/base/status.h"
#include "joist/engine/kept_failure.h"

namespace joist::cli {

/// A line for each failure that is kept in the folder, or what is wrong.
Result<std::string> ListFailures(const std::string& directory);

/// What it is, for people.
std::string ShowFailure(const std::string& file, const KeptFailure& failure);

struct ReplayRequest {
  std::string file;
  std::string debugger;  ///< Its command line; empty: none.
  std::string program;   ///< Instead of the one that failed, a build for a debugger, say.
};

/// The command that replays `failure`, by words: the debugger's, the program, its arguments. gdb
/// and lldb are told to run at once and to stop where something is thrown.
std::vector<std::string> ReplayCommand(const ReplayRequest& request, const KeptFailure& failure);

/// Shows the failure, then runs its program in its folder up to the pipeline. The exit code: 0 it
/// did not fail, 1 it failed with the same error, 3 with a different one or by a signal; with a
/// debugger this process becomes the debugger. An error where it cannot be replayed.
Result<int> ReplayFailure(const ReplayRequest& request);

}  // namespace joist::cli

#endif  // JOIST_CLI_REPLAY_H_
