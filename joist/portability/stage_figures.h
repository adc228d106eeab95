// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// StageFigures: what a stage of SDK code does while it does it, over all of its threads. What is
// done again after a failure counts again. Thread-safe; counted by the batch.

#ifndef JOIST_PORTABILITY_STAGE_FIGURES_H_
#define JOIST_PORTABILITY_STAGE_FIGURES_H_

#include <atomic>
#include <cstdint>

namespace joist::portability {

struct StageFigures {
  std::atomic<uint64_t> elements_in{0};
  std::atomic<uint64_t> elements_out{0};
  std::atomic<uint64_t> bundles{0};  ///< That the SDK has answered.
};

}  // namespace joist::portability

#endif  // JOIST_PORTABILITY_STAGE_FIGURES_H_
