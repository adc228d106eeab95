// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// For tests: pipelines with much more data than --memory allows.

#ifndef JOIST_ENGINE_LITTLE_MEMORY_H_
#define JOIST_ENGINE_LITTLE_MEMORY_H_

#include <gtest/gtest.h>

#include <vector>

#include "joist/sdk/testing/test_pipeline.h"

namespace joist {

inline constexpr int64_t kLimit = int64_t{4} << 20;
/// What holders may exceed their parts by: a slab, a batch or a page each.
inline constexpr int64_t kTolerance = int64_t{2} << 20;

inline void ExpectSpilledWithinLimit(const JobOutcome& outcome) {
  ASSERT_TRUE(outcome.status.ok()) << outcome.status.message();
  EXPECT_GT(outcome.metrics.spilled_bytes, 0);
  EXPECT_LE(outcome.metrics.peak_memory_bytes, kLimit + kTolerance);
}

/// A source of 0, 1, … up to `count`.
struct Numbers {
  using Element = int64_t;
  int64_t count = 0;
  Result<std::vector<SourceRange>> Split(int) const {
    return std::vector<SourceRange>{{0, 0, count, true}};
  }
  Status Read(RangeTracker& tracker, SourceOutput<int64_t>& out) const {
    int64_t begin, end;
    while (tracker.Claim(kBatchSize, &begin, &end)) {
      for (int64_t i = begin; i < end; ++i) out(i);
    }
    return OkStatus();
  }
};
JOIST_ROW(Numbers, count)

}  // namespace joist

#endif  // JOIST_ENGINE_LITTLE_MEMORY_H_
