// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/model/time_queue.h"

#include <map>
#include <random>
#include <set>

#include <gtest/gtest.h>

namespace joist {
namespace {

using Entries = std::multiset<std::pair<Timestamp, uint32_t>>;

// Near, far and at the ends of time.
Timestamp TimeFrom(Timestamp now, std::mt19937_64& random) {
  switch (random() % 16) {
    case 0: return Timestamp::Max();
    case 1: return now;
    default: return now + Duration::Millis(static_cast<int64_t>(random() >> (10 + random() % 54)));
  }
}

TEST(TimeQueue, GivesWhatAMultisetGives) {
  for (uint64_t seed = 0; seed < 300; ++seed) {
    std::mt19937_64 random(seed);
    TimeQueue queue;
    Entries expected;
    Timestamp now = Timestamp::Min();  // Not after the entry found last.
    for (uint32_t number = 0; number < 1000; ++number) {
      ASSERT_EQ(queue.earliest(), expected.empty() ? Timestamp::Max() : expected.begin()->first);
      const uint64_t what = random() % 100;
      if (what == 0) {
        queue.Keep([](const TimeQueue::Entry& entry) { return entry.number % 3 != 0; });
        std::erase_if(expected, [](const auto& entry) { return entry.second % 3 == 0; });
        continue;
      }
      if (what < 50) {
        const Timestamp time = TimeFrom(now, random);
        queue.Push(time, number);
        expected.emplace(time, number);
        continue;
      }
      const Timestamp limit = TimeFrom(now, random);
      while (const TimeQueue::Entry* entry = queue.FirstBefore(limit)) {
        now = entry->time;
        ASSERT_LT(now, limit);
        ASSERT_EQ(now, expected.begin()->first);
        ASSERT_EQ(queue.Ahead(0), entry);
        const auto found = expected.find({now, entry->number});
        ASSERT_NE(found, expected.end());
        if (random() % 8 == 0) break;
        expected.erase(found);
        queue.Pop();
      }
      if (random() % 8 != 0 || expected.empty()) continue;
      if (expected.begin()->first < limit) continue;
      ASSERT_EQ(queue.FirstBefore(limit), nullptr);
    }
    while (const TimeQueue::Entry* entry = queue.FirstBefore(Timestamp::Max())) {
      ASSERT_EQ(entry->time, expected.begin()->first);
      expected.erase(expected.find({entry->time, entry->number}));
      queue.Pop();
    }
    ASSERT_EQ(static_cast<size_t>(
                  std::count_if(expected.begin(), expected.end(),
                                [](const auto& entry) { return entry.first == Timestamp::Max(); })),
              expected.size());
  }
}

TEST(TimeQueue, AheadIsWhatComesAfterPops) {
  TimeQueue queue;
  for (uint32_t i = 0; i < 3; ++i) queue.Push(Timestamp::Millis(5), i);
  queue.Push(Timestamp::Millis(6), 3);
  ASSERT_NE(queue.FirstBefore(Timestamp::Max()), nullptr);
  EXPECT_EQ(queue.Ahead(3), nullptr);
  const uint32_t after_one = queue.Ahead(1)->number;
  queue.Pop();
  EXPECT_EQ(queue.FirstBefore(Timestamp::Max())->number, after_one);
}

TEST(TimeQueue, IsCrowdedAtTwiceWhatWasKept) {
  TimeQueue queue;
  uint32_t pushed = 0;
  const auto push_until_crowded = [&] {
    while (!queue.is_crowded()) queue.Push(Timestamp::Millis(pushed % 7), pushed), ++pushed;
  };
  push_until_crowded();
  const uint32_t first = pushed;
  queue.Keep([](const TimeQueue::Entry&) { return true; });
  push_until_crowded();
  EXPECT_EQ(pushed, 3 * first);
  queue.Keep([](const TimeQueue::Entry&) { return false; });
  EXPECT_EQ(queue.FirstBefore(Timestamp::Max()), nullptr);
  push_until_crowded();
  EXPECT_EQ(pushed, 4 * first);
}

TEST(TimeQueue, WhatIsTakenOutCrowdsNobody) {
  TimeQueue queue;
  for (uint32_t i = 0; i < 100'000; ++i) {
    queue.Push(Timestamp::Millis(i), i);
    ASSERT_NE(queue.FirstBefore(Timestamp::Max()), nullptr);
    queue.Pop();
    ASSERT_FALSE(queue.is_crowded());
  }
}

TEST(TimeQueue, KeepsNoRoomForLevelsThatAreEmpty) {
  constexpr int64_t kWaiting = 60'000;
  TimeQueue queue;
  for (int64_t now = 0; now < 3'000'000; ++now) {
    queue.Push(Timestamp::Millis(now + kWaiting), 0);
    while (queue.FirstBefore(Timestamp::Millis(now)) != nullptr) queue.Pop();
    ASSERT_LE(queue.held_bytes(), 3 * kWaiting * sizeof(TimeQueue::Entry)) << now;
  }
}

TEST(TimeQueueDeathTest, TimeDoesNotGoBack) {
  TimeQueue queue;
  queue.Push(Timestamp::Millis(5), 0);
  ASSERT_NE(queue.FirstBefore(Timestamp::Millis(6)), nullptr);
  queue.Push(Timestamp::Millis(5), 1);
  EXPECT_DEATH(queue.Push(Timestamp::Millis(4), 2), "");
}

}  // namespace
}  // namespace joist
