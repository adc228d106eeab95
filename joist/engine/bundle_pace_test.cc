// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/engine/bundle_pace.h"

#include <gtest/gtest.h>

#include <random>

namespace joist {
namespace {

using Time = BundlePace::Time;

constexpr Time kMost{20'000};

/// Bundles that take `fixed` and, for each microsecond that sources have, `factor` more; what the
/// last one took.
Time AfterBundles(BundlePace& pace, int bundles, Time fixed, int factor) {
  Time took{};
  for (int i = 0; i < bundles; ++i) {
    took = fixed + pace.time() * factor;
    pace.Note(took, /*was_time_up=*/true);
  }
  return took;
}

TEST(BundlePace, BeginsWithLittleAndComesToTheTimeOfAWholeBundle) {
  BundlePace pace(kMost);
  EXPECT_EQ(pace.time(), Time(1'000));
  EXPECT_NEAR(AfterBundles(pace, 20, {}, 4).count(), kMost.count(), 100);
  EXPECT_NEAR(pace.time().count(), static_cast<double>(kMost.count()) / 4, 50);
}

TEST(BundlePace, ShrinksAtOnceWhereStepsBecomeSlow) {
  BundlePace pace(kMost);
  AfterBundles(pace, 20, {}, 2);
  EXPECT_NEAR(AfterBundles(pace, 1, {}, 100).count(), kMost.count() * 50, 1'000);
  EXPECT_LE(AfterBundles(pace, 3, {}, 100), 2 * kMost);
  EXPECT_NEAR(AfterBundles(pace, 30, {}, 100).count(), kMost.count(), 500);
}

TEST(BundlePace, HasALeastTime) {
  BundlePace pace(kMost);
  AfterBundles(pace, 5, {}, 1'000'000);
  EXPECT_EQ(pace.time(), Time(50));
  EXPECT_EQ(BundlePace(Time(20)).time(), Time(20));
}

TEST(BundlePace, DoesNotGrowWhileSourcesWait) {
  BundlePace pace(kMost);
  for (int i = 0; i < 20; ++i) pace.Note(Time(10), /*was_time_up=*/false);
  EXPECT_EQ(pace.time(), Time(1'000));
}

TEST(BundlePace, LeavesRoomForWhatABundleTakesInAnyCase) {
  BundlePace pace(kMost);
  EXPECT_NEAR(AfterBundles(pace, 100, Time(5'000), 9).count(), kMost.count(), 1'000);
}

TEST(BundlePace, DoesNotStarveSourcesWhereLittleTakesAsLongAsMuch) {
  BundlePace pace(kMost);
  AfterBundles(pace, 20, Time(200'000), 1);
  for (int i = 0; i < 100; ++i) {
    AfterBundles(pace, 1, Time(200'000), 1);
    EXPECT_EQ(pace.time(), kMost) << "a step waits 200 ms for a service at the end of each bundle";
  }
}

TEST(BundlePace, StaysNearInSpiteOfNoise) {
  BundlePace pace(kMost);
  std::mt19937 random(1);
  double sum = 0;
  constexpr int kBundles = 2'000;
  for (int i = 0; i < kBundles; ++i) {
    const auto noise = 0.7 + 0.6 * static_cast<double>(random()) / 4294967296.0;
    const Time took(static_cast<int64_t>(static_cast<double>(pace.time().count()) * 50 * noise));
    pace.Note(took, /*was_time_up=*/true);
    sum += static_cast<double>(took.count());
    EXPECT_LT(took, 5 * kMost);
  }
  EXPECT_NEAR(sum / kBundles, kMost.count(), static_cast<double>(kMost.count()) / 4);
}

}  // namespace
}  // namespace joist
