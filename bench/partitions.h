// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Positions of a stream that are divided among so many partitions in turn: each makes every n-th.
// Pure.

#ifndef JOIST_BENCH_PARTITIONS_H_
#define JOIST_BENCH_PARTITIONS_H_

#include <cstdint>
#include <numeric>
#include <vector>

namespace joist::bench {

/// Their numbers, which a pipeline begins with.
inline std::vector<int64_t> Partitions(int64_t count) {
  std::vector<int64_t> numbers(static_cast<size_t>(count));
  std::iota(numbers.begin(), numbers.end(), 0);
  return numbers;
}

/// The first position at or after `from` that is the partition's.
inline int64_t FirstOfPartition(int64_t from, int64_t partition, int64_t count) {
  return from + (partition - from % count + count) % count;
}

}  // namespace joist::bench

#endif  // JOIST_BENCH_PARTITIONS_H_
