// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/io/net/retry.h"

#include <gtest/gtest.h>

namespace joist::net {
namespace {

TEST(RetryPolicyTest, WaitsTwiceAsLongEachTime) {
  RetryPolicy policy;
  policy.attempts = 9;
  policy.first_delay = Duration::Millis(100);
  policy.longest_delay = Duration::Millis(1000);
  EXPECT_EQ(policy.DelayAfter(1, {}, 1), Duration::Millis(100));
  EXPECT_EQ(policy.DelayAfter(2, {}, 1), Duration::Millis(200));
  EXPECT_EQ(policy.DelayAfter(2, {}, 0), Duration::Millis(100)) << "half of it is chance";
  EXPECT_EQ(policy.DelayAfter(8, {}, 1), Duration::Millis(1000));
  EXPECT_EQ(policy.DelayAfter(9, {}, 1), std::nullopt);
  policy.attempts = 1000;
  EXPECT_EQ(policy.DelayAfter(900, {}, 1), Duration::Millis(1000));
}

TEST(RetryPolicyTest, WaitsAsLongAsItIsAskedTo) {
  RetryPolicy policy;
  EXPECT_EQ(policy.DelayAfter(1, Duration::Seconds(7), 0), Duration::Seconds(7));
  EXPECT_EQ(policy.DelayAfter(1, Duration::Zero(), 1), policy.first_delay);
  EXPECT_EQ(policy.DelayAfter(1, Duration::Hours(1), 0), std::nullopt) << "nobody waits so long";
}

TEST(ParseRetryAfterTest, SecondsAndDates) {
  const Timestamp now = Timestamp::Seconds(784111777);  // Sun, 06 Nov 1994 08:49:37 GMT
  EXPECT_EQ(ParseRetryAfter("120", now), Duration::Minutes(2));
  EXPECT_EQ(ParseRetryAfter("Sun, 06 Nov 1994 08:49:40 GMT", now), Duration::Seconds(3));
  EXPECT_EQ(ParseRetryAfter("Sun, 06 Nov 1994 08:00:00 GMT", now), Duration::Zero());
  for (const char* const text : {"", "-1", "1.5", "soon", "Sun, 06 Nov 1994"}) {
    EXPECT_EQ(ParseRetryAfter(text, now), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace joist::net
