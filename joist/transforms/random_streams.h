// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Random numbers for accumulators, each of which draws from a stream of its own: a combine function
// is shared by all threads, and accumulators with the same stream would decide alike.

#ifndef JOIST_TRANSFORMS_RANDOM_STREAMS_H_
#define JOIST_TRANSFORMS_RANDOM_STREAMS_H_

#include <atomic>
#include <cstdint>
#include <optional>
#include <random>
#include <tuple>

#include "joist/base/hash.h"
#include "joist/transforms/parts.h"

namespace joist {

/// A stream of random words: the generator wyrand (Wang Yi, 2019), a counter whose square, nearly,
/// is folded.
struct RandomStream {
  uint64_t state = 0;  ///< 0: not begun.
  static auto Parts(auto& self) { return std::tie(self.state); }
  bool begun() const { return state != 0; }
  uint64_t Next() {
    state += kHashSeed2;
    return MultiplyFold(state, state ^ kHashSeed1);
  }
};

/// Gives out streams: numbers 0, 1, … of a seed. Without a seed every run of the program has
/// another one. Thread-safe; a copy begins again.
class RandomStreams {
 public:
  explicit RandomStreams(std::optional<uint64_t> seed = std::nullopt) : seed_(seed) {}
  RandomStreams(const RandomStreams& other) : seed_(other.seed_) {}
  RandomStreams& operator=(const RandomStreams& other) {
    seed_ = other.seed_;
    begun_ = 0;
    return *this;
  }
  ~RandomStreams() = default;

  RandomStream Begin() const {
    const uint64_t seed = seed_.has_value() ? *seed_ : SeedOfThisRun();
    const uint64_t number = begun_.fetch_add(1, std::memory_order_relaxed);
    const uint64_t state = HashCombine(HashWord(seed), number);
    return {state == 0 ? 1 : state};
  }

  static auto Parts(auto& self) { return std::tie(self.seed_); }

 private:
  static uint64_t SeedOfThisRun() {
    static const uint64_t seed = [] {
      std::random_device device;
      return static_cast<uint64_t>(device()) << 32 | device();
    }();
    // Two functions of one run differ as well.
    static std::atomic<uint64_t> drawn{0};
    return seed + HashWord(drawn.fetch_add(1, std::memory_order_relaxed));
  }

  std::optional<uint64_t> seed_;
  mutable std::atomic<uint64_t> begun_{0};
};

}  // namespace joist

#endif  // JOIST_TRANSFORMS_RANDOM_STREAMS_H_
