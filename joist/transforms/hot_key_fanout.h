// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// WithHotKeyFanout: a Combine::PerKey that spreads the values of every key over several
// accumulators, and merges those.
//
//   visits | joist::WithHotKeyFanout(joist::Combine::PerKey(joist::SumFn<int64_t>()), 16)
//
// The result is that of Combine::PerKey alone. There each thread has one accumulator for a key,
// however many values the key has, so a hot key is no bottleneck while values are added; but one
// thread merges and extracts all accumulators of a key. Fan-out pays where that takes long:
// where accumulators are large (samples, heaps, sketches) and there are many. Otherwise it costs a
// second table and gains nothing. It needs a coder of the accumulator, which moves between the two
// steps; without one there is no fan-out.

#ifndef JOIST_TRANSFORMS_HOT_KEY_FANOUT_H_
#define JOIST_TRANSFORMS_HOT_KEY_FANOUT_H_

#include <tuple>
#include <type_traits>
#include <utility>

#include "joist/sdk/combine.h"
#include "joist/transforms/argument.h"
#include "joist/transforms/element_function.h"
#include "joist/transforms/parts.h"

namespace joist {

namespace hot_key_fanout_internal {

/// Deals each worker's elements to the parts in turn.
template <class K, class V>
struct Deal {
  int64_t parts = 1;
  int64_t next = 0;
  static auto Parts(auto& self) { return std::tie(self.parts); }
  KV<KV<Lent<K>, int64_t>, Lent<V>> operator()(const View<KV<K, V>>& element) {
    if (++next >= parts) next = 0;
    return {{Lend<K>(element.key), next}, Lend<V>(element.value)};
  }
};

/// The accumulator as the result.
template <class F>
struct Accumulate {
  using Accumulator = AccumulatorOf<F>;
  [[no_unique_address]] F fn;
  static auto Parts(auto& self) { return std::tie(self.fn); }
  Accumulator CreateAccumulator() const { return fn.CreateAccumulator(); }
  template <class V>
  void AddInput(Accumulator& to, const V& value) const {
    fn.AddInput(to, value);
  }
  void MergeAccumulators(Accumulator& to, const Accumulator& from) const {
    fn.MergeAccumulators(to, from);
  }
  Accumulator ExtractOutput(const Accumulator& from) const { return from; }
};

template <class K, class A>
struct DropPart {
  KV<Lent<K>, Lent<A>> operator()(const View<KV<KV<K, int64_t>, A>>& element) const {
    return {Lend<K>(element.key.key), Lend<A>(element.value)};
  }
};

/// Accumulators as inputs.
template <class F>
struct MergeAll {
  using Accumulator = AccumulatorOf<F>;
  [[no_unique_address]] F fn;
  static auto Parts(auto& self) { return std::tie(self.fn); }
  Accumulator CreateAccumulator() const { return fn.CreateAccumulator(); }
  void AddInput(Accumulator& to, const View<Accumulator>& from) const {
    if constexpr (std::is_convertible_v<const View<Accumulator>&, const Accumulator&>) {
      fn.MergeAccumulators(to, from);
    } else {
      fn.MergeAccumulators(to, Own<Accumulator>(from));
    }
  }
  void MergeAccumulators(Accumulator& to, const Accumulator& from) const {
    fn.MergeAccumulators(to, from);
  }
  auto ExtractOutput(const Accumulator& from) const { return fn.ExtractOutput(from); }
};

}  // namespace hot_key_fanout_internal

/// `combine` with every key's values over `fanout` accumulators (1 or more) on the way.
template <class F>
struct WithHotKeyFanout : Transform {
  WithHotKeyFanout(CombinePerKey<F> combine, int64_t fanout,
                   std::source_location where = std::source_location::current())
      : Transform(where), combine(std::move(combine)), fanout(fanout) {}
  static constexpr std::string_view kKind = "WithHotKeyFanout";
  template <class T>
  auto Expand(const PCollection<T>& in) const {
    CheckArgument(fanout >= 1, in.builder(), *this, fanout, "a fan-out of 1 or more");
    if constexpr (!kIsKV<T> || !kIsGroupable<T> || !IsCombineFn<F>) {
      return in | "Combine" >> combine;  // Which says what is wrong with it, if anything is.
    } else if constexpr (!kHasCoder<AccumulatorOf<F>>) {
      return in | "Combine" >> combine;
    } else {
      using K = typename T::key_t;
      using A = AccumulatorOf<F>;
      namespace internal = hot_key_fanout_internal;
      return in | "Deal" >> Map(internal::Deal<K, typename T::value_t>{fanout}) |
             "Parts" >> Combine::PerKey(internal::Accumulate<F>{combine.fn}) |
             "DropPart" >> Map(internal::DropPart<K, A>()) |
             "Merge" >> Combine::PerKey(internal::MergeAll<F>{combine.fn});
    }
  }
  CombinePerKey<F> combine;
  int64_t fanout;
};

}  // namespace joist

#endif  // JOIST_TRANSFORMS_HOT_KEY_FANOUT_H_
