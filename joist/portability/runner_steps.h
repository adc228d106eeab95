// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// RunnerStep: what a user sees of a job as one step: a stage of his functions, or something that
// the runner does itself, which may be several nodes of the engine's graph.

#ifndef JOIST_PORTABILITY_RUNNER_STEPS_H_
#define JOIST_PORTABILITY_RUNNER_STEPS_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "joist/engine/job_status.h"
#include "joist/model/graph.h"
#include "joist/portability/expanded_pipeline.h"
#include "joist/portability/fused_stages.h"
#include "joist/portability/stage_figures.h"

namespace joist::portability {

struct RunnerStep {
  std::string name = {};        ///< That of its first transform, and how many follow.
  std::vector<int> nodes = {};  ///< Of the graph, in its order; the last gives the output.
  std::shared_ptr<const StageFigures> figures = {};  ///< Null for what the runner does itself.
};

/// What JobWatch sees of a graph, by steps. Immutable; thread-safe.
class RunnerSteps {
 public:
  RunnerSteps(const Graph& graph, std::vector<RunnerStep> steps);

  /// `status` is of the graph.
  JobStatus Of(const JobStatus& status) const;
  /// The same of what a job that has ended has counted.
  JobMetrics Of(const JobMetrics& metrics) const;

 private:
  static constexpr size_t kNone = static_cast<size_t>(-1);

  const std::vector<RunnerStep> steps_;
  std::vector<size_t> shown_;    ///< By node: its place in JobStatus::steps; kNone for a Flatten.
  std::vector<size_t> step_of_;  ///< By place in JobStatus::steps; kNone where it belongs to none.
};

/// A tree for a terminal: each transform by its name, and in brackets the step in which it runs, of
/// `stages`: those with one number run together in a worker.
std::string DrawRunnerSteps(const ExpandedPipeline& pipeline, const std::vector<FusedStage>& stages,
                            std::string_view job);

}  // namespace joist::portability

#endif  // JOIST_PORTABILITY_RUNNER_STEPS_H_
