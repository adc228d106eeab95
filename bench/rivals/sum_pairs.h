// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// The sum of the values of each key, by hand:
//  1. One table of 16-byte slots on huge pages. A pair's slot is prefetched 64 pairs before it is
//     touched, in the same loop, so that as many misses as the machine can bear are always under
//     way. The table is ordered by the hash's high bits, so that growing walks through old and new
//     from front to back; it grows fourfold, because growing is what costs.
//  2. Every thread has a table of its own for its share of the input. As all are in the order of
//     hashes, adding them up walks through each from front to back, a range of hashes a thread; a
//     key that is in one table alone goes straight to the consumer. Handing pairs over to the
//     thread that owns their hash instead took a quarter longer, for half of the memory.

#ifndef JOIST_BENCH_RIVALS_SUM_PAIRS_H_
#define JOIST_BENCH_RIVALS_SUM_PAIRS_H_

#include <algorithm>
#include <array>
#include <barrier>
#include <cstdint>
#include <limits>
#include <thread>
#include <vector>

#include "bench/pairs.h"
#include "bench/rivals/group_pairs.h"
#include "bench/rivals/pages.h"

namespace joist::bench {

/// The `index`-th of `count` equal ranges of hashes.
struct HashRange {
  uint64_t index;
  uint64_t count;

  bool Contains(uint64_t hash) const {
    return static_cast<uint64_t>(static_cast<unsigned __int128>(hash) * count >> 64) == index;
  }
  /// The first slot of the range in a table of so many slots; that of the range behind it is its
  /// end.
  static size_t FirstSlot(uint64_t index, uint64_t count, size_t slots) {
    return static_cast<size_t>(static_cast<unsigned __int128>(slots) * index / count);
  }
};

class SumTable {
 public:
  SumTable() { Allocate(16); }

  /// Adds `count` pairs, at most kMostPairs.
  void Add(const Pair* pairs, size_t count) {
    if (used_ + count > limit_) Grow();
    uint32_t home[kMostPairs];
    const size_t ahead = std::min(kAhead, count);
    for (size_t i = 0; i < ahead; ++i) home[i] = Prefetch(pairs[i].key);
    for (size_t i = 0; i + ahead < count; ++i) {
      home[i + ahead] = Prefetch(pairs[i + ahead].key);
      AddAt(home[i], pairs[i]);
    }
    for (size_t i = count - ahead; i < count; ++i) AddAt(home[i], pairs[i]);
  }

  static constexpr size_t kMostPairs = 1024;

  /// Calls function(key, sum) for the keys whose hash lies in `range`.
  template <typename Function>
  void ForEach(const HashRange& range, Function function) const {
    if (has_no_key_ && range.Contains(HashKey(kNoKey))) function(kNoKey, no_key_sum_);
    const size_t slots = size_t{1} << bits_;
    const size_t begin = HashRange::FirstSlot(range.index, range.count, slots);
    const size_t end = HashRange::FirstSlot(range.index + 1, range.count, slots);
    // Keys may have been displaced into the range from before it, and from its end to behind it.
    for (size_t i = begin; i < slots_.size(); ++i) {
      const Slot& slot = slots_[i];
      if (slot.used_key == 0) {
        if (i >= end) break;
        continue;
      }
      const int64_t key = slot.used_key ^ kNoKey;
      if (range.count == 1 || range.Contains(HashKey(key))) function(key, slot.sum);
    }
  }

  /// Adds to the sum of `key` if it is there. May be called by several threads for different keys.
  bool AddTo(int64_t key, int64_t value) {
    const int64_t used_key = key ^ kNoKey;
    if (used_key == 0) {
      if (has_no_key_) no_key_sum_ += value;
      return has_no_key_;
    }
    for (Slot* slot = &slots_[Home(key)]; slot->used_key != 0; ++slot) {
      if (slot->used_key != used_key) continue;
      slot->sum += value;
      return true;
    }
    return false;
  }

 private:
  // A key is stored so that the zeros of fresh memory are an empty slot; the one key that would
  // look like it has a place of its own.
  static constexpr int64_t kNoKey = std::numeric_limits<int64_t>::min();
  static constexpr size_t kOverflowSlots = 256;  // Behind the last: nothing wraps around.

  struct Slot {
    int64_t used_key;  // key ^ kNoKey
    int64_t sum;
  };

  size_t Home(int64_t key) const { return HashKey(key) >> shift_; }

  static constexpr size_t kAhead = 64;

  uint32_t Prefetch(int64_t key) {
    const size_t home = Home(key);
    __builtin_prefetch(&slots_[home], 0, 2);  // Into L2: L1 has too few buffers for misses.
    return static_cast<uint32_t>(home);
  }

  void AddAt(uint32_t home, const Pair& pair) {
    const int64_t used_key = pair.key ^ kNoKey;
    if (used_key == 0) [[unlikely]] {
      has_no_key_ = true;
      no_key_sum_ += pair.value;
      return;
    }
    Slot* slot = &slots_[home];
    while (slot->used_key != used_key) {
      if (slot->used_key == 0) {
        slot->used_key = used_key;
        ++used_;
        break;
      }
      ++slot;
    }
    slot->sum += pair.value;
  }

  void Allocate(int bits) {
    bits_ = bits;
    shift_ = 64 - bits;
    limit_ = (size_t{1} << bits) / 4 * 3;
    slots_ = Pages<Slot>((size_t{1} << bits) + kOverflowSlots);
  }

  void Grow() {
    const Pages<Slot> old = std::move(slots_);
    slots_ = Pages<Slot>();
    Allocate(bits_ + 2);
    for (size_t i = 0; i < old.size(); ++i) {
      if (old[i].used_key == 0) continue;
      Slot* slot = &slots_[Home(old[i].used_key ^ kNoKey)];
      while (slot->used_key != 0) ++slot;
      *slot = old[i];
    }
  }

  Pages<Slot> slots_;
  int bits_ = 0;
  int shift_ = 0;
  size_t used_ = 0;
  size_t limit_ = 0;
  bool has_no_key_ = false;
  int64_t no_key_sum_ = 0;
};

/// Calls fill(thread, table) on as many threads as there are consumers, and hands out the sums of
/// all tables: a consumer is given keys by Add(key, sum), from one thread only.
template <typename Consumer, typename Fill>
void SumTables(std::vector<Consumer>& consumers, Fill fill) {
  const size_t threads = consumers.size();
  std::vector<SumTable> tables(threads);
  std::barrier complete(static_cast<ptrdiff_t>(threads));
  const auto work = [&](size_t thread) {
    fill(thread, tables[thread]);
    complete.arrive_and_wait();

    // From the last table to the first: a key's sum is added to the next table that has the key
    // too.
    const HashRange range{thread, threads};
    for (size_t from = threads; from-- > 0;) {
      tables[from].ForEach(range, [&](int64_t key, int64_t sum) {
        for (size_t to = from; to-- > 0;) {
          if (tables[to].AddTo(key, sum)) return;
        }
        consumers[thread].Add(key, sum);
      });
    }
  };
  std::vector<std::thread> others;
  for (size_t i = 1; i < threads; ++i) others.emplace_back(work, i);
  work(0);
  for (std::thread& thread : others) thread.join();
}

/// Sums `input` by key.
template <typename Consumer>
void SumPairs(const PairSequence& input, std::vector<Consumer>& consumers) {
  const size_t threads = consumers.size();
  SumTables(consumers, [&](size_t thread, SumTable& table) {
    const uint64_t begin = input.pair_count * thread / threads;
    const uint64_t end = input.pair_count * (thread + 1) / threads;
    std::array<Pair, SumTable::kMostPairs> pairs;
    for (uint64_t i = begin; i < end; i += pairs.size()) {
      const size_t count = std::min<uint64_t>(pairs.size(), end - i);
      for (size_t k = 0; k < count; ++k) pairs[k] = input[i + k];
      table.Add(pairs.data(), count);
    }
  });
}

}  // namespace joist::bench

#endif  // JOIST_BENCH_RIVALS_SUM_PAIRS_H_
