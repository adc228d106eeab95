// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Five steps on int64, joined by hand in the ways that there are:
//  - Batches: each step is an object with one virtual call a batch, as in any engine whose steps
//    are named and put together while running. The loop inside is the compiler's to optimize.
//  - Fused: the five functions inside one loop, once element by element, once as vectors (filters
//    become masks, which only works because the sink is a sum).

#ifndef JOIST_BENCH_RIVALS_INT64_STEPS_H_
#define JOIST_BENCH_RIVALS_INT64_STEPS_H_

#include <immintrin.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "bench/steps.h"

namespace joist::bench {

/// A step that is given batches of up to kBatch elements.
class Int64Step {
 public:
  virtual ~Int64Step() = default;
  virtual void Process(const int64_t* in, size_t count) = 0;
};

/// Writes those of the `count` elements of `in` to `out` whose entry in `passes` (aligned to 32
/// bytes) is -1 and not 0; returns their number. Up to four elements behind them are overwritten.
inline size_t Compact(const int64_t* in, const int64_t* passes, size_t count, int64_t* out) {
  // For each set of lanes the order in which their halves move to the front.
  alignas(32) static constexpr auto kOrders = [] {
    std::array<std::array<uint32_t, 8>, 16> orders{};
    for (uint32_t lanes = 0; lanes < 16; ++lanes) {
      size_t to = 0;
      for (uint32_t lane = 0; lane < 4; ++lane) {
        if ((lanes >> lane & 1) == 0) continue;
        orders[lanes][to++] = 2 * lane;
        orders[lanes][to++] = 2 * lane + 1;
      }
    }
    return orders;
  }();
  int64_t* const first = out;
  size_t i = 0;
  for (; i + 4 <= count; i += 4) {
    const __m256i passing = _mm256_load_si256(reinterpret_cast<const __m256i*>(passes + i));
    const auto lanes = static_cast<uint32_t>(_mm256_movemask_pd(_mm256_castsi256_pd(passing)));
    const __m256i order = _mm256_load_si256(reinterpret_cast<const __m256i*>(&kOrders[lanes]));
    const __m256i values = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(in + i));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out),
                        _mm256_permutevar8x32_epi32(values, order));
    out += std::popcount(lanes);
  }
  for (; i < count; ++i) {
    *out = in[i];
    out -= passes[i];
  }
  return static_cast<size_t>(out - first);
}

template <size_t kBatch, typename Function>
class Int64Map final : public Int64Step {
 public:
  Int64Map(Function function, Int64Step& next) : function_(function), next_(next) {}
  void Process(const int64_t* in, size_t count) override {
    for (size_t i = 0; i < count; ++i) out_[i] = function_(in[i]);
    next_.Process(out_.data(), count);
  }

 private:
  Function function_;
  Int64Step& next_;
  std::array<int64_t, kBatch> out_;
};

template <size_t kBatch, typename Function>
class Int64Filter final : public Int64Step {
 public:
  Int64Filter(Function function, Int64Step& next) : function_(function), next_(next) {}
  void Process(const int64_t* in, size_t count) override {
    // What passes is found first, by a loop that the compiler makes vectors of; then four elements
    // at a time are moved together.
    alignas(32) int64_t passes[kBatch];
    for (size_t i = 0; i < count; ++i) passes[i] = -static_cast<int64_t>(function_(in[i]));
    const size_t kept = Compact(in, passes, count, out_.data());
    next_.Process(out_.data(), kept);
  }

 private:
  Function function_;
  Int64Step& next_;
  std::array<int64_t, kBatch + 4> out_;
};

template <bool kExact>
class Int64Sum final : public Int64Step {
 public:
  void Process(const int64_t* in, size_t count) override {
    StepSink<kExact> sink;
    for (size_t i = 0; i < count; ++i) sink.Add(in[i]);
    digest_.Merge(sink.digest);
  }
  const Digest& digest() const { return digest_; }

 private:
  Digest digest_;
};

/// Five named steps by batches over the elements [begin, end).
template <bool kExact, size_t kBatch = 1024>
Digest Int64Batches(int64_t begin, int64_t end) {
  using namespace int64_steps;  // NOLINT: the five functions are what this is about.
  // Lambdas, so that the functions are known inside of the loops.
  const auto scale = [](int64_t x) { return Scale(x); };
  const auto mix = [](int64_t x) { return Mix(x); };
  const auto keep = [](int64_t x) { return Keep(x); };
  const auto shift = [](int64_t x) { return Shift(x); };
  const auto select = [](int64_t x) { return Select(x); };
  Int64Sum<kExact> sum;
  Int64Filter<kBatch, decltype(select)> step5(select, sum);
  Int64Map<kBatch, decltype(shift)> step4(shift, step5);
  Int64Filter<kBatch, decltype(keep)> step3(keep, step4);
  Int64Map<kBatch, decltype(mix)> step2(mix, step3);
  Int64Map<kBatch, decltype(scale)> step1(scale, step2);

  Int64Step* first = &step1;
  asm volatile("" : "+r"(first));  // What it is, is not known when compiling.
  std::array<int64_t, kBatch> in;
  while (begin < end) {
    const auto count = static_cast<size_t>(std::min<int64_t>(kBatch, end - begin));
    for (size_t i = 0; i < count; ++i) in[i] = begin + static_cast<int64_t>(i);
    first->Process(in.data(), count);
    begin += static_cast<int64_t>(count);
  }
  return sum.digest();
}

/// `x`, which the compiler must have in one register: no vectors.
inline int64_t Single(int64_t x) {
  asm("" : "+r"(x));
  return x;
}

/// The same in one loop that goes element by element.
template <bool kExact>
Digest Int64FusedScalar(int64_t begin, int64_t end) {
  using namespace int64_steps;  // NOLINT
  StepSink<kExact> sink;
  for (int64_t x = begin; x < end; ++x) {
    const int64_t mixed = Mix(Scale(Single(x)));
    if (!Keep(mixed)) continue;
    const int64_t shifted = Shift(mixed);
    if (!Select(shifted)) continue;
    sink.Add(shifted);
  }
  return sink.digest;
}

/// The same in one loop of vectors.
inline Digest Int64FusedVector(int64_t begin, int64_t end) {
  using namespace int64_steps;  // NOLINT
  Digest digest;
  for (int64_t x = begin; x < end; ++x) {
    const int64_t mixed = Mix(Scale(x));
    const int64_t shifted = Shift(mixed);
    const int64_t passes =
        static_cast<int64_t>(Keep(mixed)) & static_cast<int64_t>(Select(shifted));
    digest.entries += static_cast<uint64_t>(passes);
    digest.sum += static_cast<uint64_t>(shifted & -passes);
  }
  return digest;
}

/// Five maps in one loop that goes element by element: what `Map | Map | …` should come to.
template <bool kExact>
Digest Int64MapsScalar(int64_t begin, int64_t end) {
  using namespace int64_steps;  // NOLINT
  StepSink<kExact> sink;
  for (int64_t x = begin; x < end; ++x) sink.Add(Flip(Fold(Shift(Mix(Scale(Single(x)))))));
  return sink.digest;
}

/// The same as the compiler vectorizes it.
inline Digest Int64MapsVector(int64_t begin, int64_t end) {
  using namespace int64_steps;  // NOLINT
  StepSink<false> sink;
  for (int64_t x = begin; x < end; ++x) sink.Add(Flip(Fold(Shift(Mix(Scale(x))))));
  return sink.digest;
}

}  // namespace joist::bench

#endif  // JOIST_BENCH_RIVALS_INT64_STEPS_H_
