// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Sample: some of the elements.
//
//   lines | joist::Sample::FixedSizeGlobally(100)      // One std::vector<T>
//   visits | joist::Sample::FixedSizePerKey(5)         // KV<K, std::vector<V>>
//   lines | joist::Sample::Any(10)                     // Any ten, as elements; not random
//
// A sample of fixed size is uniform and without replacement: each element draws a random word, and
// the n elements with the least words are kept ("bottom-k"). Merging two samples keeps the least of
// both, so it is as if one had seen all elements: exactly uniform, however they were spread over
// threads. Words are equal with a probability of 2^-64 a pair.
//
// With a seed, the same elements in the same order by one thread give the same sample. Several
// threads share elements otherwise each time, and so does the sample.

#ifndef JOIST_TRANSFORMS_SAMPLE_H_
#define JOIST_TRANSFORMS_SAMPLE_H_

#include <algorithm>
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

#include "joist/sdk/combine.h"
#include "joist/transforms/argument.h"
#include "joist/transforms/parts.h"
#include "joist/transforms/random_streams.h"

namespace joist {

/// A uniform sample of `size` (0 or more) of the inputs, or all if they are fewer; in no order that
/// means anything.
template <class T>
struct SampleFn {
  struct Drawn {
    uint64_t word = 0;
    T value{};
    static auto Parts(auto& self) { return std::tie(self.word, self.value); }
    friend bool operator<(const Drawn& a, const Drawn& b) { return a.word < b.word; }
  };
  struct Accumulator {
    RandomStream random;
    std::vector<Drawn> heap;  ///< The greatest word in front.
    static auto Parts(auto& self) { return std::tie(self.random, self.heap); }
  };

  int64_t size = 1;
  RandomStreams streams;
  static auto Parts(auto& self) { return std::tie(self.size, self.streams); }

  Accumulator CreateAccumulator() const { return {}; }
  void AddInput(Accumulator& to, const View<T>& value) const {
    if (!to.random.begun()) to.random = streams.Begin();
    const uint64_t word = to.random.Next();
    if (IsWanted(to, word)) Keep(to, {word, Own<T>(value)});
  }
  void MergeAccumulators(Accumulator& to, const Accumulator& from) const {
    for (const Drawn& drawn : from.heap) {
      if (IsWanted(to, drawn.word)) Keep(to, Drawn(drawn));
    }
  }
  std::vector<T> ExtractOutput(const Accumulator& from) const {
    std::vector<T> values;
    values.reserve(from.heap.size());
    for (const Drawn& drawn : from.heap) values.push_back(drawn.value);
    return values;
  }

 private:
  bool IsWanted(const Accumulator& accumulator, uint64_t word) const {
    if (static_cast<int64_t>(accumulator.heap.size()) < size) return true;
    return size > 0 && word < accumulator.heap.front().word;
  }
  void Keep(Accumulator& to, Drawn drawn) const {
    if (static_cast<int64_t>(to.heap.size()) < size) {
      to.heap.push_back(std::move(drawn));
    } else {
      std::pop_heap(to.heap.begin(), to.heap.end());
      to.heap.back() = std::move(drawn);
    }
    std::push_heap(to.heap.begin(), to.heap.end());
  }
};

namespace sample_internal {

/// Whichever `size` inputs come first.
template <class T>
struct FirstFn {
  int64_t size = 1;
  static auto Parts(auto& self) { return std::tie(self.size); }
  std::vector<T> CreateAccumulator() const { return {}; }
  void AddInput(std::vector<T>& to, const View<T>& value) const {
    if (static_cast<int64_t>(to.size()) < size) to.push_back(Own<T>(value));
  }
  void MergeAccumulators(std::vector<T>& to, const std::vector<T>& from) const {
    for (const T& value : from) {
      if (static_cast<int64_t>(to.size()) < size) to.push_back(value);
    }
  }
  std::vector<T> ExtractOutput(const std::vector<T>& from) const { return from; }
};

template <class T>
struct Each {
  void operator()(const std::vector<T>& values, Emit<T> emit) const {
    for (const T& value : values) emit(value);
  }
};

}  // namespace sample_internal

namespace Sample {  // NOLINT: Beam's names.

/// A uniform sample of `size` elements, or all where there are fewer, as one std::vector.
struct FixedSizeGlobally : Transform {
  explicit FixedSizeGlobally(int64_t size, std::optional<uint64_t> seed = std::nullopt,
                             std::source_location where = std::source_location::current())
      : Transform(where), size(size), seed(seed) {}
  static constexpr std::string_view kKind = "Sample.FixedSizeGlobally";
  template <class T>
  auto Expand(const PCollection<T>& in) const {
    CheckArgument(size >= 0, in.builder(), *this, size, "a size of 0 or more");
    return in | "Combine" >> Combine::Globally(SampleFn<T>{size, RandomStreams(seed)});
  }
  int64_t size;
  std::optional<uint64_t> seed;
};

/// The same of the values of each key.
struct FixedSizePerKey : Transform {
  explicit FixedSizePerKey(int64_t size, std::optional<uint64_t> seed = std::nullopt,
                           std::source_location where = std::source_location::current())
      : Transform(where), size(size), seed(seed) {}
  static constexpr std::string_view kKind = "Sample.FixedSizePerKey";
  template <class T>
  auto Expand(const PCollection<T>& in) const {
    if constexpr (!kIsKV<T>) {
      static_assert(kIsKV<T>, "Joist: Sample::FixedSizePerKey takes a collection of KVs.");
      return PCollection<Invalid>(&in.builder());
    } else {
      CheckArgument(size >= 0, in.builder(), *this, size, "a size of 0 or more");
      using V = typename T::value_t;
      return in | "Combine" >> Combine::PerKey(SampleFn<V>{size, RandomStreams(seed)});
    }
  }
  int64_t size;
  std::optional<uint64_t> seed;
};

/// Any `size` elements, or all where there are fewer.
struct Any : Transform {
  explicit Any(int64_t size, std::source_location where = std::source_location::current())
      : Transform(where), size(size) {}
  static constexpr std::string_view kKind = "Sample.Any";
  template <class T>
  auto Expand(const PCollection<T>& in) const {
    CheckArgument(size >= 0, in.builder(), *this, size, "a size of 0 or more");
    return in | "Combine" >> Combine::Globally(sample_internal::FirstFn<T>{size}) |
           "Each" >> FlatMap(sample_internal::Each<T>());
  }
  int64_t size;
};

}  // namespace Sample

}  // namespace joist

#endif  // JOIST_TRANSFORMS_SAMPLE_H_
