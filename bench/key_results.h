// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// What the grouping benchmarks make of each key, and the consumers that everybody, rival and Joist
// pipeline, hands groups and sums to. A consumer belongs to one thread; the arrays of exact results
// are shared, and no key is given to two consumers.

#ifndef JOIST_BENCH_KEY_RESULTS_H_
#define JOIST_BENCH_KEY_RESULTS_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "bench/digest.h"

namespace joist::bench {

struct KeyResult {
  uint64_t count = 0;
  uint64_t sum = 0;
};

/// The canonical form of exact results: the array, by key.
inline std::string CanonicalKeyResults(const std::vector<KeyResult>& results) {
  return {reinterpret_cast<const char*>(results.data()), results.size() * sizeof(KeyResult)};
}

/// Benchmark::explain for it.
inline std::string ExplainKeyResults(const std::string& expected, const std::string& found,
                                     size_t offset) {
  if (found.size() != expected.size()) return "  another number of keys";
  const size_t key = offset / sizeof(KeyResult);
  KeyResult right, wrong;
  std::memcpy(&right, expected.data() + key * sizeof(KeyResult), sizeof(KeyResult));
  std::memcpy(&wrong, found.data() + key * sizeof(KeyResult), sizeof(KeyResult));
  return "  key " + std::to_string(key) + ": expected " + std::to_string(right.count) +
         " values with sum " + std::to_string(right.sum) + ", found " +
         std::to_string(wrong.count) + " with " + std::to_string(wrong.sum);
}

/// Takes groups: adds up the values of each, and digests or keeps what comes of it.
struct GroupConsumer {
  Digest digest;
  KeyResult* results = nullptr;  // Where exact results are wanted.

  template <typename Values>
  void Add(int64_t key, const Values& values) {
    uint64_t sum = 0;
    for (const int64_t value : values) sum += static_cast<uint64_t>(value);
    digest.AddGroup(static_cast<uint64_t>(key), values.size(), sum);
    if (results != nullptr) {
      KeyResult& result = results[static_cast<size_t>(key)];
      result.count += values.size();
      result.sum += sum;
    }
  }
};

struct SumConsumer {
  Digest digest;
  KeyResult* results = nullptr;

  void Add(int64_t key, int64_t sum) {
    digest.AddGroup(static_cast<uint64_t>(key), 0, static_cast<uint64_t>(sum));
    if (results != nullptr) results[static_cast<size_t>(key)].sum += static_cast<uint64_t>(sum);
  }
};

/// Takes the pairs of a join.
struct JoinConsumer {
  Digest digest;
  KeyResult* results = nullptr;

  void Add(int64_t key, int64_t left, int64_t right) {
    const auto sum = static_cast<uint64_t>(left) + 3 * static_cast<uint64_t>(right);
    digest.AddGroup(static_cast<uint64_t>(key), 1, sum);
    if (results != nullptr) {
      KeyResult& result = results[static_cast<size_t>(key)];
      ++result.count;
      result.sum += sum;
    }
  }
};

}  // namespace joist::bench

#endif  // JOIST_BENCH_KEY_RESULTS_H_
