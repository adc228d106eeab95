// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// What the benchmarks of windows make of each user's count in a window, and the consumer that
// everybody, rival and Joist pipeline, hands it to. A consumer belongs to one thread; the array of
// exact results is shared: by user, the number of windows, and the sum of a hash of each window
// with its count.

#ifndef JOIST_BENCH_WINDOW_RESULTS_H_
#define JOIST_BENCH_WINDOW_RESULTS_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "bench/digest.h"
#include "bench/key_results.h"

namespace joist::bench {

struct WindowConsumer {
  Digest digest;
  KeyResult* results = nullptr;  // Where exact results are wanted.

  /// In the window [start, end), in ms.
  void Add(int64_t start, int64_t end, int64_t user, int64_t count) {
    digest.AddGroup(static_cast<uint64_t>(user) + (static_cast<uint64_t>(start) << 24),
                    static_cast<uint64_t>(count), static_cast<uint64_t>(end));
    if (results != nullptr) [[unlikely]]
      AddExact(start, end, user, count);
  }

 private:
  [[gnu::cold, gnu::noinline]] void AddExact(int64_t start, int64_t end, int64_t user,
                                             int64_t count) {
    KeyResult& result = results[static_cast<size_t>(user)];
    std::atomic_ref(result.count).fetch_add(1, std::memory_order_relaxed);
    const uint64_t hash =
        SplitMix64(SplitMix64(static_cast<uint64_t>(start)) ^ static_cast<uint64_t>(end));
    std::atomic_ref(result.sum)
        .fetch_add(SplitMix64(hash ^ static_cast<uint64_t>(count)), std::memory_order_relaxed);
  }
};

}  // namespace joist::bench

#endif  // JOIST_BENCH_WINDOW_RESULTS_H_
