// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Batch sizes for models whose speed is known.

#include "joist/ml/batch_size_estimator.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace joist {
namespace {

BatchElementsKwargs Limits(int64_t least, int64_t most, int64_t millis) {
  BatchElementsKwargs limits;
  limits.min_batch_size = least;
  limits.max_batch_size = most;
  limits.target_batch_duration = Duration::Millis(millis);
  return limits;
}

/// The size after `batches` batches of a model that takes fixed + each * n seconds, by and large.
int64_t SizeAfter(int batches, const BatchElementsKwargs& limits, double fixed, double each,
                  double noise) {
  BatchSizeEstimator estimator(limits);
  std::mt19937 random(5);
  for (int i = 0; i < batches; ++i) {
    const int64_t size = estimator.NextBatchSize();
    EXPECT_GE(size, limits.min_batch_size);
    EXPECT_LE(size, limits.max_batch_size);
    const double factor = 1 + noise * (static_cast<double>(random() % 2001) / 1000 - 1);
    estimator.Record(size, (fixed + each * static_cast<double>(size)) * factor);
  }
  return estimator.NextBatchSize();
}

TEST(BatchSizeEstimator, BeginsSmall) {
  EXPECT_EQ(BatchSizeEstimator(Limits(3, 100, 10)).NextBatchSize(), 3);
}

TEST(BatchSizeEstimator, FindsTheSizeForTheTime) {
  // 10 ms and 1 ms for each element: 90 elements take 100 ms.
  EXPECT_NEAR(SizeAfter(100, Limits(1, 1000, 100), 0.010, 0.001, 0), 90, 1);
  EXPECT_NEAR(SizeAfter(500, Limits(1, 1000, 100), 0.010, 0.001, 0.1), 90, 25);
}

TEST(BatchSizeEstimator, StaysWithinItsLimits) {
  EXPECT_EQ(SizeAfter(100, Limits(1, 50, 1000), 0.001, 1e-6, 0.2), 50);  // Fast.
  EXPECT_EQ(SizeAfter(100, Limits(4, 50, 10), 1.0, 0.5, 0.2), 4);        // Hopeless.
  EXPECT_EQ(SizeAfter(100, Limits(7, 7, 10), 0.01, 0.01, 0.2), 7);
  EXPECT_EQ(SizeAfter(100, Limits(1, 64, 10), 0, 0, 0), 64);  // No time at all.
}

TEST(BatchSizeEstimator, FollowsAModelThatSlowsDown) {
  const BatchElementsKwargs limits = Limits(1, 1000, 100);
  BatchSizeEstimator estimator(limits);
  int64_t before = 0;
  for (int i = 0; i < 400; ++i) {
    const int64_t size = estimator.NextBatchSize();
    if (i == 200) before = size;
    estimator.Record(size, (i < 200 ? 0.0005 : 0.005) * static_cast<double>(size));
  }
  EXPECT_NEAR(static_cast<double>(before), 200, 5);
  EXPECT_NEAR(static_cast<double>(estimator.NextBatchSize()), 20, 5);
}

}  // namespace
}  // namespace joist
