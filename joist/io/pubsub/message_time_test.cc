// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/io/pubsub/message_time.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <utility>
#include <vector>

#include "joist/io/pubsub/names.h"

namespace joist::pubsub {
namespace {

TEST(ParseTime, AsBeamTakesThem) {
  EXPECT_EQ(ParseTime("0"), Timestamp::Millis(0));
  EXPECT_EQ(ParseTime("1795408496125"), Timestamp::Millis(1795408496125));
  EXPECT_EQ(ParseTime("-5"), Timestamp::Millis(-5));
  EXPECT_EQ(ParseTime("1970-01-01T00:00:01Z"), Timestamp::Millis(1000));
  EXPECT_EQ(ParseTime("2026-11-23T04:08:16.125Z"), Timestamp::Millis(1795406896125));
  EXPECT_EQ(ParseTime("2026-11-23T04:08:16.125999999Z"), Timestamp::Millis(1795406896125));
  EXPECT_EQ(ParseTime("2024-02-29t00:00:00.5Z"), Timestamp::Millis(1709164800500));
  for (const char* const text :
       {"", " 1", "1 ", "1e3", "99999999999999999999", "9223372036854775807", "2026-11-23",
        "2026-11-23T04:08:16", "2026-11-23T04:08:16+01:00", "2026-11-23T04:08:16.Z",
        "2026-11-23T04:08:16.1234567890Z", "2026-02-29T00:00:00Z", "2026-11-23T24:00:00Z",
        "2026-11-23T04:60:00Z", "2026-11-23T-4:08:16Z", "2026-11-23T04:08:16Zx", "noon"}) {
    EXPECT_EQ(ParseTime(text), std::nullopt) << text;
  }
}

TEST(TimeOf, TheAttributeOrWhenItWasPublished) {
  Message message{.attributes = {{"at", "2000"}, {"bad", "soon"}},
                  .publish_time = Timestamp::Seconds(9)};
  EXPECT_EQ(TimeOf(message, ""), Timestamp::Seconds(9));
  EXPECT_EQ(TimeOf(message, "at"), Timestamp::Seconds(2));
  EXPECT_EQ(TimeOf(message, "bad"), Timestamp::Seconds(9));
  EXPECT_EQ(TimeOf(message, "none"), Timestamp::Seconds(9));
}

TEST(RecentTimes, NothingComesForAWhile) {
  RecentTimes recent(Duration::Seconds(5));
  EXPECT_EQ(recent.WatermarkAt(Timestamp::Seconds(100), std::nullopt), Timestamp::Seconds(95));
  EXPECT_EQ(recent.WatermarkAt(Timestamp::Seconds(100), Timestamp::Seconds(7)),
            Timestamp::Seconds(7));
  recent.Observe(Timestamp::Seconds(60), Timestamp::Seconds(101));
  EXPECT_EQ(recent.WatermarkAt(Timestamp::Seconds(105), std::nullopt), Timestamp::Seconds(60));
  EXPECT_EQ(recent.WatermarkAt(Timestamp::Seconds(106), std::nullopt), Timestamp::Seconds(101));
}

/// Beside the least of all of the period, and of the fifteen sixteenths of it that are promised.
TEST(RecentTimes, IsTheLeastOfTheLastWhile) {
  std::mt19937_64 random(7);
  for (int round = 0; round < 200; ++round) {
    RecentTimes recent(Duration::Millis(1600));
    std::vector<std::pair<int64_t, int64_t>> seen;
    int64_t now = 10'000;
    for (int i = 0; i < 300; ++i) {
      now += static_cast<int64_t>(random() % 60);
      const int64_t time = now - static_cast<int64_t>(random() % 3'000);
      recent.Observe(Timestamp::Millis(time), Timestamp::Millis(now));
      seen.emplace_back(time, now);
      const auto least = [&](int64_t period) {
        int64_t minimum = INT64_MAX;
        for (const auto& [of, came] : seen) {
          if (now - came < period) minimum = std::min(minimum, of);
        }
        return minimum;
      };
      const int64_t watermark = recent.WatermarkAt(Timestamp::Millis(now), std::nullopt).millis;
      ASSERT_GE(watermark, least(1600));
      ASSERT_LE(watermark, least(1500));
    }
  }
}

TEST(IsNameOf, ProjectsAndOneName) {
  EXPECT_TRUE(IsNameOf("topics", "projects/p/topics/t"));
  for (const char* const name :
       {"", "t", "projects/p/topics/", "projects//topics/t", "projects/p/subscriptions/t",
        "projects/p/topics/t/u", "/projects/p/topics/t", "project/p/topics/t"}) {
    EXPECT_FALSE(IsNameOf("topics", name)) << name;
  }
}

}  // namespace
}  // namespace joist::pubsub
