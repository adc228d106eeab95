// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// The largest numbers and the quantiles of a sequence, by hand:
//  1. Largest: numbers above a threshold go into a buffer; when it is full, the smaller half of it
//     is dropped and the threshold raised. The loop over the input is a comparison that is nearly
//     always false.
//  2. Quantiles: the sketch of Karnin, Lang and Liberty ("Optimal Quantile Approximation in
//     Streams", FOCS 2016) with its sampler: the lowest levels, whose lists would have two
//     elements, are one number drawn of each 2^s.
// Each thread has a share of the sequence and a state of its own; states are merged.

#ifndef JOIST_BENCH_RIVALS_NUMBERS_H_
#define JOIST_BENCH_RIVALS_NUMBERS_H_

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <thread>
#include <utility>
#include <vector>

#include "bench/digest.h"
#include "bench/numbers.h"

namespace joist::bench {

/// Hands a share of the sequence to states[thread] by Add(values, count), on a thread each.
template <typename State>
void TakeShares(const NumberSequence& input, std::vector<State>& states) {
  const auto threads = static_cast<int64_t>(states.size());
  const auto work = [&](int64_t thread) {
    const int64_t begin = input.count() * thread / threads;
    const int64_t end = input.count() * (thread + 1) / threads;
    std::array<int64_t, 1024> values;
    for (int64_t i = begin; i < end;) {
      size_t count = 0;
      for (; count < values.size() && i < end; ++i) values[count++] = input[i];
      states[static_cast<size_t>(thread)].Add(values.data(), count);
    }
  };
  std::vector<std::thread> others;
  for (int64_t i = 1; i < threads; ++i) others.emplace_back(work, i);
  work(0);
  for (std::thread& thread : others) thread.join();
}

/// The `count` largest numbers.
class LargestNumbers {
 public:
  explicit LargestNumbers(size_t count) : count_(count) { kept_.reserve(2 * count); }

  void Add(const int64_t* values, size_t count) {
    for (size_t i = 0; i < count; ++i) {
      if (values[i] <= threshold_) continue;
      kept_.push_back(values[i]);
      if (kept_.size() == 2 * count_) Drop();
    }
  }
  /// In descending order.
  std::vector<int64_t> Take() {
    std::sort(kept_.begin(), kept_.end(), std::greater<>());
    if (kept_.size() > count_) kept_.resize(count_);
    return std::move(kept_);
  }

 private:
  void Drop() {
    const auto last = kept_.begin() + static_cast<ptrdiff_t>(count_) - 1;
    std::nth_element(kept_.begin(), last, kept_.end(), std::greater<>());
    threshold_ = *last;
    kept_.resize(count_);
  }

  size_t count_;
  int64_t threshold_ = INT64_MIN;
  std::vector<int64_t> kept_;
};

inline std::vector<int64_t> Largest(const NumberSequence& input, size_t count, int threads) {
  std::vector<LargestNumbers> states(static_cast<size_t>(threads), LargestNumbers(count));
  TakeShares(input, states);
  LargestNumbers all(count);
  for (LargestNumbers& state : states) {
    const std::vector<int64_t> kept = state.Take();
    all.Add(kept.data(), kept.size());
  }
  return all.Take();
}

class QuantileSketch {
 public:
  explicit QuantileSketch(size_t k, uint64_t seed) : k_(k), random_(SplitMix64(seed)) {}

  void Add(const int64_t* values, size_t count) {
    for (size_t i = 0; i < count;) {
      // Up to the end of the numbers of which one is drawn.
      const size_t step = std::min<size_t>(window_ - passed_, count - i);
      for (size_t k = i; k < i + step; ++k) {
        least_ = std::min(least_, values[k]);
        greatest_ = std::max(greatest_, values[k]);
      }
      if (chosen_ >= passed_ && chosen_ < passed_ + step) drawn_ = values[i + chosen_ - passed_];
      passed_ += step;
      i += step;
      if (passed_ < window_) continue;
      levels_[0].push_back(drawn_);
      if (levels_[0].size() >= Capacity(0)) Compress();
      BeginWindow();
    }
  }
  /// The numbers that are left of the last window count for nothing; they are too few to matter.
  void Merge(const QuantileSketch& other) {
    least_ = std::min(least_, other.least_);
    greatest_ = std::max(greatest_, other.greatest_);
    while (sampled_bits_ < other.sampled_bits_) RaiseSampler();
    for (size_t h = 0; h < other.levels_.size(); ++h) {
      std::vector<int64_t> list = other.levels_[h];
      int bits = other.sampled_bits_ + static_cast<int>(h);
      for (; bits < sampled_bits_; ++bits) list = Halve(std::move(list));
      const auto to = static_cast<size_t>(bits - sampled_bits_);
      if (levels_.size() <= to) levels_.resize(to + 1);
      levels_[to].insert(levels_[to].end(), list.begin(), list.end());
    }
    Compress();
  }
  /// `count` of them, at least two.
  std::vector<int64_t> Quantiles(size_t count) const {
    std::vector<std::pair<int64_t, int64_t>> all;  // Value, weight.
    int64_t total = 0;
    for (size_t h = 0; h < levels_.size(); ++h) {
      for (const int64_t value : levels_[h]) all.emplace_back(value, int64_t{1} << h);
      total += static_cast<int64_t>(levels_[h].size()) << h;
    }
    std::sort(all.begin(), all.end());
    std::vector<int64_t> quantiles = {least_};
    size_t at = 0;
    int64_t through = all.empty() ? 0 : all[0].second;
    for (size_t i = 1; i + 1 < count; ++i) {
      const int64_t rank = (total - 1) * static_cast<int64_t>(i) / static_cast<int64_t>(count - 1);
      while (through <= rank && at + 1 < all.size()) through += all[++at].second;
      quantiles.push_back(all[at].first);
    }
    quantiles.push_back(greatest_);
    return quantiles;
  }

 private:
  static constexpr size_t kLevels = 10;  // Above the sampler: the lowest has k / 38 elements.

  size_t Capacity(size_t level) const {
    size_t capacity = k_;
    for (size_t h = level + 1; h < levels_.size(); ++h) capacity = capacity * 2 / 3;
    return std::max<size_t>(capacity, 2);
  }
  void BeginWindow() {
    passed_ = 0;
    random_ = SplitMix64(random_);
    chosen_ = random_ & (window_ - 1);
  }
  /// Every second of the list's elements, in order.
  std::vector<int64_t> Halve(std::vector<int64_t> list) {
    std::sort(list.begin(), list.end());
    random_ = SplitMix64(random_);
    std::vector<int64_t> half;
    for (size_t i = random_ & 1; i < list.size(); i += 2) half.push_back(list[i]);
    return half;
  }
  void Compress() {
    for (size_t h = 0; h < levels_.size(); ++h) {
      if (levels_[h].size() < Capacity(h)) continue;
      if (h + 1 == levels_.size()) levels_.emplace_back();
      const std::vector<int64_t> half = Halve(std::exchange(levels_[h], {}));
      levels_[h + 1].insert(levels_[h + 1].end(), half.begin(), half.end());
    }
    while (levels_.size() > kLevels) RaiseSampler();
  }
  /// The lowest list becomes part of the next one, and the sampler draws one of twice as many.
  void RaiseSampler() {
    const std::vector<int64_t> half = Halve(std::exchange(levels_[0], {}));
    levels_.erase(levels_.begin());
    if (levels_.empty()) levels_.emplace_back();
    levels_[0].insert(levels_[0].end(), half.begin(), half.end());
    ++sampled_bits_;
    window_ *= 2;
    BeginWindow();
  }

  size_t k_;
  uint64_t random_;
  int64_t least_ = INT64_MAX;
  int64_t greatest_ = INT64_MIN;
  int sampled_bits_ = 0;
  size_t window_ = 1;
  size_t passed_ = 0;
  size_t chosen_ = 0;
  int64_t drawn_ = 0;
  std::vector<std::vector<int64_t>> levels_ = std::vector<std::vector<int64_t>>(1);
};

inline std::vector<int64_t> ApproximateQuantilesByHand(const NumberSequence& input, size_t count,
                                                       size_t k, int threads) {
  std::vector<QuantileSketch> states;
  for (int i = 0; i < threads; ++i) states.emplace_back(k, static_cast<uint64_t>(i));
  TakeShares(input, states);
  for (size_t i = 1; i < states.size(); ++i) states[0].Merge(states[i]);
  return states[0].Quantiles(count);
}

}  // namespace joist::bench

#endif  // JOIST_BENCH_RIVALS_NUMBERS_H_
