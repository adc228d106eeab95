// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/io/pubsub/ledger.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace joist::pubsub {
namespace {

LedgerStep At(int64_t seconds) {
  LedgerStep step;
  step.now = Timestamp::Seconds(seconds);
  step.memory = Duration::Seconds(60);
  step.long_memory = Duration::Seconds(600);
  return step;
}

LedgerStep Ids(int64_t seconds, std::vector<uint64_t> ids) {
  LedgerStep step = At(seconds);
  step.ids = std::move(ids);
  return step;
}

std::vector<int64_t> NumbersOf(const Ledger& ledger) {
  std::vector<int64_t> numbers;
  for (const Ledger::Claim& claim : ledger.claims) numbers.push_back(claim.number);
  return numbers;
}

Ledger SavedAndRead(const Ledger& ledger) {
  std::string bytes;
  Coder<Ledger>::Encode(ledger, &bytes, false);
  ByteReader in(bytes);
  Ledger read;
  EXPECT_TRUE(Coder<Ledger>::Decode(&in, &read, false));
  return read;
}

TEST(NumberOfId, OfDecimalNumbersAndOthers) {
  EXPECT_EQ(NumberOfId("17"), 17U);
  EXPECT_EQ(NumberOfId("9223372036854775807"), (uint64_t{1} << 63) - 1);
  for (const char* const text : {"9223372036854775808", "017", "0", "", "a", "1 ", "-1"}) {
    EXPECT_GE(NumberOfId(text), uint64_t{1} << 63) << text;
  }
  EXPECT_NE(NumberOfId("017"), NumberOfId("17x"));
}

TEST(LedgerTest, AClaimIsForgottenAWhileAfterItsAcknowledgement) {
  LedgerTracker tracker({});
  ASSERT_TRUE(tracker.TryClaim(Ids(0, {7, 3})));
  ASSERT_TRUE(tracker.TryClaim(Ids(1, {9})));
  EXPECT_EQ(*tracker.restriction().claims[0].ids, (std::vector<uint64_t>{3, 7}));
  LedgerStep acknowledged = At(2);
  acknowledged.confirmed = {0};
  ASSERT_TRUE(tracker.TryClaim(acknowledged));
  ASSERT_TRUE(tracker.TryClaim(At(61)));
  EXPECT_EQ(NumbersOf(tracker.restriction()).front(), 0);
  ASSERT_TRUE(tracker.TryClaim(At(62)));
  EXPECT_EQ(NumbersOf(tracker.restriction()).front(), 1) << "which is not acknowledged";
  ASSERT_TRUE(tracker.TryClaim(At(100'000)));
  EXPECT_EQ(NumbersOf(tracker.restriction()).front(), 1);
}

TEST(LedgerTest, ClaimsOfAnotherProcessAreForgottenLater) {
  LedgerTracker tracker({});
  ASSERT_TRUE(tracker.TryClaim(Ids(0, {1})));
  ASSERT_TRUE(tracker.TryClaim(Ids(1, {2})));
  LedgerStep step = At(10);
  step.first_known = 1;
  ASSERT_TRUE(tracker.TryClaim(step));
  step.now = Timestamp::Seconds(609);
  ASSERT_TRUE(tracker.TryClaim(step));
  EXPECT_EQ(NumbersOf(tracker.restriction()).front(), 0);
  step.now = Timestamp::Seconds(610);
  ASSERT_TRUE(tracker.TryClaim(step));
  EXPECT_EQ(NumbersOf(tracker.restriction()).front(), 1);
}

TEST(LedgerTest, GoesOnAfterASplit) {
  LedgerTracker tracker({});
  ASSERT_TRUE(tracker.TryClaim(Ids(0, {1})));
  EXPECT_FALSE(tracker.TrySplit(0.5).has_value());
  EXPECT_FALSE(tracker.CheckDone().ok());
  const auto rest = tracker.TrySplit(0);
  ASSERT_TRUE(rest.has_value());
  EXPECT_TRUE(tracker.CheckDone().ok());
  EXPECT_FALSE(tracker.TryClaim(Ids(1, {2})));
  LedgerTracker next(*rest);
  EXPECT_TRUE(next.TryClaim(Ids(1, {2})));
  EXPECT_EQ(NumbersOf(next.restriction()), (std::vector<int64_t>{0, 1}));
}

TEST(LedgerTest, IsReadAsItWasWritten) {
  LedgerTracker tracker({});
  ASSERT_TRUE(tracker.TryClaim(Ids(0, {5, ~uint64_t{0}, 0, uint64_t{1} << 63})));
  ASSERT_TRUE(tracker.TryClaim(Ids(1, {})));
  LedgerStep acknowledged = At(2);
  acknowledged.confirmed = {0};
  ASSERT_TRUE(tracker.TryClaim(acknowledged));
  const Ledger read = SavedAndRead(tracker.restriction());
  EXPECT_EQ(read.next, 3);
  ASSERT_EQ(NumbersOf(read), (std::vector<int64_t>{0, 1, 2}));
  EXPECT_EQ(*read.claims[0].ids, (std::vector<uint64_t>{0, 5, uint64_t{1} << 63, ~uint64_t{0}}));
  EXPECT_EQ(read.claims[0].forgotten_at, Timestamp::Seconds(62));
  EXPECT_FALSE(read.claims[1].forgotten_at.has_value());
}

}  // namespace
}  // namespace joist::pubsub
