// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// The input of the benchmarks of windows: what users did within an hour, as columns of users and of
// event times that are a pure function of the index, made by integers alone, so that whoever reads
// it pays the same and sees the same. Users are drawn by Zipf's law: the k-th as often as 1/k. Time
// rises with the index, but each event lies up to kDisorder before where it would be in order.

#ifndef JOIST_BENCH_TIMED_EVENTS_H_
#define JOIST_BENCH_TIMED_EVENTS_H_

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "bench/digest.h"

namespace joist::bench {

/// 2^(31 + i/256), for powers of two by linear interpolation.
inline const std::array<uint64_t, 257> kPowersOfTwo = [] {
  std::array<uint64_t, 257> powers;
  for (size_t i = 0; i < powers.size(); ++i) {
    powers[i] = static_cast<uint64_t>(std::exp2(31 + static_cast<double>(i) / 256));
  }
  return powers;
}();

struct TimedEvents {
  static constexpr int64_t kMinute = 60'000;
  static constexpr int64_t kSpan = 60 * kMinute;
  static constexpr int64_t kDisorder = 4096;
  /// At a full minute.
  static constexpr int64_t kBegin = int64_t{1'000'000} * kMinute;
  /// Of the first minute that may have an event; there is one more of them than in kSpan.
  static constexpr int64_t kFirstMinute = kBegin - kMinute;
  static constexpr size_t kMinutes = 61;

  uint64_t event_count;
  uint64_t user_count;

  /// No event from `index` on is at this time less kDisorder or before, none up to it after this
  /// time.
  int64_t TimeInOrder(uint64_t index) const {
    const uint64_t step = (static_cast<uint64_t>(kSpan) << 32) / event_count;
    return kBegin + static_cast<int64_t>(index * step >> 32);
  }

  /// Users, in [0, user_count), and times in ms of `count` events.
  void Fill(uint64_t first, size_t count, int64_t* users, int64_t* times) const {
    const auto octaves = static_cast<uint64_t>(std::log2(static_cast<double>(user_count)) *
                                               static_cast<double>(1 << kFractionBits));
    const uint64_t step = (static_cast<uint64_t>(kSpan) << 32) / event_count;
    for (size_t i = 0; i < count; ++i) {
      const uint64_t random = SplitMix64(first + i);
      const uint64_t power = (random >> 32) * octaves >> 32;
      const uint64_t piece = power >> (kFractionBits - 8) & 255;
      const uint64_t rest = power & ((uint64_t{1} << (kFractionBits - 8)) - 1);
      const uint64_t from = kPowersOfTwo[piece];
      const uint64_t value =
          from + ((kPowersOfTwo[piece + 1] - from) * rest >> (kFractionBits - 8));
      users[i] = static_cast<int64_t>(value >> (31 - (power >> kFractionBits))) - 1;
      times[i] = kBegin + static_cast<int64_t>((first + i) * step >> 32) -
                 static_cast<int64_t>(random % kDisorder);
    }
  }

 private:
  static constexpr int kFractionBits = 27;
};

}  // namespace joist::bench

#endif  // JOIST_BENCH_TIMED_EVENTS_H_
