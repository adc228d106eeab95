// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Grouping pairs that do not fit into memory, by hand. First every thread scatters its share over
// 256 partitions by the high bits of the key's hash; a partition's buffer that is full is written,
// as it is, to the end of the thread's temporary file. Then each partition is read back and grouped
// by a hash table. Buffers take 64 MB a thread, a partition a few MB.

#ifndef JOIST_BENCH_RIVALS_SPILL_PAIRS_H_
#define JOIST_BENCH_RIVALS_SPILL_PAIRS_H_

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <barrier>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "bench/rivals/group_pairs.h"

namespace joist::bench {

class SpilledPairs {
 public:
  static constexpr int kBits = 8;
  static constexpr size_t kPartitions = size_t{1} << kBits;
  static constexpr size_t kBufferPairs = 16 << 10;

  explicit SpilledPairs(const std::string& path)
      : file_(::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC, 0600)),
        buffers_(kPartitions * kBufferPairs),
        count_of_(kPartitions),
        blocks_of_(kPartitions) {
    ::unlink(path.c_str());
  }
  ~SpilledPairs() { ::close(file_); }

  void Add(Pair pair) {
    const size_t partition = HashKey(pair.key) >> (64 - kBits);
    Pair* const buffer = &buffers_[partition * kBufferPairs];
    uint32_t& count = count_of_[partition];
    buffer[count++] = pair;
    if (count == kBufferPairs) [[unlikely]] {
      if (::pwrite(file_, buffer, sizeof(Pair) * kBufferPairs, end_) !=
          static_cast<ssize_t>(sizeof(Pair) * kBufferPairs)) {
        throw std::runtime_error("cannot write the spill file");
      }
      blocks_of_[partition].push_back(end_);
      end_ += static_cast<off_t>(sizeof(Pair) * kBufferPairs);
      count = 0;
    }
  }

  /// Appends the pairs of `partition` to `pairs`.
  void Load(size_t partition, std::vector<Pair>* pairs) const {
    for (const off_t block : blocks_of_[partition]) {
      const size_t at = pairs->size();
      pairs->resize(at + kBufferPairs);
      if (::pread(file_, pairs->data() + at, sizeof(Pair) * kBufferPairs, block) !=
          static_cast<ssize_t>(sizeof(Pair) * kBufferPairs)) {
        throw std::runtime_error("cannot read the spill file");
      }
    }
    const Pair* const buffer = &buffers_[partition * kBufferPairs];
    pairs->insert(pairs->end(), buffer, buffer + count_of_[partition]);
  }

 private:
  int file_;
  off_t end_ = 0;
  std::vector<Pair> buffers_;
  std::vector<uint32_t> count_of_;
  std::vector<std::vector<off_t>> blocks_of_;
};

/// A partition in memory, as PartitionGrouper has them.
struct LoadedPairs {
  std::vector<Pair> pairs;
  size_t count(size_t) const { return pairs.size(); }
  template <typename Function>
  void ForEachChunk(size_t, Function function) const {
    function(pairs.data(), pairs.size());
  }
};

/// Groups `input` on as many threads as there are consumers, by way of files `scratch`*.
template <typename Consumer>
void SpillAndGroupPairs(const PairSequence& input, const std::string& scratch,
                        std::vector<Consumer>& consumers) {
  const size_t threads = consumers.size();
  std::vector<std::unique_ptr<SpilledPairs>> sources(threads);
  std::barrier spread(static_cast<ptrdiff_t>(threads));
  std::atomic<size_t> next_partition = 0;
  const auto work = [&](size_t thread) {
    const uint64_t begin = input.pair_count * thread / threads;
    const uint64_t end = input.pair_count * (thread + 1) / threads;
    sources[thread] = std::make_unique<SpilledPairs>(scratch + std::to_string(thread));
    for (uint64_t i = begin; i < end; ++i) sources[thread]->Add(input[i]);
    spread.arrive_and_wait();
    PartitionGrouper grouper;
    std::vector<std::unique_ptr<LoadedPairs>> loaded;
    loaded.push_back(std::make_unique<LoadedPairs>());
    size_t partition;
    while ((partition = next_partition.fetch_add(1)) < SpilledPairs::kPartitions) {
      loaded[0]->pairs.clear();
      for (const auto& source : sources) source->Load(partition, &loaded[0]->pairs);
      grouper.Group(loaded, partition, consumers[thread]);
    }
  };
  std::vector<std::thread> others;
  for (size_t i = 1; i < threads; ++i) others.emplace_back(work, i);
  work(0);
  for (std::thread& thread : others) thread.join();
}

}  // namespace joist::bench

#endif  // JOIST_BENCH_RIVALS_SPILL_PAIRS_H_
