// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// The input of top and quantiles: all numbers of so many bits, each once, in an order that looks
// random. A pure function of the index. So the rank of a number is the number itself, and whoever
// claims to know one is checked exactly.

#ifndef JOIST_BENCH_NUMBERS_H_
#define JOIST_BENCH_NUMBERS_H_

#include <cstdint>

namespace joist::bench {

struct NumberSequence {
  int bits;

  int64_t count() const { return int64_t{1} << bits; }
  /// Each step can be undone within the bits.
  int64_t operator[](int64_t index) const {
    const uint64_t mask = (uint64_t{1} << bits) - 1;
    auto x = static_cast<uint64_t>(index);
    x ^= x >> (bits / 2);
    x = x * 0x9E3779B97F4A7C15u & mask;
    x ^= x >> (bits / 2);
    x = x * 0xD1B54A32D192ED03u & mask;
    x ^= x >> (bits / 2);
    return static_cast<int64_t>(x);
  }
};

}  // namespace joist::bench

#endif  // JOIST_BENCH_NUMBERS_H_
