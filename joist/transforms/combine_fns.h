// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// CombineFns::Compose: several combine functions at once, each over what a function takes of the
// element, in one pass. The result is a std::tuple of their results.
//
//   orders | joist::Combine::Globally(joist::CombineFns::Compose(
//                joist::CombineFns::With([](const Order& o) { return o.cents; },
//                                        joist::SumFn<int64_t>()),
//                joist::CombineFns::With([](const Order& o) { return o.cents; },
//                                        joist::MaxFn<int64_t>()),
//                joist::CombineFns::With([](const Order& o) { return 1.0 * o.items; },
//                                        joist::MeanFn<double>())));
//
// Also MaxFn and MinFn, which are combine functions where Max and Min are transforms.

#ifndef JOIST_TRANSFORMS_COMBINE_FNS_H_
#define JOIST_TRANSFORMS_COMBINE_FNS_H_

#include <limits>
#include <tuple>
#include <type_traits>
#include <utility>

#include "joist/sdk/combine.h"
#include "joist/transforms/parts.h"

namespace joist {

/// The greatest number; of none, T's least. NaNs are passed over.
template <class T>
struct MaxFn {
  static_assert(std::is_arithmetic_v<T>, "Joist: MaxFn is for numbers; use Max or Combine.");
  T CreateAccumulator() const { return std::numeric_limits<T>::lowest(); }
  void AddInput(T& to, T value) const {
    if (to < value) to = value;
  }
  void MergeAccumulators(T& to, const T& from) const { AddInput(to, from); }
  T ExtractOutput(const T& from) const { return from; }
};

/// The least number; of none, T's greatest. NaNs are passed over.
template <class T>
struct MinFn {
  static_assert(std::is_arithmetic_v<T>, "Joist: MinFn is for numbers; use Min or Combine.");
  T CreateAccumulator() const { return std::numeric_limits<T>::max(); }
  void AddInput(T& to, T value) const {
    if (value < to) to = value;
  }
  void MergeAccumulators(T& to, const T& from) const { AddInput(to, from); }
  T ExtractOutput(const T& from) const { return from; }
};

/// What Compose returns: a CombineFn of CombineFns.
template <class... Component>
struct ComposedFn {
  using Accumulator = std::tuple<AccumulatorOf<decltype(Component::fn)>...>;
  using Result = std::tuple<CombinedOf<decltype(Component::fn)>...>;

  std::tuple<Component...> components;
  static auto Parts(auto& self) {
    return std::apply([](auto&... component) { return std::tie(component...); }, self.components);
  }

  Accumulator CreateAccumulator() const {
    return std::apply(
        [](const auto&... component) { return Accumulator(component.fn.CreateAccumulator()...); },
        components);
  }
  template <class V>
  void AddInput(Accumulator& to, const V& element) const {
    ForEach([&]<size_t kI>(std::integral_constant<size_t, kI>) {
      std::get<kI>(components).AddInput(std::get<kI>(to), element);
    });
  }
  void MergeAccumulators(Accumulator& to, const Accumulator& from) const {
    ForEach([&]<size_t kI>(std::integral_constant<size_t, kI>) {
      std::get<kI>(components).fn.MergeAccumulators(std::get<kI>(to), std::get<kI>(from));
    });
  }
  Result ExtractOutput(const Accumulator& from) const {
    return [&]<size_t... kI>(std::index_sequence<kI...>) {
      return Result(std::get<kI>(components).fn.ExtractOutput(std::get<kI>(from))...);
    }(std::index_sequence_for<Component...>());
  }

 private:
  template <class F>
  static void ForEach(F f) {
    [&]<size_t... kI>(std::index_sequence<kI...>) {
      (f(std::integral_constant<size_t, kI>()), ...);
    }(std::index_sequence_for<Component...>());
  }
};

namespace combine_fns_internal {
template <class Extract, class F>
struct Component {
  [[no_unique_address]] Extract extract;
  [[no_unique_address]] F fn;
  static auto Parts(auto& self) { return std::tie(self.extract, self.fn); }

  template <class V>
  void AddInput(AccumulatorOf<F>& to, const V& element) const {
    constexpr bool kTakes = std::is_invocable_v<const Extract&, const V&>;
    static_assert(kTakes,
                  "Joist: a function given to CombineFns::With cannot take the elements; take "
                  "text as std::string_view, and KVs as a KV of such.");
    if constexpr (kTakes) fn.AddInput(to, extract(element));
  }
};
}  // namespace combine_fns_internal

namespace CombineFns {  // NOLINT: Beam's names.

/// One of several combinations: what `extract` returns of an element goes to the CombineFn `fn`.
template <class Extract, class F>
auto With(Extract extract, F fn) {
  static_assert(IsCombineFn<F>,
                "Joist: CombineFns::With takes a CombineFn (SumFn, CountFn, MeanFn, MaxFn, …).");
  return combine_fns_internal::Component<Extract, F>{std::move(extract), std::move(fn)};
}

/// All of them at once, of the results of With.
template <class... Component>
auto Compose(Component... component) {
  return ComposedFn<Component...>{{std::move(component)...}};
}

}  // namespace CombineFns

}  // namespace joist

#endif  // JOIST_TRANSFORMS_COMBINE_FNS_H_
