// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Latest: the element with the latest timestamp, of all or of each key.
//
//   readings | joist::Latest::PerKey()           // KV<K, V>: each key's newest value
//   readings | joist::Latest::Globally()         // The newest of all; nothing of nothing
//
// Which one of several with the same timestamp, is not said. In Beam for Java an empty collection
// has a latest element, null; here it has none.

#ifndef JOIST_TRANSFORMS_LATEST_H_
#define JOIST_TRANSFORMS_LATEST_H_

#include <tuple>

#include "joist/sdk/combine.h"
#include "joist/sdk/keys.h"
#include "joist/transforms/element_function.h"
#include "joist/transforms/parts.h"

namespace joist {

/// The value with the latest time, of pairs of a time and a value.
template <class T>
struct LatestFn {
  struct Accumulator {
    Timestamp time;
    bool filled = false;
    T value{};
    static auto Parts(auto& self) { return std::tie(self.time, self.filled, self.value); }
  };
  Accumulator CreateAccumulator() const { return {}; }
  void AddInput(Accumulator& to, const View<KV<Timestamp, T>>& input) const {
    if (to.filled && input.key < to.time) return;
    to.time = input.key;
    to.filled = true;
    ElementArgument<const T&, T, Passing::kOwn>::Assign(to.value, input.value);
  }
  void MergeAccumulators(Accumulator& to, const Accumulator& from) const {
    if (from.filled && (!to.filled || to.time <= from.time)) to = from;
  }
  /// A pane in which nothing came has no latest element.
  bool HasOutput(const Accumulator& from) const { return from.filled; }
  T ExtractOutput(const Accumulator& from) const { return from.value; }
};

namespace latest_internal {
template <class T>
struct WithTime;
template <class K, class V>
struct WithTime<KV<K, V>> {
  KV<Lent<K>, KV<Timestamp, Lent<V>>> operator()(const View<KV<K, V>>& element,
                                                 Timestamp time) const {
    return {Lend<K>(element.key), {time, Lend<V>(element.value)}};
  }
};
template <class T>
struct WithVoidKeyAndTime {
  KV<Void, KV<Timestamp, Lent<T>>> operator()(const View<T>& element, Timestamp time) const {
    return {{}, {time, Lend<T>(element)}};
  }
};
}  // namespace latest_internal

namespace Latest {  // NOLINT: Beam's names.

struct PerKey : Transform {
  explicit PerKey(std::source_location where = std::source_location::current())
      : Transform(where) {}
  static constexpr std::string_view kKind = "Latest.PerKey";
  template <class T>
  auto Expand(const PCollection<T>& in) const {
    if constexpr (!kIsKV<T>) {
      static_assert(kIsKV<T>, "Joist: Latest::PerKey takes a collection of KVs.");
      return PCollection<Invalid>(&in.builder());
    } else {
      return in | "WithTime" >> Map(latest_internal::WithTime<T>()) |
             "Latest" >> Combine::PerKey(LatestFn<typename T::value_t>());
    }
  }
};

struct Globally : Transform {
  explicit Globally(std::source_location where = std::source_location::current())
      : Transform(where) {}
  static constexpr std::string_view kKind = "Latest.Globally";
  template <class T>
  PCollection<T> Expand(const PCollection<T>& in) const {
    return in | "WithTime" >> Map(latest_internal::WithVoidKeyAndTime<T>()) |
           "Latest" >> Combine::PerKey(LatestFn<T>()) | "Values" >> Values();
  }
};

}  // namespace Latest

}  // namespace joist

#endif  // JOIST_TRANSFORMS_LATEST_H_
