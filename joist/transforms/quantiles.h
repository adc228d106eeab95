// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// ApproximateQuantiles: the elements that divide a collection, in order, into parts of about equal
// size: of 5 quantiles the least element, those at a quarter, a half, three quarters, the greatest.
//
//   latencies | joist::ApproximateQuantiles::Globally(5)      // One std::vector<T>
//   latencies | joist::ApproximateQuantiles::PerKey(101)      // KV<K, std::vector<V>>
//
// The sketch is KLL (Karnin, Lang, Liberty: "Optimal Quantile Approximation in Streams", FOCS
// 2016): lists of elements, those of list h standing for 2^h each. A full list is sorted, and each
// second element of it goes to the next; whether the even ones or the odd, is decided by chance.
// The capacities shrink by 2/3 from the top down, so that the sketch keeps about 3 k elements of
// however many. Lists whose capacity would be less than 2 sample instead, which their paper does as
// well: of 2^j elements as they come one is drawn, and goes j lists up. So nearly all elements are
// neither sorted nor compared, but with the least and the greatest, which are exact.
//
// The error is one of ranks: what is given for rank r of n lies between r - e n and r + e n. At k =
// KllSketch::SizeFor(e) each single quantile does so with a probability of 99 %; k is chosen by
// what was measured of this sketch (quantiles_test.cc), 2.8 / e. Sketches merge with the same
// bound. Chance is seeded: the same elements in the same order by one thread give the same result.

#ifndef JOIST_TRANSFORMS_QUANTILES_H_
#define JOIST_TRANSFORMS_QUANTILES_H_

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "joist/sdk/combine.h"
#include "joist/transforms/argument.h"
#include "joist/transforms/parts.h"
#include "joist/transforms/random_streams.h"

namespace joist {

/// The sketch of a multiset of values that are ordered by Less, a function of two T. A value.
template <class T, class Less = std::less<>>
struct KllSketch {
  static constexpr int64_t kLeastSize = 8;
  static constexpr int64_t kMostSize = int64_t{1} << 20;
  static constexpr size_t kLeastCapacity = 2;
  /// Of so many elements as they come, if k isn't less, sampling draws at once; and it goes up by
  /// so many levels.
  static constexpr int64_t kGathered = 64;
  static constexpr size_t kGatheredBits = 6;

  RandomStream random;
  int64_t count = 0;
  std::optional<T> least, greatest;
  std::vector<std::vector<T>> levels;
  static auto Parts(auto& self) {
    return std::tie(self.random, self.count, self.least, self.greatest, self.levels);
  }

  /// The k for which a rank's error is at most `error` of the count, with a probability of 99 %.
  static int64_t SizeFor(double error) {
    const double size = std::ceil(2.8 / error);
    return static_cast<int64_t>(
        std::clamp(size, static_cast<double>(kLeastSize), static_cast<double>(kMostSize)));
  }

  void Add(int64_t k, const Less& less, T value) {
    if (count == 0) levels.resize(std::max<size_t>(levels.size(), 1));
    ++count;
    Widen(less, value, value);
    levels[0].push_back(std::move(value));
    const auto size = static_cast<int64_t>(levels[0].size());
    if (size < std::min(k, kGathered)) return;
    // What is above the levels that get more has not changed, unless there is a new one.
    const size_t had = levels.size();
    for (size_t h = 0; levels[h].size() >= Capacity(k, h);) h = Raise(k, h, less);
    if (levels.size() > had) Compress(k, less);
  }

  void Merge(int64_t k, const Less& less, const KllSketch& other) {
    if (other.count == 0) return;
    if (!random.begun()) random = other.random;
    count += other.count;
    Widen(less, *other.least, *other.greatest);
    levels.resize(std::max(levels.size(), other.levels.size()));
    for (size_t h = 0; h < other.levels.size(); ++h) {
      levels[h].insert(levels[h].end(), other.levels[h].begin(), other.levels[h].end());
    }
    Compress(k, less);
  }

  /// The values whose ranks are nearest to 0, 1 / (n - 1), … 1 of the count, n of them. Of an empty
  /// sketch none.
  std::vector<T> Quantiles(int64_t n, const Less& less) const {
    std::vector<T> quantiles;
    if (count == 0 || n <= 0) return quantiles;
    struct Weighted {
      const T* value;
      int64_t weight;
    };
    std::vector<Weighted> all;
    for (size_t h = 0; h < levels.size(); ++h) {
      for (const T& value : levels[h]) all.push_back({&value, int64_t{1} << h});
    }
    std::sort(all.begin(), all.end(),
              [&](const Weighted& a, const Weighted& b) { return less(*a.value, *b.value); });
    quantiles.push_back(*least);
    size_t at = 0;
    int64_t through = all[0].weight;  // The count of the elements up to `at`, itself included.
    for (int64_t i = 1; i < n - 1; ++i) {
      const double rank =
          static_cast<double>(i) / static_cast<double>(n - 1) * static_cast<double>(count - 1);
      while (static_cast<double>(through) <= rank && at + 1 < all.size()) {
        through += all[++at].weight;
      }
      quantiles.push_back(*all[at].value);
    }
    if (n > 1) quantiles.push_back(*greatest);
    return quantiles;
  }

  /// Whether what it holds stands for as many values as it says, as in every sketch that was made
  /// by adding and merging.
  bool Valid() const {
    if (count < 0 || least.has_value() != (count > 0) || greatest.has_value() != (count > 0)) {
      return false;
    }
    int64_t left = count;
    for (size_t h = 0; h < levels.size(); ++h) {
      if (levels[h].empty()) continue;
      if (h > 62 || levels[h].size() > static_cast<uint64_t>(left >> h)) return false;
      left -= static_cast<int64_t>(levels[h].size()) << h;
    }
    return left == 0;
  }

  /// Values that it holds.
  size_t Held() const {
    size_t held = 0;
    for (const auto& level : levels) held += level.size();
    return held;
  }

 private:
  void Widen(const Less& less, const T& low, const T& high) {
    if (!least.has_value() || less(low, *least)) least = low;
    if (!greatest.has_value() || less(*greatest, high)) greatest = high;
  }

  size_t Capacity(int64_t k, size_t level) const {
    double capacity = static_cast<double>(k);
    for (size_t above = levels.size() - 1; above > level && capacity >= kLeastCapacity; --above) {
      capacity *= 2.0 / 3;
    }
    const bool gathers = level == 0 || (capacity < kLeastCapacity && level % kGatheredBits == 0);
    const size_t least = gathers ? static_cast<size_t>(std::min(k, kGathered)) : kLeastCapacity;
    return std::max(least, static_cast<size_t>(std::ceil(capacity)));
  }
  /// The lowest level that is sorted: those below it sample.
  size_t LowestSorted(int64_t k) const {
    size_t level = levels.size() - 1;
    double capacity = static_cast<double>(k) * 2 / 3;
    for (; level > 0 && capacity >= kLeastCapacity; --level) capacity *= 2.0 / 3;
    return level;
  }

  /// Brings nothing to its capacity or above it.
  void Compress(int64_t k, const Less& less) {
    for (size_t h = 0; h < levels.size(); ++h) {
      if (levels[h].size() >= Capacity(k, h)) Raise(k, h, less);
    }
  }
  /// Raises what a level stands for to the level that is returned, but for a rest.
  size_t Raise(int64_t k, size_t h, const Less& less) {
    const size_t sorted = LowestSorted(k);
    if (h >= sorted) return Halve(h, less);
    const size_t bits = std::min({sorted - h, kGatheredBits - h % kGatheredBits,
                                  static_cast<size_t>(std::bit_width(levels[h].size())) - 1});
    return Draw(h, bits);
  }
  size_t Halve(size_t h, const Less& less) {
    if (h + 1 == levels.size()) levels.emplace_back();
    std::vector<T>& level = levels[h];
    std::sort(level.begin(), level.end(), less);
    // An odd one out stays, the first or the last.
    const bool is_odd = level.size() % 2 == 1;
    const size_t bits = random.Next() >> 62;
    const size_t first = is_odd && (bits & 2) != 0 ? 1 : 0;
    for (size_t i = first + (bits & 1); i < first + level.size() / 2 * 2; i += 2) {
      levels[h + 1].push_back(std::move(level[i]));
    }
    if (is_odd) {
      if (first == 0) level[0] = std::move(level.back());
      level.resize(1);
    } else {
      level.clear();
    }
    return h + 1;
  }
  /// One of each 2^bits elements as they came, with `bits` from 1.
  size_t Draw(size_t h, size_t bits) {
    std::vector<T>& level = levels[h];
    const size_t groups = level.size() >> bits;
    for (size_t group = 0; group < groups; ++group) {
      levels[h + bits].push_back(
          std::move(level[(group << bits) + (random.Next() >> (64 - bits))]));
    }
    level.erase(level.begin(), level.begin() + static_cast<ptrdiff_t>(groups << bits));
    return h + bits;
  }
};

/// `quantiles` quantiles of the inputs, with ranks as right as KllSketch of size `k` has them.
template <class T, class Less = std::less<>>
struct ApproximateQuantilesFn {
  int64_t quantiles = 5;
  int64_t k = KllSketch<T, Less>::SizeFor(0.01);
  RandomStreams streams{0};
  [[no_unique_address]] Less less;
  static auto Parts(auto& self) {
    return std::tie(self.quantiles, self.k, self.streams, self.less);
  }

  KllSketch<T, Less> CreateAccumulator() const { return {}; }
  void AddInput(KllSketch<T, Less>& to, const View<T>& value) const {
    if (!to.random.begun()) to.random = streams.Begin();
    to.Add(k, less, Own<T>(value));
  }
  void MergeAccumulators(KllSketch<T, Less>& to, const KllSketch<T, Less>& from) const {
    to.Merge(k, less, from);
  }
  std::vector<T> ExtractOutput(const KllSketch<T, Less>& from) const {
    return from.Quantiles(quantiles, less);
  }
};

namespace quantiles_internal {

template <class Less, class T>
consteval bool Check() {
  constexpr bool kIsOrdered = std::is_invocable_r_v<bool, const Less&, const T&, const T&>;
  static_assert(kIsOrdered,
                "Joist: quantiles are of elements that can be compared by <, or by a function of "
                "two elements that says whether the first is less.");
  return kIsOrdered;
}

template <class Less>
struct Parameters {
  int64_t quantiles;
  Less less;
  double error;
  Parameters(int64_t quantiles, Less less, double error)
      : quantiles(quantiles), less(std::move(less)), error(error) {}
  template <class X>
  void Check(PipelineBuilder& builder, const X& transform) const {
    CheckArgument(quantiles >= 2, builder, transform, quantiles, "2 or more quantiles");
    CheckArgument(error > 0 && error < 1, builder, transform, error, "an error between 0 and 1");
  }
  template <class T>
  ApproximateQuantilesFn<T, Less> Fn() const {
    return {quantiles, KllSketch<T, Less>::SizeFor(error), RandomStreams(0), less};
  }
};

template <class Less>
struct Global : Transform {
  Global(Parameters<Less> parameters, std::source_location where)
      : Transform(where), parameters(std::move(parameters)) {}
  static constexpr std::string_view kKind = "ApproximateQuantiles";
  template <class T>
  auto Expand(const PCollection<T>& in) const {
    if constexpr (!Check<Less, T>()) {
      return PCollection<Invalid>(&in.builder());
    } else {
      parameters.Check(in.builder(), *this);
      return in | "Combine" >> Combine::Globally(parameters.template Fn<T>());
    }
  }
  Parameters<Less> parameters;
};

template <class Less>
struct OfEachKey : Transform {
  OfEachKey(Parameters<Less> parameters, std::source_location where)
      : Transform(where), parameters(std::move(parameters)) {}
  static constexpr std::string_view kKind = "ApproximateQuantiles.PerKey";
  template <class T>
  auto Expand(const PCollection<T>& in) const {
    if constexpr (!kIsKV<T>) {
      static_assert(kIsKV<T>, "Joist: ApproximateQuantiles::PerKey takes a collection of KVs.");
      return PCollection<Invalid>(&in.builder());
    } else if constexpr (!Check<Less, typename T::value_t>()) {
      return PCollection<Invalid>(&in.builder());
    } else {
      parameters.Check(in.builder(), *this);
      return in | "Combine" >> Combine::PerKey(parameters.template Fn<typename T::value_t>());
    }
  }
  Parameters<Less> parameters;
};

}  // namespace quantiles_internal

namespace ApproximateQuantiles {  // NOLINT: Beam's names.

/// `quantiles` (2 or more) elements in order, of an empty collection none. `less` orders elements;
/// `error` is that of each one's rank, as a share of all.
template <class Less = std::less<>>
auto Globally(int64_t quantiles, Less less = {}, double error = 0.01,
              std::source_location where = std::source_location::current()) {
  return quantiles_internal::Global<Less>({quantiles, std::move(less), error}, where);
}
/// The same of the values of each key.
template <class Less = std::less<>>
auto PerKey(int64_t quantiles, Less less = {}, double error = 0.01,
            std::source_location where = std::source_location::current()) {
  return quantiles_internal::OfEachKey<Less>({quantiles, std::move(less), error}, where);
}

}  // namespace ApproximateQuantiles

}  // namespace joist

#endif  // JOIST_TRANSFORMS_QUANTILES_H_
