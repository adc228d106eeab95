// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// The sum of the values of each key, by hand:
//  1. One table of 16-byte slots on huge pages. A pair's slot is prefetched 64 pairs before it is
//     touched, in the same loop, so that as many misses as the machine can bear are always under
//     way. The table is ordered by the hash's high bits, so that growing walks through old and new
//     from front to back; it grows fourfold, because growing is what costs.
//  2. Two and more threads each own a range of hashes. Every thread reads its share of the input,
//     keeps the pairs that are its own and hands the others over in blocks of 1,024 through a ring
//     between each two threads: 16 bytes written and read once is less than a second table that
//     would have to be merged.

#ifndef JOIST_BENCH_RIVALS_SUM_PAIRS_H_
#define JOIST_BENCH_RIVALS_SUM_PAIRS_H_

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <limits>
#include <memory>
#include <thread>
#include <vector>

#include "bench/pairs.h"
#include "bench/rivals/group_pairs.h"
#include "bench/rivals/pages.h"

namespace joist::bench {

class SumTable {
 public:
  /// Of hashes whose highest `range_bits` bits are the same.
  explicit SumTable(int range_bits) : range_bits_(range_bits) { Allocate(16); }

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

  template <typename Function>
  void ForEach(Function function) const {
    for (size_t i = 0; i < slots_.size(); ++i) {
      if (slots_[i].used_key != 0) function(slots_[i].used_key ^ kNoKey, slots_[i].sum);
    }
    if (has_no_key_) function(kNoKey, no_key_sum_);
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

  size_t Home(int64_t key) const { return HashKey(key) << range_bits_ >> shift_; }

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

  int range_bits_;
  Pages<Slot> slots_;
  int bits_ = 0;
  int shift_ = 0;
  size_t used_ = 0;
  size_t limit_ = 0;
  bool has_no_key_ = false;
  int64_t no_key_sum_ = 0;
};

/// Blocks of pairs from one thread to one other. The receiver reads a block in place.
class PairRing {
 public:
  struct Block {
    static constexpr size_t kPairs = 1024;
    size_t count = 0;
    std::array<Pair, kPairs> pairs;
  };

  PairRing() : blocks_(kBlocks) {}

  /// The block to fill next, or null while the receiver is behind.
  Block* Writable() {
    const size_t written = written_.load(std::memory_order_relaxed);
    if (written - read_.load(std::memory_order_acquire) == kBlocks) return nullptr;
    return &blocks_[written % kBlocks];
  }
  void Publish() {
    written_.store(written_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
  }
  /// To be called after the last Publish.
  void Close() { closed_.store(true, std::memory_order_release); }

  /// The block to read next, or null.
  const Block* Readable() {
    const size_t read = read_.load(std::memory_order_relaxed);
    if (written_.load(std::memory_order_acquire) == read) return nullptr;
    return &blocks_[read % kBlocks];
  }
  void Release() {
    read_.store(read_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
  }
  /// That nothing will come any more, given that Readable() is null after it.
  bool closed() const { return closed_.load(std::memory_order_acquire); }

 private:
  static constexpr size_t kBlocks = 16;

  std::vector<Block> blocks_;
  alignas(64) std::atomic<size_t> written_ = 0;
  std::atomic<bool> closed_ = false;
  alignas(64) std::atomic<size_t> read_ = 0;
};

/// Sums `input` by key, on as many threads as there are consumers, a power of two. Each is given
/// keys by Add(key, sum), from one thread only.
template <typename Consumer>
class SumPairs {
 public:
  static void Run(const PairSequence& input, std::vector<Consumer>& consumers) {
    SumPairs job(input, consumers);
    std::vector<std::thread> others;
    for (size_t i = 1; i < job.threads_; ++i) others.emplace_back([&job, i] { job.Work(i); });
    job.Work(0);
    for (std::thread& thread : others) thread.join();
  }

 private:
  static constexpr size_t kReadPairs = 1024;

  SumPairs(const PairSequence& input, std::vector<Consumer>& consumers)
      : input_(input), consumers_(consumers), threads_(consumers.size()) {
    while ((size_t{1} << range_bits_) < threads_) ++range_bits_;
    rings_.resize(threads_ * threads_);
    for (auto& ring : rings_) ring = std::make_unique<PairRing>();
  }

  PairRing& Ring(size_t from, size_t to) { return *rings_[from * threads_ + to]; }

  void Work(size_t thread) {
    SumTable table(range_bits_);
    const uint64_t begin = input_.pair_count * thread / threads_;
    const uint64_t end = input_.pair_count * (thread + 1) / threads_;
    if (threads_ == 1) {
      std::array<Pair, kReadPairs> pairs;
      for (uint64_t i = begin; i < end; i += kReadPairs) {
        const size_t count = std::min<uint64_t>(kReadPairs, end - i);
        for (size_t k = 0; k < count; ++k) pairs[k] = input_[i + k];
        table.Add(pairs.data(), count);
      }
    } else {
      ReadAndExchange(thread, begin, end, table);
    }
    table.ForEach([&](int64_t key, int64_t sum) { consumers_[thread].Add(key, sum); });
  }

  void ReadAndExchange(size_t thread, uint64_t begin, uint64_t end, SumTable& table) {
    // The pairs for each thread, this one too.
    std::vector<std::array<Pair, PairRing::Block::kPairs + kReadPairs>> pending(threads_);
    std::vector<size_t> count_of(threads_);
    for (uint64_t i = begin; i < end; i += kReadPairs) {
      const size_t count = std::min<uint64_t>(kReadPairs, end - i);
      if (threads_ == 2) {
        SpreadInTwo(i, count, pending, count_of);
      } else {
        for (size_t k = 0; k < count; ++k) {
          const Pair pair = input_[i + k];
          const size_t to = HashKey(pair.key) >> (64 - range_bits_);
          pending[to][count_of[to]++] = pair;
        }
      }
      for (size_t to = 0; to < threads_; ++to) {
        if (count_of[to] < PairRing::Block::kPairs) continue;
        Deliver(thread, to, pending[to].data(), PairRing::Block::kPairs, table);
        count_of[to] -= PairRing::Block::kPairs;
        std::copy_n(pending[to].begin() + PairRing::Block::kPairs, count_of[to],
                    pending[to].begin());
      }
      Receive(thread, table);
    }
    for (size_t to = 0; to < threads_; ++to) {
      Deliver(thread, to, pending[to].data(), count_of[to], table);
      if (to != thread) Ring(thread, to).Close();
    }
    while (!Receive(thread, table)) std::this_thread::yield();
  }

  /// Without a branch: each pair is written to both, and one end advances.
  template <typename Pending>
  void SpreadInTwo(uint64_t first, size_t count, Pending& pending, std::vector<size_t>& count_of) {
    Pair* low = pending[0].data() + count_of[0];
    Pair* high = pending[1].data() + count_of[1];
    for (size_t k = 0; k < count; ++k) {
      const Pair pair = input_[first + k];
      const size_t is_high = HashKey(pair.key) >> 63;
      *low = pair;
      *high = pair;
      low += 1 - is_high;
      high += is_high;
    }
    count_of[0] = static_cast<size_t>(low - pending[0].data());
    count_of[1] = static_cast<size_t>(high - pending[1].data());
  }

  void Deliver(size_t from, size_t to, const Pair* pairs, size_t count, SumTable& table) {
    if (to == from) {
      table.Add(pairs, count);
      return;
    }
    PairRing::Block* block;
    // Whoever waits works meanwhile on what waits for it.
    while ((block = Ring(from, to).Writable()) == nullptr) {
      Receive(from, table);
      std::this_thread::yield();
    }
    std::copy_n(pairs, count, block->pairs.begin());
    block->count = count;
    Ring(from, to).Publish();
  }

  /// Adds what has come for `thread`. True when nothing more will.
  bool Receive(size_t thread, SumTable& table) {
    bool done = true;
    for (size_t from = 0; from < threads_; ++from) {
      if (from == thread) continue;
      PairRing& ring = Ring(from, thread);
      const bool closed = ring.closed();
      while (const PairRing::Block* block = ring.Readable()) {
        table.Add(block->pairs.data(), block->count);
        ring.Release();
      }
      done = done && closed;
    }
    return done;
  }

  const PairSequence& input_;
  std::vector<Consumer>& consumers_;
  size_t threads_;
  int range_bits_ = 0;
  std::vector<std::unique_ptr<PairRing>> rings_;
};

}  // namespace joist::bench

#endif  // JOIST_BENCH_RIVALS_SUM_PAIRS_H_
