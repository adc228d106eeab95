// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/engine/stream_retries.h"

#include <gtest/gtest.h>

namespace joist {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;

constexpr StreamRetries::Clock::time_point kStart{};

TEST(StreamRetries, GivesUpWhatAlwaysFailsHoweverMuchIsBetween) {
  StreamRetries retries(milliseconds(100));
  EXPECT_EQ(retries.AfterFailure("element 7", kStart), milliseconds(100));
  EXPECT_EQ(retries.AfterFailure("element 7", kStart + minutes(1)), milliseconds(200));
  EXPECT_EQ(retries.AfterFailure("no connection", kStart + minutes(2)), milliseconds(400));
  EXPECT_EQ(retries.AfterFailure("element 7", kStart + minutes(11)), milliseconds(800));
  EXPECT_EQ(retries.AfterFailure("element 7", kStart + minutes(20)), std::nullopt);
}

TEST(StreamRetries, ForgetsWhatIsLongAgo) {
  StreamRetries retries(milliseconds(100));
  for (int day = 1; day < 100; ++day) {
    EXPECT_EQ(retries.AfterFailure("no connection", kStart + day * minutes(24 * 60)),
              milliseconds(100));
  }
}

TEST(StreamRetries, RememberFailuresForTenCheckpoints) {
  StreamRetries retries(minutes(30));
  EXPECT_TRUE(retries.AfterFailure("element 7", kStart).has_value());
  EXPECT_TRUE(retries.AfterFailure("element 7", kStart + minutes(40)).has_value());
  EXPECT_TRUE(retries.AfterFailure("element 7", kStart + minutes(80)).has_value());
  EXPECT_FALSE(retries.AfterFailure("element 7", kStart + minutes(120)).has_value());
}

TEST(StreamRetries, GivesUpWhereEachFailureIsAnother) {
  StreamRetries retries(milliseconds(100));
  int tries = 1;
  while (retries.AfterFailure(std::to_string(tries), kStart)) ++tries;
  EXPECT_EQ(tries, StreamRetries::kMostFailures);
}

TEST(StreamRetries, PausesNoLongerThanTenSeconds) {
  StreamRetries retries(milliseconds(100));
  milliseconds longest{};
  for (int i = 1; i < StreamRetries::kMostFailures; ++i) {
    longest = std::max(longest, *retries.AfterFailure(std::to_string(i), kStart));
  }
  EXPECT_EQ(longest, StreamRetries::kLongestPause);
}

TEST(StreamRetries, CountTheAttemptsOfOneFailure) {
  const auto now = StreamRetries::Clock::now();
  StreamRetries retries(std::chrono::milliseconds(1000));
  retries.AfterFailure("one", now);
  EXPECT_EQ(retries.attempts(), 1);
  retries.AfterFailure("one", now);
  EXPECT_EQ(retries.attempts(), 2);
  retries.AfterFailure("another", now);
  EXPECT_EQ(retries.attempts(), 1);
}

}  // namespace
}  // namespace joist
