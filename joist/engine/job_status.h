// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// JobStatus: what there is to see of a job while it runs. Plain values; JobWatch gathers them,
// LiveView and PrometheusText show them.
//
// What is counted is what this process has done: it begins with zero, and what is done again after
// a failure counts again. The users' metrics are exact, as at the end of the job.

#ifndef JOIST_ENGINE_JOB_STATUS_H_
#define JOIST_ENGINE_JOB_STATUS_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "joist/exec/step.h"
#include "joist/model/graph.h"
#include "joist/model/timestamp.h"
#include "joist/sdk/metrics.h"

namespace joist {

/// Which step keeps a watermark from going on, and what that step waits for.
struct WatermarkHolder {
  size_t step = 0;  ///< In JobStatus::steps.
  OperatorStatus::Holds holds = OperatorStatus::Holds::kNothing;
};

/// "source", "side input", …; "itself" where the step does not say.
std::string_view HoldsName(OperatorStatus::Holds holds);

struct StepStatus {
  std::string name;  ///< Full.
  uint64_t elements_in = 0;
  double bytes_in = 0;  ///< As they are encoded, about; 0 where that is not known.
  uint64_t elements_out = 0;
  uint64_t dropped_late = 0;  ///< Elements, once a window.
  /// In its functions and in its own work, summed over threads.
  double busy_seconds = 0;

  // Of a stream alone. Lanes are at work for busy + blocked + idle seconds, all together.

  double blocked_seconds =
      0;                    ///< Lanes have waited for another one, which was longest in this step.
  double idle_seconds = 0;  ///< It had nothing to do.
  Timestamp watermark = Timestamp::Min();  ///< Of its output; Min() while nothing is known.
  std::optional<Duration> lag;  ///< Behind the stream's clock. None at both ends of time.
  std::optional<WatermarkHolder> held_by;  ///< None at the end of time.
  OperatorStatus holds;                    ///< Of all lanes.
};

struct CheckpointStatus {
  uint64_t number = 0;
  Timestamp made_at;             ///< On the wall.
  std::optional<Duration> took;  ///< Until it was safe; none where another process made it.
  uint64_t bytes = 0;            ///< Of state, before it is compressed.
};

struct JobStatus {
  std::string job;
  Timestamp started_at;   ///< On the wall, as is the next.
  Timestamp gathered_at;  ///< Older than a second: a step is long at work on a bundle.
  Duration run_time;
  uint64_t failures = 0;  ///< After which something was tried again.
  int64_t memory_bytes = 0;
  int64_t memory_limit = 0;
  int64_t spilled_bytes = 0;
  std::vector<StepStatus> steps;  ///< In the order of the graph, without Flatten.
  std::vector<StepMetric> metrics;

  bool is_stream = false;
  // Of a stream.
  bool is_paused = false;  ///< After a failure, before it is tried again.
  int lanes = 0;
  uint64_t bundles = 0;      ///< Of SDK workers also where the input ends.
  uint64_t checkpoints = 0;  ///< Made by this process.
  std::optional<CheckpointStatus> checkpoint;
  // Of input that ends.
  size_t stage = 0;  ///< From 1.
  size_t stages = 0;
  double stage_progress = 0;  ///< 0 to 1.
};

/// By node: the node that holds back its watermark, which is itself, or an ancestor: the one with
/// the lowest watermark whose own input is further. -1 where the watermark is at the end of time.
/// `watermarks`: by node, of its output.
std::vector<int> FindHolders(const Graph& graph, const std::vector<Timestamp>& watermarks);

}  // namespace joist

#endif  // JOIST_ENGINE_JOB_STATUS_H_
