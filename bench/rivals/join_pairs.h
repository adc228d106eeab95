// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Joining pairs by key, by hand: both sides are spread over partitions as GroupPairs does, so that
// a partition's right side fits in the L2 cache; there its values are put behind each other by key,
// and each pair of the left side looks its key up (a partitioned hash join).

#ifndef JOIST_BENCH_RIVALS_JOIN_PAIRS_H_
#define JOIST_BENCH_RIVALS_JOIN_PAIRS_H_

#include <algorithm>
#include <atomic>
#include <barrier>
#include <bit>
#include <cstdint>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "bench/pairs.h"
#include "bench/rivals/group_pairs.h"

namespace joist::bench {

using PairSources = std::vector<std::unique_ptr<PairPartitions>>;

/// Joins one partition after the other. Its memory is reused.
class PartitionJoiner {
 public:
  /// Gives the pairs of `partition` that have the same key left and right to `consumer`.
  template <typename Consumer>
  void Join(const PairSources& lefts, const PairSources& rights, size_t partition,
            Consumer& consumer) {
    Build(rights, partition);
    ForEachPair(lefts, partition, [&](const Pair& left) {
      const Slot& slot = SlotOf(left.key);
      for (uint32_t i = slot.begin; i < slot.end; ++i) {
        consumer.Add(left.key, left.value, values_[i]);
      }
    });
  }

 private:
  /// The place of a key's values; begin == end in a slot that is free.
  struct Slot {
    int64_t key;
    uint32_t begin;
    uint32_t end;
  };

  template <typename Function>
  static void ForEachPair(const PairSources& sources, size_t partition, Function function) {
    for (const auto& source : sources) {
      source->ForEachChunk(partition, [&](const Pair* pairs, size_t count) {
        for (size_t i = 0; i < count; ++i) function(pairs[i]);
      });
    }
  }

  void Build(const PairSources& rights, size_t partition) {
    size_t count = 0;
    for (const auto& source : rights) count += source->count(partition);
    bits_ = std::max(4, static_cast<int>(std::bit_width(2 * count)));
    slots_.assign(size_t{1} << bits_, Slot{});
    if (values_.size() < count) values_.resize(count);
    ForEachPair(rights, partition, [&](const Pair& pair) {
      Slot& slot = SlotOf(pair.key);
      slot.key = pair.key;
      ++slot.end;
    });
    uint32_t begin = 0;
    for (Slot& slot : slots_) {
      const uint32_t values = slot.end;
      if (values == 0) continue;
      slot.begin = begin;
      begin += values;
      slot.end = slot.begin;  // Advances as values are put in place.
    }
    ForEachPair(rights, partition, [&](const Pair& pair) {
      size_t index = IndexOf(pair.key);
      // There is no free slot before the key's own.
      while (slots_[index].key != pair.key) index = (index + 1) & (slots_.size() - 1);
      values_[slots_[index].end++] = pair.value;
    });
  }

  size_t IndexOf(int64_t key) const { return HashKey(key) << kRadixBits >> (64 - bits_); }
  /// The slot of `key`, or the free one where it would be.
  Slot& SlotOf(int64_t key) {
    size_t index = IndexOf(key);
    while (slots_[index].begin != slots_[index].end && slots_[index].key != key) {
      index = (index + 1) & (slots_.size() - 1);
    }
    return slots_[index];
  }

  int bits_ = 4;
  std::vector<Slot> slots_;
  std::vector<int64_t> values_;
};

/// Joins `left` and `right`, on as many threads as there are consumers. Each is given pairs by
/// Add(key, left, right), from one thread only.
template <typename Consumer>
void JoinPairs(const PairSequence& left, const PairSequence& right,
               std::vector<Consumer>& consumers) {
  const size_t threads = consumers.size();
  PairSources lefts(threads), rights(threads);
  std::barrier spread(static_cast<ptrdiff_t>(threads));
  std::atomic<size_t> next_partition = 0;
  const auto spread_share = [&](const PairSequence& input, size_t thread) {
    const uint64_t begin = input.pair_count * thread / threads;
    const uint64_t end = input.pair_count * (thread + 1) / threads;
    auto partitions = std::make_unique<PairPartitions>(end - begin);
    for (uint64_t i = begin; i < end; ++i) partitions->Add(input[i]);
    partitions->Finish();
    return partitions;
  };
  const auto work = [&](size_t thread) {
    lefts[thread] = spread_share(left, thread);
    rights[thread] = spread_share(right, thread);
    spread.arrive_and_wait();
    PartitionJoiner joiner;
    size_t partition;
    while ((partition = next_partition.fetch_add(1)) < kRadixPartitions) {
      joiner.Join(lefts, rights, partition, consumers[thread]);
    }
  };
  std::vector<std::thread> others;
  for (size_t i = 1; i < threads; ++i) others.emplace_back(work, i);
  work(0);
  for (std::thread& thread : others) thread.join();
}

}  // namespace joist::bench

#endif  // JOIST_BENCH_RIVALS_JOIN_PAIRS_H_
