// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// RunWatched: RunEmbedded for who shows jobs himself, such as a server that runs several.

#ifndef JOIST_ENGINE_WATCHED_RUN_H_
#define JOIST_ENGINE_WATCHED_RUN_H_

#include <functional>
#include <string>

#include "joist/engine/job_status.h"
#include "joist/model/graph.h"
#include "joist/sdk/runner.h"

namespace joist {

/// Both are called until the run has ended, by any of its threads.
struct RunObserver {
  /// A few times a second, while no operator is at work: it should not take long.
  std::function<void(const JobStatus&)> show;
  /// Takes the lines of the job's log, without their ends, which else are written to stderr.
  std::function<void(const std::string&)> tell;
};

/// As RunEmbedded; `observer` outlives the call.
JobOutcome RunWatched(const Graph& graph, const RunSettings& settings, const JobRequests& requests,
                      const RunObserver& observer);

}  // namespace joist

#endif  // JOIST_ENGINE_WATCHED_RUN_H_
