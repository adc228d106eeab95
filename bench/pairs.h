// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// The input of the grouping benchmarks: a sequence of (int64, int64) pairs that is a pure function
// of the index, so that whoever reads it, in whatever order and from however many threads, pays
// the same and sees the same. Keys are spread evenly over [0, key_count).

#ifndef JOIST_BENCH_PAIRS_H_
#define JOIST_BENCH_PAIRS_H_

#include <cstdint>

#include "bench/digest.h"

namespace joist::bench {

struct Pair {
  int64_t key;
  int64_t value;
};

struct PairSequence {
  uint64_t pair_count;
  uint64_t key_count;
  uint64_t first_index = 0;  ///< Where another sequence shall not see the same.

  Pair operator[](uint64_t index) const {
    const uint64_t random = SplitMix64(first_index + index);
    const unsigned __int128 scaled = static_cast<unsigned __int128>(random) * key_count;
    return {static_cast<int64_t>(scaled >> 64), static_cast<int64_t>(random & 0xFFFFF)};
  }
};

}  // namespace joist::bench

#endif  // JOIST_BENCH_PAIRS_H_
