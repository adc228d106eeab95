// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// The distinct keys of pairs, by hand: as SumPairs (sum_pairs.h), with slots of eight bytes that
// hold the key alone. A key that several threads' tables have is given by the first of them.

#ifndef JOIST_BENCH_RIVALS_DISTINCT_KEYS_H_
#define JOIST_BENCH_RIVALS_DISTINCT_KEYS_H_

#include <algorithm>
#include <barrier>
#include <cstdint>
#include <thread>
#include <vector>

#include "bench/pairs.h"
#include "bench/rivals/group_pairs.h"
#include "bench/rivals/pages.h"
#include "bench/rivals/sum_pairs.h"

namespace joist::bench {

/// A set of keys that are at least 0.
class KeySet {
 public:
  static constexpr size_t kMostKeys = 1024;

  KeySet() { Allocate(17); }

  /// Adds `count` keys, at most kMostKeys.
  void Add(const int64_t* keys, size_t count) {
    if (used_ + count > limit_) Grow();
    static constexpr size_t kAhead = 64;
    size_t home[kMostKeys];
    const size_t ahead = std::min(kAhead, count);
    const auto prefetch = [&](size_t i) {
      home[i] = Home(keys[i]);
      __builtin_prefetch(&slots_[home[i]], 0, 2);
    };
    for (size_t i = 0; i < ahead; ++i) prefetch(i);
    for (size_t i = 0; i < count; ++i) {
      if (i + ahead < count) prefetch(i + ahead);
      size_t slot = home[i];
      while (slots_[slot] != keys[i] + 1) {
        if (slots_[slot] == 0) {
          slots_[slot] = keys[i] + 1;
          ++used_;
          break;
        }
        ++slot;
      }
    }
  }
  bool Contains(int64_t key) const {
    size_t slot = Home(key);
    while (slots_[slot] != 0 && slots_[slot] != key + 1) ++slot;
    return slots_[slot] != 0;
  }
  /// Calls function(key) for the keys whose hash lies in `range`.
  template <typename Function>
  void ForEach(const HashRange& range, Function function) const {
    const size_t slots = size_t{1} << bits_;
    const size_t end = HashRange::FirstSlot(range.index + 1, range.count, slots);
    // Keys may have been displaced, as in SumTable::ForEach.
    for (size_t i = HashRange::FirstSlot(range.index, range.count, slots); i < slots_.size(); ++i) {
      if (slots_[i] == 0) {
        if (i >= end) break;
        continue;
      }
      const int64_t key = slots_[i] - 1;
      if (range.count == 1 || range.Contains(HashKey(key))) function(key);
    }
  }

 private:
  static constexpr size_t kOverflowSlots = 256;  // Behind the last: nothing wraps around.

  size_t Home(int64_t key) const { return HashKey(key) >> (64 - bits_); }
  void Allocate(int bits) {
    bits_ = bits;
    limit_ = (size_t{1} << bits) / 4 * 3;
    slots_ = Pages<int64_t>((size_t{1} << bits) + kOverflowSlots);
  }
  void Grow() {
    const Pages<int64_t> old = std::move(slots_);
    slots_ = Pages<int64_t>();
    Allocate(bits_ + 2);
    for (size_t i = 0; i < old.size(); ++i) {
      if (old[i] == 0) continue;
      size_t slot = Home(old[i] - 1);
      while (slots_[slot] != 0) ++slot;
      slots_[slot] = old[i];
    }
  }

  Pages<int64_t> slots_;  // Key + 1; 0 is free.
  int bits_ = 0;
  size_t used_ = 0;
  size_t limit_ = 0;
};

/// Each distinct key once, on as many threads as there are consumers, by Add(key, 1).
template <typename Consumer>
void DistinctKeys(const PairSequence& input, std::vector<Consumer>& consumers) {
  const size_t threads = consumers.size();
  std::vector<KeySet> sets(threads);
  std::barrier complete(static_cast<ptrdiff_t>(threads));
  const auto work = [&](size_t thread) {
    const uint64_t begin = input.pair_count * thread / threads;
    const uint64_t end = input.pair_count * (thread + 1) / threads;
    int64_t keys[KeySet::kMostKeys];
    for (uint64_t i = begin; i < end; i += KeySet::kMostKeys) {
      const size_t count = std::min<uint64_t>(KeySet::kMostKeys, end - i);
      for (size_t k = 0; k < count; ++k) keys[k] = input[i + k].key;
      sets[thread].Add(keys, count);
    }
    complete.arrive_and_wait();
    for (size_t from = 0; from < threads; ++from) {
      sets[from].ForEach({thread, threads}, [&](int64_t key) {
        for (size_t before = 0; before < from; ++before) {
          if (sets[before].Contains(key)) return;
        }
        consumers[thread].Add(key, 1);
      });
    }
  };
  std::vector<std::thread> others;
  for (size_t i = 1; i < threads; ++i) others.emplace_back(work, i);
  work(0);
  for (std::thread& thread : others) thread.join();
}

}  // namespace joist::bench

#endif  // JOIST_BENCH_RIVALS_DISTINCT_KEYS_H_
