// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// MakeRunnerGraph: a portable pipeline as a graph of the embedded engine: what an SDK executes as
// RemoteStages, the rest as steps over encoded elements.

#ifndef JOIST_PORTABILITY_RUNNER_GRAPH_H_
#define JOIST_PORTABILITY_RUNNER_GRAPH_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "joist/base/status.h"
#include "joist/model/graph.h"
#include "joist/portability/beam_names.h"
#include "joist/portability/expanded_pipeline.h"
#include "joist/portability/fused_stages.h"
#include "joist/portability/job_counters.h"
#include "joist/portability/job_workers.h"
#include "joist/portability/runner_steps.h"

namespace joist::portability {

struct RunnerGraphSetup {
  std::string job_id = {};                   ///< Descriptors' ids begin with it.
  bool is_stream = false;                    ///< Also where all of the input ends.
  std::shared_ptr<JobWorkers> workers = {};  ///< Null: the graph is only looked at.
  std::shared_ptr<JobCounters> counters = {};
};

struct RunnerGraph {
  std::unique_ptr<Graph> graph;
  std::vector<FusedStage> stages;
  std::vector<RunnerStep> steps;  ///< Of the graph's nodes: the stages that are no Flatten.
};

/// Of `pipeline`, whose components get what the stages need. UNIMPLEMENTED names what cannot be
/// run.
Result<RunnerGraph> MakeRunnerGraph(ExpandedPipeline* pipeline, const RunnerGraphSetup& setup);

}  // namespace joist::portability

#endif  // JOIST_PORTABILITY_RUNNER_GRAPH_H_
