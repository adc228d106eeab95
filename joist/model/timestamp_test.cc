// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/model/timestamp.h"

#include <random>

#include <gtest/gtest.h>

namespace joist {
namespace {

TEST(Timestamp, BoundsAreBeams) {
  EXPECT_EQ(Timestamp::Min().millis, INT64_MIN / 1000);
  EXPECT_EQ(Timestamp::Max().millis, INT64_MAX / 1000);
}

TEST(Timestamp, ArithmeticSaturates) {
  constexpr Duration kDay = Duration::Days(1);
  EXPECT_EQ(Timestamp::Max() + kDay, Timestamp::Max());
  EXPECT_EQ(Timestamp::Min() - kDay, Timestamp::Min());
  EXPECT_EQ(Timestamp::Max() + Duration::Max(), Timestamp::Max());
  EXPECT_EQ(Timestamp::Min() + Duration{INT64_MIN}, Timestamp::Min());
  EXPECT_EQ(Timestamp::Max() - Duration{INT64_MIN}, Timestamp::Max());
  EXPECT_EQ(Timestamp{5} - Timestamp{7}, Duration{-2});
  EXPECT_EQ(Timestamp::Max() - Timestamp::Min(), Duration{2 * (INT64_MAX / 1000)});
  EXPECT_EQ(Timestamp::Millis(INT64_MAX), Timestamp::Max());
  EXPECT_EQ(Timestamp::Seconds(INT64_MIN), Timestamp::Min());
}

TEST(Duration, ArithmeticSaturates) {
  EXPECT_EQ(Duration::Max() + Duration{1}, Duration::Max());
  EXPECT_EQ(Duration{INT64_MIN} - Duration{1}, Duration{INT64_MIN});
  EXPECT_EQ(-Duration{INT64_MIN}, Duration::Max());
  EXPECT_EQ(Duration::Days(INT64_MAX), Duration::Max());
  EXPECT_EQ(Duration::Days(INT64_MIN), Duration{INT64_MIN});
  EXPECT_EQ(Duration::Max() * -2, Duration{INT64_MIN});
  EXPECT_EQ(2 * Duration::Seconds(3), Duration::Seconds(6));
  EXPECT_LT(Duration::Minutes(59), Duration::Hours(1));
}

TEST(Duration, Prints) {
  EXPECT_EQ(Duration::Zero().ToString(), "0s");
  EXPECT_EQ(Duration::Minutes(90).ToString(), "1h30m");
  EXPECT_EQ(Duration::Millis(250).ToString(), "250ms");
  EXPECT_EQ(Duration::Seconds(-2).ToString(), "-2s");
  EXPECT_EQ((Duration::Days(2) + Duration::Millis(1)).ToString(), "2d1ms");
  EXPECT_EQ(Duration{INT64_MIN}.ToString(), "-106751991167d7h12m55s808ms");
}

TEST(Timestamp, Prints) {
  EXPECT_EQ(Timestamp{}.ToString(), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(Timestamp{-1}.ToString(), "1969-12-31T23:59:59.999Z");
  EXPECT_EQ(Timestamp{1597328054123}.ToString(), "2020-08-13T14:14:14.123Z");
  EXPECT_EQ(Timestamp::Seconds(951782400).ToString(), "2000-02-29T00:00:00.000Z");
  EXPECT_EQ(Timestamp::Seconds(-62135596800).ToString(), "0001-01-01T00:00:00.000Z");
  // Times out of bounds may come from elsewhere.
  EXPECT_EQ(Timestamp{INT64_MIN}.ToString(), "-292275055-05-16T16:47:04.192Z");
  EXPECT_EQ(Timestamp{INT64_MAX}.ToString(), "+292278994-08-17T07:12:55.807Z");
  // What Java prints for TIMESTAMP_MIN_VALUE and TIMESTAMP_MAX_VALUE.
  EXPECT_EQ(Timestamp::Min().ToString(), "-290308-12-21T19:59:05.225Z");
  EXPECT_EQ(Timestamp::Max().ToString(), "+294247-01-10T04:00:54.775Z");
}

TEST(Timestamp, Parses) {
  const auto parse = [](std::string_view text) { return Timestamp::Parse(text).value().millis; };
  EXPECT_EQ(parse("2020-08-13T14:14:14.123Z"), 1597328054123);
  EXPECT_EQ(parse("2020-08-13T14:14:14.1239999Z"), 1597328054123);
  EXPECT_EQ(parse("2020-08-13t14:14:14z"), 1597328054000);
  EXPECT_EQ(parse("2020-08-13 16:14:14.5+02:00"), 1597328054500);
  EXPECT_EQ(parse("2020-08-13T11:44:14-02:30"), 1597328054000);
  EXPECT_EQ(parse("2016-12-31T23:59:60Z"), parse("2017-01-01T00:00:00Z"));
}

TEST(Timestamp, RefusesWhatIsNoTime) {
  for (const char* text :
       {"", "now", "2020-08-13", "2020-08-13T14:14:14", "2020-13-01T00:00:00Z",
        "2021-02-29T00:00:00Z", "2020-02-30T00:00:00Z", "2020-01-00T00:00:00Z",
        "2020-01-01T24:00:00Z", "2020-01-01T00:60:00Z", "2020-01-01T00:00:61Z",
        "2020-01-01T00:00:00.Z", "2020-01-01T00:00:00Zx", "2020-01-01T00:00:00+24:00",
        "20200-01-01T00:00:00Z", "+999999-01-01T00:00:00Z", "2020-1-1T00:00:00Z"}) {
    EXPECT_FALSE(Timestamp::Parse(text).ok()) << text;
  }
  EXPECT_EQ(Timestamp::Parse("now").status().message(),
            "'now' is not a time; write it as 2026-11-21T06:55:00Z");
}

TEST(Timestamp, ReadsWhatItWrote) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 20'000; ++i) {
    // All magnitudes, both signs.
    const int64_t millis = static_cast<int64_t>(random()) >> (i % 64);
    const Timestamp time = Timestamp::Millis(millis);
    EXPECT_EQ(Timestamp::Parse(time.ToString()).value(), time) << time.ToString();
  }
}

}  // namespace
}  // namespace joist
