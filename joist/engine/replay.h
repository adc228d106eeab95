// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Replay: gives a step of a graph what it was given when it failed (KeptFailure), and nothing else
// of the graph. What it outputs goes nowhere, and is shown.

#ifndef JOIST_ENGINE_REPLAY_H_
#define JOIST_ENGINE_REPLAY_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "joist/base/status.h"
#include "joist/engine/kept_failure.h"
#include "joist/exec/element_tape.h"
#include "joist/model/graph.h"

namespace joist {

/// The environment variable that makes a process replay the file that it names.
inline constexpr const char* kReplayVariable = "JOIST_REPLAY";

/// What such a process ends with, beside 2 where it cannot: nothing that programs end with by
/// themselves, so that one which never comes to its pipeline is known.
enum ReplayExit : int { kReplayPassed = 120, kReplayFailedSame = 121, kReplayFailedOther = 122 };

struct ReplayOutcome {
  /// Why the step failed; nothing if it did not.
  std::optional<std::string> error;
  std::vector<ShownElements> outputs;  ///< By output.
};

/// An error where the step cannot be given that: it is another graph's, or the file makes no sense.
Result<ReplayOutcome> Replay(const Graph& graph, const KeptFailure& failure);

/// For people: what came out, and whether it failed again, the last line.
std::string DescribeReplay(const KeptFailure& failure, const ReplayOutcome& outcome);

/// The exit code that says the same.
ReplayExit ReplayExitOf(const KeptFailure& failure, const ReplayOutcome& outcome);

}  // namespace joist

#endif  // JOIST_ENGINE_REPLAY_H_
