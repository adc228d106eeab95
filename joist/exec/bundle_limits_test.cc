// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/exec/bundle_limits.h"

#include <gtest/gtest.h>

namespace joist {
namespace {

using Time = BundleLimits::Time;

constexpr BundleLimits::Most kMost{1'000, Time(20'000), 1'000};

/// Bundles whose functions use the time that they have, and whose other steps take `factor` times
/// as long.
Time AfterBundles(BundleLimits& limits, int bundles, int factor) {
  Time took{};
  for (int i = 0; i < bundles; ++i) {
    limits.Begin();
    limits.NoteTimeIsUp();
    took = limits.time() * (1 + factor);
    limits.End(took);
  }
  return took;
}

TEST(BundleLimits, BeginWithLittleAndComeToTheTimeOfAWholeBundle) {
  BundleLimits limits(kMost);
  EXPECT_EQ(limits.time(), Time(1'000));
  EXPECT_EQ(AfterBundles(limits, 20, 3), kMost.time);
  EXPECT_EQ(limits.time(), kMost.time / 4);
}

TEST(BundleLimits, ShrinkAtOnceWhereStepsBecomeSlow) {
  BundleLimits limits(kMost);
  AfterBundles(limits, 20, 1);
  EXPECT_EQ(AfterBundles(limits, 1, 99), kMost.time * 50);
  EXPECT_EQ(AfterBundles(limits, 1, 99), kMost.time);
}

TEST(BundleLimits, HaveALeastTime) {
  BundleLimits limits(kMost);
  AfterBundles(limits, 3, 1'000'000);
  EXPECT_EQ(limits.time(), Time(50));
  EXPECT_EQ(BundleLimits({1, Time(20), 1}).time(), Time(20));
}

TEST(BundleLimits, DoNotGrowWhileFunctionsWait) {
  BundleLimits limits(kMost);
  for (int i = 0; i < 20; ++i) {
    limits.Begin();
    limits.End(Time(10));
  }
  EXPECT_EQ(limits.time(), Time(1'000));
}

}  // namespace
}  // namespace joist
