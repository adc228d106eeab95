// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// BatchSizeEstimator: how many elements to hand to a model at once, learned from how long the last
// batches took. A batch costs a fixed amount and something for each element: both come from a least
// squares line through what was measured, and the size is the largest for which the line stays
// below the wanted time, as in Beam's BatchElements. Pure: whoever uses it has the clock. For one
// thread.

#ifndef JOIST_ML_BATCH_SIZE_ESTIMATOR_H_
#define JOIST_ML_BATCH_SIZE_ESTIMATOR_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "joist/model/fields.h"
#include "joist/model/timestamp.h"

namespace joist {

/// Beam's batch_elements_kwargs.
struct BatchElementsKwargs {
  int64_t min_batch_size = 1;
  int64_t max_batch_size = 1024;
  Duration target_batch_duration = Duration::Millis(1000);
};
JOIST_ROW(BatchElementsKwargs, min_batch_size, max_batch_size, target_batch_duration)

class BatchSizeEstimator {
 public:
  /// `limits` with 1 <= min_batch_size <= max_batch_size.
  explicit BatchSizeEstimator(const BatchElementsKwargs& limits) : limits_(limits) {}

  /// The size of the next batch; it doubles until the line can be trusted.
  int64_t NextBatchSize() const;
  /// A batch of `size` elements (1 or more) took `seconds`.
  void Record(int64_t size, double seconds);

 private:
  static constexpr size_t kSamples = 64;  // The latest; a model's speed may change.
  struct Sample {
    double size = 0;
    double seconds = 0;
  };

  BatchElementsKwargs limits_;
  std::array<Sample, kSamples> samples_;
  size_t recorded_ = 0;
  int64_t last_size_ = 0;
};

}  // namespace joist

#endif  // JOIST_ML_BATCH_SIZE_ESTIMATOR_H_
