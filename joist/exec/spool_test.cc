// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// What is kept between stages: Spool and RecordPartitions. And RangeTracker, by which it is shared
// out again.

#include "joist/exec/spool.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "joist/exec/group_by_key.h"
#include "joist/exec/hand_batches.h"
#include "joist/exec/step.h"

namespace joist {
namespace {

template <class T>
void Play(const Spool<T>& spool, Collector<T>* to) {
  Output<T> output;
  output.Connect(to);
  SpoolPlayer<T> player;
  for (const auto& block : spool.blocks()) player.Play(spool, block, output);
}

TEST(Spool, KeepsElementsWithTheirTimes) {
  Spool<KV<std::string, std::vector<int>>> spool;
  {
    std::string names[3] = {"a", "a name that is on the heap, being long", ""};
    std::vector<int> lists[3] = {{}, {1}, {1, 2}};
    const std::string_view keys[3] = {names[0], names[1], names[2]};
    const Timestamp times[3] = {{1}, {2}, {3}};
    const Window windows[3] = {{{0}, {10}}, {{10}, {20}}, {{0}, {10}}};
    Meta meta;
    meta.timestamps = SharedColumn<Timestamp>(times);
    meta.windows = SharedColumn<Window>(windows);
    meta.panes = SharedColumn<PaneInfo>(PaneInfo::OnTimeAndOnly());
    const ColumnView<KV<std::string, std::vector<int>>> values(ColumnView<std::string>{keys},
                                                               ColumnView<std::vector<int>>{lists});
    spool.Append({values, 3, meta});
    spool.Append({values, 0, meta});
    spool.Append({values.From(1), 2, Meta()});
    for (std::string& name : names) std::fill(name.begin(), name.end(), '?');
  }
  EXPECT_EQ(spool.size(), 5u);
  Collector<KV<std::string, std::vector<int>>> got;
  Play(spool, &got);
  ASSERT_EQ(got.elements.size(), 5u);
  EXPECT_EQ(got.elements[1].value.key, "a name that is on the heap, being long");
  EXPECT_EQ(got.elements[2].value.value, (std::vector<int>{1, 2}));
  EXPECT_EQ(got.elements[2].timestamp, Timestamp{3});
  EXPECT_EQ(got.elements[1].window, (Window{{10}, {20}}));
  EXPECT_EQ(got.elements[0].pane, PaneInfo::OnTimeAndOnly());
  EXPECT_EQ(got.elements[4].value.key, "");
  EXPECT_EQ(got.elements[4].timestamp, Timestamp::Min());
  EXPECT_EQ(got.elements[4].window, Window::Global());
  EXPECT_EQ(got.elements[4].pane, PaneInfo());
}

TEST(Spool, KeepsBools) {
  Spool<bool> spool;
  const bool values[] = {true, false, true};
  spool.Append({ColumnView<bool>(values), 3, {}});
  Collector<bool> got;
  Play(spool, &got);
  ASSERT_EQ(got.elements.size(), 3u);
  EXPECT_TRUE(got.elements[0].value && !got.elements[1].value && got.elements[2].value);
}

TEST(RecordPartitions, KeepEachRecordInItsPartitionInOrder) {
  struct Record {
    uint64_t first;
    int second;
  };
  for (size_t bytes : {size_t{1}, size_t{1} << 20, SIZE_MAX}) {
    RecordPartitions<Record> partitions(bytes);
    std::mt19937_64 random(1);
    // Twice, with fewer records, in the same memory.
    size_t held = 0;
    for (int count : {300000, 200000}) {
      std::vector<std::vector<int>> expected(partitions.kPartitions);
      for (int i = 0; i < count; ++i) {
        // Partition 7 gets half of all, to see chunks of every size.
        const uint64_t hash = i % 2 == 0 ? uint64_t{7} << 56 : random();
        partitions.Append(hash, {hash, i});
        expected[hash >> 56].push_back(i);
      }
      for (size_t p = 0; p < partitions.kPartitions; ++p) {
        std::vector<int> got;
        partitions.ForEachChunk(p, [&](const auto* from, const auto* to) {
          ASSERT_LT(from, to);
          for (; from < to; ++from) {
            ASSERT_EQ(from->first >> 56, p);
            got.push_back(from->second);
          }
        });
        ASSERT_EQ(got, expected[p]);
      }
      EXPECT_GE(partitions.used_bytes(), static_cast<size_t>(count) * sizeof(Record));
      EXPECT_LE(partitions.used_bytes(), partitions.held_bytes());
      if (held > 0) {
        EXPECT_EQ(partitions.held_bytes(), held);
      }
      held = partitions.held_bytes();
      partitions.Clear();
      EXPECT_EQ(partitions.used_bytes(), 0u);
    }
    partitions.Free();
    EXPECT_EQ(partitions.held_bytes(), 0u);
  }
}

TEST(RecordPartitions, EmptyOnesHaveNoChunks) {
  RecordPartitions<int> partitions(1 << 20);
  partitions.Append(uint64_t{255} << 56, 1);
  for (size_t p = 0; p < 255; ++p)
    partitions.ForEachChunk(p, [](const int*, const int*) { FAIL(); });
}

// --- RangeTracker
// ---------------------------------------------------------------------------------

TEST(RangeTracker, ClaimsAndSplitsCoverEachPositionOnce) {
  std::mt19937 random(1);
  const std::atomic<bool> cancelled{false};
  for (int round = 0; round < 2000; ++round) {
    const auto size = static_cast<int64_t>(random() % 200);
    const auto least = static_cast<int64_t>(random() % 10);
    std::vector<int> seen(static_cast<size_t>(size));
    std::vector<SourceRange> open = {{3, 100, 100 + size, true}};
    while (!open.empty()) {
      RangeTracker tracker(open.back(), &cancelled);
      open.pop_back();
      int64_t begin = 0, end = 0;
      int64_t claimed = 0;
      while (tracker.Claim(1 + static_cast<int64_t>(random() % 20), &begin, &end)) {
        ASSERT_LT(begin, end);
        claimed += end - begin;
        for (int64_t at = begin; at < end; ++at) ++seen[static_cast<size_t>(at - 100)];
        if (random() % 4 != 0) continue;
        if (const auto rest = tracker.TrySplit(least)) {
          ASSERT_EQ(rest->item, 3u);
          ASSERT_EQ(rest->begin, tracker.Remaining().end);
          ASSERT_GE(rest->end - rest->begin, std::max<int64_t>(1, least));
          ASSERT_GE(rest->begin, end + std::max<int64_t>(1, least));
          open.push_back(*rest);
        }
      }
      ASSERT_EQ(tracker.claimed(), claimed);
      ASSERT_EQ(tracker.Remaining().end - tracker.Remaining().begin, claimed);
      ASSERT_FALSE(tracker.TrySplit(1).has_value());
    }
    ASSERT_TRUE(std::all_of(seen.begin(), seen.end(), [](int n) { return n == 1; }));
  }
}

TEST(RangeTracker, OneThreadClaimsWhileAnotherSplits) {
  const std::atomic<bool> cancelled{false};
  for (int round = 0; round < 50; ++round) {
    std::vector<int> seen(20000);
    RangeTracker tracker({0, 0, 20000, true}, &cancelled);
    std::vector<SourceRange> taken;
    std::thread thief([&] {
      for (int i = 0; i < 8; ++i) {
        if (const auto rest = tracker.TrySplit(1)) taken.push_back(*rest);
        std::this_thread::yield();
      }
    });
    int64_t begin = 0, end = 0;
    while (tracker.Claim(7, &begin, &end)) {
      for (int64_t at = begin; at < end; ++at) ++seen[static_cast<size_t>(at)];
    }
    thief.join();
    for (const SourceRange& range : taken) {
      for (int64_t at = range.begin; at < range.end; ++at) ++seen[static_cast<size_t>(at)];
    }
    ASSERT_TRUE(std::all_of(seen.begin(), seen.end(), [](int n) { return n == 1; }));
  }
}

TEST(RangeTracker, WhatIsIndivisibleStaysWhole) {
  const std::atomic<bool> cancelled{false};
  RangeTracker whole({0, 0, 1000, false}, &cancelled);
  EXPECT_FALSE(whole.TrySplit(1).has_value());
  RangeTracker coarse({0, 0, 1000, true}, &cancelled);
  EXPECT_FALSE(coarse.TrySplit(INT64_MAX).has_value());
  EXPECT_FALSE(coarse.TrySplit(501).has_value());
  EXPECT_TRUE(coarse.TrySplit(500).has_value());
}

TEST(RangeTracker, ClaimsNothingOnceCancelled) {
  std::atomic<bool> cancelled{false};
  RangeTracker tracker({0, 0, 10, true}, &cancelled);
  int64_t begin = 0, end = 0;
  EXPECT_TRUE(tracker.Claim(1, &begin, &end));
  cancelled = true;
  EXPECT_FALSE(tracker.Claim(1, &begin, &end));
}

}  // namespace
}  // namespace joist
