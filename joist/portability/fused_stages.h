// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// FuseStages: which transforms of SDKs are executed together, in one bundle of one worker: those
// that hand elements on to one another, as long as they have one environment, none of them keeps
// state by key or splits its elements but the first, and none waits for a side input that is made
// of what the stage itself gives, or by other windows than those in which elements come to the
// stage, where they wait. Pure.

#ifndef JOIST_PORTABILITY_FUSED_STAGES_H_
#define JOIST_PORTABILITY_FUSED_STAGES_H_

#include <string>
#include <vector>

#include "joist/portability/expanded_pipeline.h"

namespace joist::portability {

struct FusedStage {
  std::string environment;           ///< Empty: one transform, which the runner executes itself.
  std::string input;                 ///< The collection that it reads; empty where none, or many.
  std::vector<size_t> transforms;    ///< In the pipeline's order.
  std::vector<std::string> outputs;  ///< Collections that other stages read.
};

/// Each after those that it reads from.
std::vector<FusedStage> FuseStages(const ExpandedPipeline& pipeline);

}  // namespace joist::portability

#endif  // JOIST_PORTABILITY_FUSED_STAGES_H_
