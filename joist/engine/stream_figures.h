// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// StreamFigures: what a StreamRun knows of itself between two bundles, as it is: JobWatch makes of
// it what people see.

#ifndef JOIST_ENGINE_STREAM_FIGURES_H_
#define JOIST_ENGINE_STREAM_FIGURES_H_

#include <cstdint>
#include <vector>

#include "joist/exec/metrics.h"
#include "joist/exec/step.h"
#include "joist/model/timestamp.h"

namespace joist {

/// Of a step, in all lanes.
struct StepFigures {
  StepStats stats;       ///< What the checkpoint had from which the run has gone on included.
  OperatorStatus holds;  ///< For what it holds time: that of the lane which holds it most.
  Timestamp watermark;   ///< Of its output.
  uint64_t blocked = 0;  ///< Ticks that lanes have waited for it in another.
};

struct StreamFigures {
  int lanes = 0;
  uint64_t bundles = 0;
  Timestamp now;                   ///< The stream's processing time.
  std::vector<StepFigures> steps;  ///< By node.
};

}  // namespace joist

#endif  // JOIST_ENGINE_STREAM_FIGURES_H_
