// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/model/offset_range.h"

#include <gtest/gtest.h>

#include <limits>
#include <random>
#include <stdexcept>

namespace joist {
namespace {

constexpr int64_t kEnd = std::numeric_limits<int64_t>::max();

TEST(OffsetRange, SplitsIntoPiecesThatCoverIt) {
  EXPECT_EQ((OffsetRange{0, 10}).Split(4), (std::vector<OffsetRange>{{0, 4}, {4, 8}, {8, 10}}));
  EXPECT_EQ((OffsetRange{-3, 3}).Split(100), (std::vector<OffsetRange>{{-3, 3}}));
  EXPECT_TRUE((OffsetRange{5, 5}).Split(1).empty());
  EXPECT_EQ((OffsetRange{std::numeric_limits<int64_t>::min(), kEnd}).Split(kEnd).size(), 3u);
}

TEST(OffsetRange, HasASizeWhereItHasAnEnd) {
  EXPECT_EQ((OffsetRange{3, 10}).Size(), 7);
  EXPECT_EQ((OffsetRange{10, 3}).Size(), 0);
  EXPECT_EQ((OffsetRange{3, std::numeric_limits<int64_t>::max()}).Size(), std::nullopt);
}

TEST(OffsetTracker, ClaimsInOrderUpToTheEnd) {
  OffsetTracker tracker({3, 6});
  EXPECT_TRUE(tracker.TryClaim(3));
  EXPECT_TRUE(tracker.TryClaim(5));
  EXPECT_FALSE(tracker.TryClaim(6));
  EXPECT_TRUE(tracker.CheckDone().ok());
}

TEST(OffsetTracker, RefusesClaimsOutOfOrder) {
  OffsetTracker tracker({3, 6});
  EXPECT_THROW(tracker.TryClaim(2), std::logic_error);
  tracker.TryClaim(4);
  EXPECT_THROW(tracker.TryClaim(4), std::logic_error);
}

TEST(OffsetTracker, SaysWhatWasLeftOut) {
  OffsetTracker tracker({0, 10});
  EXPECT_NE(tracker.CheckDone().message().find("it claimed nothing"), std::string::npos);
  tracker.TryClaim(8);
  EXPECT_NE(tracker.CheckDone().message().find("the last one was 8"), std::string::npos);
  tracker.TryClaim(9);
  EXPECT_TRUE(tracker.CheckDone().ok());
}

TEST(OffsetTracker, AnEmptyRangeIsDone) {
  EXPECT_TRUE(OffsetTracker({7, 7}).CheckDone().ok());
  EXPECT_FALSE(OffsetTracker({7, 7}).TrySplit(0).has_value());
}

TEST(OffsetTracker, SplitsWhatIsNotClaimed) {
  OffsetTracker tracker({0, 100});
  EXPECT_TRUE(tracker.TryClaim(19));
  EXPECT_FALSE(tracker.TrySplit(1).has_value());
  EXPECT_EQ(tracker.TrySplit(0.5), (OffsetRange{60, 100}));
  EXPECT_EQ(tracker.restriction(), (OffsetRange{0, 60}));
  EXPECT_EQ(tracker.TrySplit(0), (OffsetRange{20, 60}));
  EXPECT_TRUE(tracker.CheckDone().ok());
  EXPECT_FALSE(tracker.TrySplit(0).has_value());
}

TEST(OffsetTracker, BeforeTheFirstClaimAPauseLeavesEverything) {
  OffsetTracker tracker({4, 9});
  EXPECT_EQ(tracker.TrySplit(0), (OffsetRange{4, 9}));
  EXPECT_TRUE(tracker.CheckDone().ok());
  EXPECT_FALSE(tracker.TryClaim(4));
}

TEST(OffsetTracker, OneThatFailedToClaimHasNothingToSplit) {
  OffsetTracker tracker({0, 10});
  EXPECT_FALSE(tracker.TryClaim(kEnd));
  EXPECT_FALSE(tracker.TrySplit(0).has_value());
  EXPECT_TRUE(tracker.CheckDone().ok());
}

TEST(OffsetTracker, RangesWithoutEnd) {
  OffsetTracker tracker({std::numeric_limits<int64_t>::min(), kEnd});
  EXPECT_TRUE(tracker.TryClaim(std::numeric_limits<int64_t>::min()));
  const auto rest = tracker.TrySplit(0);
  ASSERT_TRUE(rest.has_value());
  EXPECT_EQ(rest->from, std::numeric_limits<int64_t>::min() + 1);
  EXPECT_EQ(rest->to, kEnd);
}

/// Whatever is claimed and split, each position is claimed once.
TEST(OffsetTracker, SplitsLoseAndRepeatNothing) {
  std::mt19937_64 random(1);
  for (int run = 0; run < 2000; ++run) {
    const int64_t from = static_cast<int64_t>(random() % 100) - 50;
    const OffsetRange whole{from, from + static_cast<int64_t>(random() % 40)};
    std::vector<OffsetRange> left = {whole};
    std::vector<int> claimed(40);
    while (!left.empty()) {
      OffsetTracker tracker(left.back());
      left.pop_back();
      for (int64_t i = tracker.restriction().from;; ++i) {
        if (random() % 4 == 0) {
          if (auto rest = tracker.TrySplit(static_cast<double>(random() % 5) / 4)) {
            left.push_back(*rest);
          }
        }
        if (!tracker.TryClaim(i)) break;
        ++claimed[static_cast<size_t>(i - from)];
      }
      ASSERT_TRUE(tracker.CheckDone().ok());
    }
    for (int64_t i = 0; i < 40; ++i) {
      ASSERT_EQ(claimed[static_cast<size_t>(i)], i < whole.to - whole.from ? 1 : 0);
    }
  }
}

}  // namespace
}  // namespace joist
