// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/ml/batch_size_estimator.h"

#include <algorithm>

namespace joist {

void BatchSizeEstimator::Record(int64_t size, double seconds) {
  samples_[recorded_ % kSamples] = {static_cast<double>(size), seconds};
  ++recorded_;
  last_size_ = size;
}

int64_t BatchSizeEstimator::NextBatchSize() const {
  const auto limited = [&](double size) {
    return static_cast<int64_t>(std::clamp(size, static_cast<double>(limits_.min_batch_size),
                                           static_cast<double>(limits_.max_batch_size)));
  };
  if (recorded_ == 0) return limits_.min_batch_size;
  const size_t count = std::min(recorded_, kSamples);
  const auto n = static_cast<double>(count);
  double mean_size = 0;
  double mean_seconds = 0;
  for (size_t i = 0; i < count; ++i) {
    mean_size += samples_[i].size / n;
    mean_seconds += samples_[i].seconds / n;
  }
  double spread = 0;
  double together = 0;
  for (size_t i = 0; i < count; ++i) {
    const double off = samples_[i].size - mean_size;
    spread += off * off;
    together += off * (samples_[i].seconds - mean_seconds);
  }
  const double target = static_cast<double>(limits_.target_batch_duration.millis) / 1000;
  // Never more than twice the last batch: a line through noise may promise anything.
  const double most = 2 * static_cast<double>(last_size_);
  const double each = spread > 0 ? together / spread : 0;
  if (each <= 0) {
    // Sizes say nothing about times yet: grow while there is time left, else halve.
    return limited(mean_seconds < target ? most : static_cast<double>(last_size_) / 2);
  }
  const double fixed = std::max(0.0, mean_seconds - each * mean_size);
  return limited(std::min(most, (target - fixed) / each));
}

}  // namespace joist
