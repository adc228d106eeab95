// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Top: the n largest elements, of all or of each key, the largest first.
//
//   scores | joist::Top::Largest(3)                         // One std::vector<T>
//   scores | joist::Top::SmallestPerKey(1)                  // KV<K, std::vector<V>>
//   names | joist::Top::Of(2, [](std::string_view a, std::string_view b) {
//     return a.size() < b.size();
//   });
//
// The comparator says whether its first argument is less; it takes elements as a Map would take
// them. Of equal elements any may be left out. Each accumulator is a heap of at most n elements.
// An empty collection has an empty list.

#ifndef JOIST_TRANSFORMS_TOP_H_
#define JOIST_TRANSFORMS_TOP_H_

#include <algorithm>
#include <functional>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "joist/sdk/combine.h"
#include "joist/transforms/argument.h"
#include "joist/transforms/parts.h"

namespace joist {

namespace top_internal {
template <class Less, class T>
inline constexpr bool kComparesViews =
    std::is_invocable_r_v<bool, const Less&, const View<T>&, const View<T>&>;
template <class Less, class T>
inline constexpr bool kCompares =
    kComparesViews<Less, T> || std::is_invocable_r_v<bool, const Less&, const T&, const T&>;
}  // namespace top_internal

/// The `count` (0 or more) largest of its inputs by Less, in descending order.
template <class T, class Less = std::less<>>
struct TopFn {
  struct Accumulator {
    std::vector<T> heap;  ///< The least in front.
    static auto Parts(auto& self) { return std::tie(self.heap); }
  };

  int64_t count = 1;
  [[no_unique_address]] Less less;
  static auto Parts(auto& self) { return std::tie(self.count, self.less); }

  Accumulator CreateAccumulator() const { return {}; }
  void AddInput(Accumulator& to, const View<T>& value) const {
    if (IsFull(to) && !Exceeds(to, value)) return;
    Keep(to, Own<T>(value));
  }
  void MergeAccumulators(Accumulator& to, const Accumulator& from) const {
    for (const T& value : from.heap) {
      if (!IsFull(to) || Exceeds(to, ViewOfOwn<T>(value))) Keep(to, T(value));
    }
  }
  std::vector<T> ExtractOutput(const Accumulator& from) const {
    std::vector<T> sorted = from.heap;
    std::sort_heap(sorted.begin(), sorted.end(), Greater{less});
    return sorted;
  }

 private:
  // Heaps of the standard library have the greatest in front.
  struct Greater {
    const Less& less;
    bool operator()(const T& a, const T& b) const { return LessThan(less, b, a); }
  };
  static bool LessThan(const Less& less, const T& a, const T& b) {
    if constexpr (top_internal::kComparesViews<Less, T>) {
      return less(ViewOfOwn<T>(a), ViewOfOwn<T>(b));
    } else {
      return less(a, b);
    }
  }
  bool IsFull(const Accumulator& accumulator) const {
    return static_cast<int64_t>(accumulator.heap.size()) >= count;
  }
  /// `value` belongs into a heap that is full.
  bool Exceeds(const Accumulator& accumulator, const View<T>& value) const {
    if (count <= 0) return false;
    if constexpr (top_internal::kComparesViews<Less, T>) {
      return less(ViewOfOwn<T>(accumulator.heap.front()), value);
    } else {
      return less(accumulator.heap.front(), Own<T>(value));
    }
  }
  void Keep(Accumulator& to, T value) const {
    if (IsFull(to)) {
      std::pop_heap(to.heap.begin(), to.heap.end(), Greater{less});
      to.heap.back() = std::move(value);
    } else {
      to.heap.push_back(std::move(value));
    }
    std::push_heap(to.heap.begin(), to.heap.end(), Greater{less});
  }
};

namespace top_internal {

template <class Less, class T>
consteval bool Check() {
  constexpr bool kIsOrdered = kCompares<Less, T>;
  static_assert(kIsOrdered,
                "Joist: Top needs elements that can be compared by <, or a function of two "
                "elements that says whether the first is less.");
  return kIsOrdered;
}

template <class Less>
struct TopGlobally : Transform {
  TopGlobally(int64_t count, Less less, std::source_location where)
      : Transform(where), count(count), less(std::move(less)) {}
  static constexpr std::string_view kKind = "Top";
  template <class T>
  auto Expand(const PCollection<T>& in) const {
    if constexpr (!Check<Less, T>()) {
      return PCollection<Invalid>(&in.builder());
    } else {
      CheckArgument(count >= 0, in.builder(), *this, count, "a count of 0 or more");
      return in | "Combine" >> Combine::Globally(TopFn<T, Less>{count, less});
    }
  }
  int64_t count;
  Less less;
};

template <class Less>
struct TopPerKey : Transform {
  TopPerKey(int64_t count, Less less, std::source_location where)
      : Transform(where), count(count), less(std::move(less)) {}
  static constexpr std::string_view kKind = "Top.PerKey";
  template <class T>
  auto Expand(const PCollection<T>& in) const {
    if constexpr (!kIsKV<T>) {
      static_assert(kIsKV<T>, "Joist: the top elements of each key are of a collection of KVs.");
      return PCollection<Invalid>(&in.builder());
    } else if constexpr (!Check<Less, typename T::value_t>()) {
      return PCollection<Invalid>(&in.builder());
    } else {
      CheckArgument(count >= 0, in.builder(), *this, count, "a count of 0 or more");
      return in | "Combine" >> Combine::PerKey(TopFn<typename T::value_t, Less>{count, less});
    }
  }
  int64_t count;
  Less less;
};

}  // namespace top_internal

namespace Top {  // NOLINT: Beam's names.

/// The `count` largest elements by `less`, as one std::vector.
template <class Less>
auto Of(int64_t count, Less less, std::source_location where = std::source_location::current()) {
  return top_internal::TopGlobally<Less>(count, std::move(less), where);
}
/// The same of the values of each key.
template <class Less>
auto PerKey(int64_t count, Less less,
            std::source_location where = std::source_location::current()) {
  return top_internal::TopPerKey<Less>(count, std::move(less), where);
}
/// By < of the elements.
inline auto Largest(int64_t count, std::source_location where = std::source_location::current()) {
  return Of(count, std::less<>(), where);
}
inline auto LargestPerKey(int64_t count,
                          std::source_location where = std::source_location::current()) {
  return PerKey(count, std::less<>(), where);
}
/// The smallest first.
inline auto Smallest(int64_t count, std::source_location where = std::source_location::current()) {
  return Of(count, std::greater<>(), where);
}
inline auto SmallestPerKey(int64_t count,
                           std::source_location where = std::source_location::current()) {
  return PerKey(count, std::greater<>(), where);
}

}  // namespace Top

}  // namespace joist

#endif  // JOIST_TRANSFORMS_TOP_H_
