// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// RemoteStage: a fused stage of an SDK's transforms as one step of the engine's graph. Its operator
// sends what it is pushed to a worker, as a bundle, and pushes what comes back. It keeps the states
// and timers of keys, side inputs, and restrictions that are yet to be worked on.

#ifndef JOIST_PORTABILITY_REMOTE_STAGE_H_
#define JOIST_PORTABILITY_REMOTE_STAGE_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "joist/exec/step.h"
#include "joist/portability/beam_names.h"
#include "joist/portability/job_counters.h"
#include "joist/portability/job_workers.h"
#include "joist/portability/keyed_state.h"
#include "joist/portability/opaque_windows.h"
#include "joist/portability/sdk_error.h"
#include "joist/portability/side_input_state.h"
#include "joist/portability/stage_figures.h"
#include "joist/portability/window_codec.h"
#include "joist/portability/wire_coder.h"

namespace joist::portability {

/// Where a stage's elements leave it.
struct RemoteOutput {
  std::string collection = {};
  std::string sink = {};  ///< Transform of the descriptor.
  WireCoder coder = {};
  WindowCodec windows = WindowCodec::ForGlobal();
};

/// What has the SDK cut restrictions to what is to be done before the job ends.
struct Truncation {
  std::string descriptor_id = {};  ///< From the stage's source to one sink.
  WireCoder coder = {};            ///< Of the stage's input.
};

/// Immutable but for the workers and counters; thread-safe.
struct RemoteStage {
  std::string environment = {};
  std::string descriptor_id = {};
  std::string source = {};                         ///< Transform of the descriptor.
  WindowCodec windows = WindowCodec::ForGlobal();  ///< Of the input.
  /// Those of the job, where the input's windows are of the SDK's own; null else.
  std::shared_ptr<OpaqueWindows> opaque_windows = {};
  bool saves_windows = false;  ///< One stage of a job is the one that saves them, and forgets.
  std::vector<RemoteOutput> outputs = {};
  std::vector<SideInputSpec> side_inputs = {};  ///< As the step's side inputs are in the graph.
  std::optional<KeyedStateSpec> state = {};
  /// The splittable function that it begins with: a transform of the descriptor; empty if none.
  std::string splittable = {};
  bool shares_bundles = false;  ///< What it begins with comes from DealtElements.
  /// Of `splittable`; none: the SDK has none, and all goes on to its end.
  std::optional<Truncation> truncation = {};
  std::string run_id = {};  ///< Names this run of the job.
  std::shared_ptr<JobWorkers> workers = {};
  std::shared_ptr<JobCounters> counters = {};
  std::shared_ptr<StageFigures> figures = std::make_shared<StageFigures>();
  std::vector<SdkStep> transforms = {};
};

/// One input of std::string, or, where `stage` has state, of KV<std::string, std::string>: encoded
/// elements; where it shares bundles, of SharedBundleRef. Outputs of std::string.
std::shared_ptr<Step> MakeRemoteStage(RemoteStage stage);

}  // namespace joist::portability

#endif  // JOIST_PORTABILITY_REMOTE_STAGE_H_
