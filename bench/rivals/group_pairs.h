// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Grouping pairs by key, by hand:
//  1. Every thread spreads its share of the input over 2^11 partitions by the hash's highest bits.
//     A line of four pairs is gathered for each partition and written past the caches, into chunks
//     that are taken from one region of huge pages.
//  2. Threads take partitions from a counter. A partition (some 50,000 pairs) fits in the L2 cache:
//     its keys are numbered by a hash table, its values counted and put in place behind each other.
//  3. Each group, a key and its values side by side, is given to the consumer.
// Peak memory is that of the input, and a little.

#ifndef JOIST_BENCH_RIVALS_GROUP_PAIRS_H_
#define JOIST_BENCH_RIVALS_GROUP_PAIRS_H_

#include <immintrin.h>

#include <algorithm>
#include <atomic>
#include <barrier>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <thread>
#include <vector>

#include "bench/pairs.h"
#include "bench/rivals/pages.h"

namespace joist::bench {

inline uint64_t HashKey(int64_t key) {
  const unsigned __int128 product =
      static_cast<unsigned __int128>(static_cast<uint64_t>(key) ^ 0x9E3779B97F4A7C15u) *
      0xD1B54A32D192ED03u;
  return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}

inline constexpr int kRadixBits = 11;
inline constexpr size_t kRadixPartitions = size_t{1} << kRadixBits;

/// One thread's share of the input, spread over the partitions.
class PairPartitions {
 public:
  struct Chunk {
    static constexpr size_t kPairs = 1024;
    Pair pairs[kPairs];
  };

  explicit PairPartitions(size_t pair_count)
      : chunks_(pair_count / Chunk::kPairs + 2 * kRadixPartitions),
        lines_(kRadixPartitions),
        next_(kRadixPartitions),
        count_of_(kRadixPartitions),
        chunks_of_(kRadixPartitions) {}

  void Add(Pair pair) {
    const size_t partition = HashKey(pair.key) >> (64 - kRadixBits);
    const uint32_t count = count_of_[partition]++;
    Line& line = lines_[partition];
    line.pairs[count % Line::kPairs] = pair;
    if (count % Line::kPairs == Line::kPairs - 1) WriteLine(partition, line);
  }

  /// Writes the lines that are not full. Nothing can be added after it.
  void Finish() {
    for (size_t partition = 0; partition < kRadixPartitions; ++partition) {
      if (count_of_[partition] % Line::kPairs != 0) WriteLine(partition, lines_[partition]);
    }
    _mm_sfence();
  }

  size_t count(size_t partition) const { return count_of_[partition]; }

  /// Calls function(pairs, count) for pieces of the partition.
  template <typename Function>
  void ForEachChunk(size_t partition, Function function) const {
    size_t left = count_of_[partition];
    for (const uint32_t chunk : chunks_of_[partition]) {
      const size_t count = std::min(left, Chunk::kPairs);
      function(chunks_[chunk].pairs, count);
      left -= count;
    }
  }

 private:
  struct alignas(64) Line {
    static constexpr size_t kPairs = 4;
    Pair pairs[kPairs];
  };

  void WriteLine(size_t partition, const Line& line) {
    Pair* next = next_[partition];
    // Chunks are aligned to their size: a full one's end is where another begins.
    if (reinterpret_cast<uintptr_t>(next) % sizeof(Chunk) == 0) {
      chunks_of_[partition].push_back(next_chunk_);
      next = chunks_[next_chunk_++].pairs;
    }
    const auto* from = reinterpret_cast<const __m256i*>(line.pairs);
    auto* to = reinterpret_cast<__m256i*>(next);
    _mm256_stream_si256(to, _mm256_load_si256(from));
    _mm256_stream_si256(to + 1, _mm256_load_si256(from + 1));
    next_[partition] = next + Line::kPairs;
  }

  Pages<Chunk> chunks_;
  std::vector<Line> lines_;
  std::vector<Pair*> next_;
  std::vector<uint32_t> count_of_;
  std::vector<std::vector<uint32_t>> chunks_of_;
  uint32_t next_chunk_ = 0;
};

/// Groups one partition after the other. Its memory is reused.
class PartitionGrouper {
 public:
  PartitionGrouper() : slots_(size_t{1} << bits_) {}

  /// Groups the pairs of `partition` in all `sources` and gives each group to `consumer`.
  template <typename Source, typename Consumer>
  void Group(const std::vector<std::unique_ptr<Source>>& sources, size_t partition,
             Consumer& consumer) {
    size_t pair_count = 0;
    for (const auto& source : sources) pair_count += source->count(partition);
    if (group_of_.size() < pair_count) {
      group_of_.resize(pair_count);
      values_.resize(pair_count);
    }
    keys_.clear();
    ends_.clear();
    ++generation_;  // Which empties the table.

    uint32_t* group_of = group_of_.data();
    for (const auto& source : sources) {
      source->ForEachChunk(partition, [&](const Pair* pairs, size_t count) {
        for (size_t i = 0; i < count; ++i) {
          const uint32_t group = NumberOf(pairs[i].key);
          *group_of++ = group;
          ++ends_[group];
        }
      });
    }
    // From counts to beginnings, which advance to ends as values are put in place.
    uint32_t begin = 0;
    for (uint32_t& end : ends_) {
      const uint32_t count = end;
      end = begin;
      begin += count;
    }
    group_of = group_of_.data();
    for (const auto& source : sources) {
      source->ForEachChunk(partition, [&](const Pair* pairs, size_t count) {
        for (size_t i = 0; i < count; ++i) values_[ends_[*group_of++]++] = pairs[i].value;
      });
    }
    begin = 0;
    for (size_t group = 0; group < keys_.size(); ++group) {
      consumer.Add(keys_[group], std::span(values_.data() + begin, ends_[group] - begin));
      begin = ends_[group];
    }
  }

 private:
  struct Slot {
    int64_t key;
    uint32_t generation;
    uint32_t group;
  };

  uint32_t NumberOf(int64_t key) {
    const size_t mask = slots_.size() - 1;
    // The partition's bits are the same for all: the next ones tell its keys apart.
    size_t index = HashKey(key) << kRadixBits >> (64 - bits_);
    while (true) {
      Slot& slot = slots_[index];
      if (slot.generation != generation_) {
        const auto group = static_cast<uint32_t>(keys_.size());
        if (group >= slots_.size() / 2) [[unlikely]] {
          Grow();
          return NumberOf(key);
        }
        slot = {key, generation_, group};
        keys_.push_back(key);
        ends_.push_back(0);
        return group;
      }
      if (slot.key == key) return slot.group;
      index = (index + 1) & mask;
    }
  }

  void Grow() {
    ++bits_;
    slots_.assign(size_t{1} << bits_, Slot{});
    const size_t mask = slots_.size() - 1;
    for (uint32_t group = 0; group < keys_.size(); ++group) {
      size_t index = HashKey(keys_[group]) << kRadixBits >> (64 - bits_);
      while (slots_[index].generation == generation_) index = (index + 1) & mask;
      slots_[index] = {keys_[group], generation_, group};
    }
  }

  int bits_ = 12;
  uint32_t generation_ = 0;
  std::vector<Slot> slots_;
  std::vector<int64_t> keys_;
  std::vector<uint32_t> ends_;
  std::vector<uint32_t> group_of_;
  std::vector<int64_t> values_;
};

/// Groups `input`, on as many threads as there are consumers. Each is given groups by
/// Add(key, values), from one thread only.
template <typename Consumer>
void GroupPairs(const PairSequence& input, std::vector<Consumer>& consumers) {
  const size_t threads = consumers.size();
  std::vector<std::unique_ptr<PairPartitions>> sources(threads);
  std::barrier spread(static_cast<ptrdiff_t>(threads));
  std::atomic<size_t> next_partition = 0;
  const auto work = [&](size_t thread) {
    const uint64_t begin = input.pair_count * thread / threads;
    const uint64_t end = input.pair_count * (thread + 1) / threads;
    sources[thread] = std::make_unique<PairPartitions>(end - begin);
    for (uint64_t i = begin; i < end; ++i) sources[thread]->Add(input[i]);
    sources[thread]->Finish();
    spread.arrive_and_wait();
    PartitionGrouper grouper;
    size_t partition;
    while ((partition = next_partition.fetch_add(1)) < kRadixPartitions) {
      grouper.Group(sources, partition, consumers[thread]);
    }
  };
  std::vector<std::thread> others;
  for (size_t i = 1; i < threads; ++i) others.emplace_back(work, i);
  work(0);
  for (std::thread& thread : others) thread.join();
}

}  // namespace joist::bench

#endif  // JOIST_BENCH_RIVALS_GROUP_PAIRS_H_
