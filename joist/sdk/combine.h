// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Combine: many values as one, per key or globally, by a CombineFn (joist/exec/combine.h) or by a
// function of two values that is associative and commutative. Lifted: each thread combines what it
// has before anything moves.
//
//   sales | joist::Combine::PerKey(joist::SumFn<int64_t>())
//   temperatures | joist::Combine::Globally([](double a, double b) { return std::max(a, b); })

#ifndef JOIST_SDK_COMBINE_H_
#define JOIST_SDK_COMBINE_H_

#include <limits>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "joist/exec/combine.h"
#include "joist/sdk/keys.h"
#include "joist/sdk/par_do.h"
#include "joist/sdk/read.h"

namespace joist {

template <class F>
concept IsCombineFn = requires(const F& fn) { fn.CreateAccumulator(); };

/// A function of two values as a CombineFn. Of no values there is no result, so globally, an empty
/// collection gives an empty one.
template <class T, class F>
struct FoldFn {
  [[no_unique_address]] F fold;
  std::optional<T> CreateAccumulator() const { return {}; }
  void AddInput(std::optional<T>& to, const View<T>& value) const {
    if (to.has_value()) {
      to = fold(std::move(*to), Own<T>(value));
    } else {
      to = Own<T>(value);
    }
  }
  void MergeAccumulators(std::optional<T>& to, const std::optional<T>& from) const {
    if (!from.has_value()) return;
    to = to.has_value() ? fold(std::move(*to), *from) : *from;
  }
  bool HasOutput(const std::optional<T>& from) const { return from.has_value(); }
  T ExtractOutput(const std::optional<T>& from) const { return *from; }
};

template <class T>
struct SumFn {
  T CreateAccumulator() const { return T{}; }
  void AddInput(T& to, const View<T>& value) const { to += value; }
  void MergeAccumulators(T& to, const T& from) const { to += from; }
  T ExtractOutput(const T& from) const { return from; }
};

struct CountFn {
  int64_t CreateAccumulator() const { return 0; }
  template <class V>
  void AddInput(int64_t& to, const V&) const {
    ++to;
  }
  void MergeAccumulators(int64_t& to, const int64_t& from) const { to += from; }
  int64_t ExtractOutput(const int64_t& from) const { return from; }
};

template <class T>
struct MeanFn {
  using Accumulator = KV<double, int64_t>;  ///< Sum and count.
  Accumulator CreateAccumulator() const { return {}; }
  void AddInput(Accumulator& to, const View<T>& value) const {
    to.key += static_cast<double>(value);
    ++to.value;
  }
  void MergeAccumulators(Accumulator& to, const Accumulator& from) const {
    to.key += from.key;
    to.value += from.value;
  }
  /// NaN of no values, as in Beam.
  double ExtractOutput(const Accumulator& from) const {
    return from.value == 0 ? std::numeric_limits<double>::quiet_NaN()
                           : from.key / static_cast<double>(from.value);
  }
};

template <class T>
struct Lesser {
  T operator()(const T& a, const T& b) const { return b < a ? b : a; }
};
template <class T>
struct Greater {
  T operator()(const T& a, const T& b) const { return a < b ? b : a; }
};

namespace combine_internal {

/// F combines values of type V.
template <class F, class V>
inline constexpr bool kCombines = IsCombineFn<F> || std::is_invocable_r_v<V, F, V, V>;

template <class F, class V>
PCollection<Invalid> Refuse(PipelineBuilder& builder) {
  static_assert(kCombines<F, V>,
                "Joist: combine with a CombineFn or with a function (T, T) that returns a T.");
  return PCollection<Invalid>(&builder);
}

/// The CombineFn that a user's F is for values of type V.
template <class V, class F>
auto AsCombineFn(F fn) {
  if constexpr (IsCombineFn<F>) {
    return fn;
  } else {
    return FoldFn<V, F>{std::move(fn)};
  }
}

/// Gives the result, or that of no values where the collection was empty.
template <class F>
struct ResultOrEmpty {
  [[no_unique_address]] F fn;
  void Process(const Bytes&, SideInput<IterableView<CombinedOf<F>>> results,
               Emit<CombinedOf<F>> emit) const {
    for (const auto& result : *results) emit(result);
    if (results->empty()) emit(fn.ExtractOutput(fn.CreateAccumulator()));
  }
};

}  // namespace combine_internal

/// Combines the values of each key.
template <class F>
struct CombinePerKey : Transform {
  explicit CombinePerKey(F fn, std::source_location where = std::source_location::current())
      : Transform(where), fn(std::move(fn)) {}
  static constexpr std::string_view kKind = "CombinePerKey";
  template <class T>
  auto Expand(const PCollection<T>& in) const {
    if constexpr (!kIsKV<T>) {
      static_assert(kIsKV<T>, "Joist: combining per key takes a collection of KVs.");
      return PCollection<Invalid>(&in.builder());
    } else if constexpr (!kIsGroupable<T>) {
      JOIST_ASSERT_KEY(typename T::key_t);
      return PCollection<Invalid>(&in.builder());
    } else if constexpr (!combine_internal::kCombines<F, typename T::value_t>) {
      return combine_internal::Refuse<F, typename T::value_t>(in.builder());
    } else {
      using V = typename T::value_t;
      using Fn = decltype(combine_internal::AsCombineFn<V>(fn));
      using Out = KV<typename T::key_t, CombinedOf<Fn>>;
      JOIST_ASSERT_ELEMENT(Out);
      return AddStep<Out>(in, MakeStep<CombineStep<typename T::key_t, V, Fn>>(
                                  combine_internal::AsCombineFn<V>(fn)));
    }
  }
  F fn;
};

/// Combines all elements of each window. Of an empty bounded collection in the global window a
/// CombineFn gives its result of no values, a function of two values nothing.
template <class F>
struct CombineGlobally : Transform {
  explicit CombineGlobally(F fn, std::source_location where = std::source_location::current())
      : Transform(where), fn(std::move(fn)) {}
  static constexpr std::string_view kKind = "CombineGlobally";
  template <class T>
  auto Expand(const PCollection<T>& in) const {
    if constexpr (!combine_internal::kCombines<F, T>) {
      return combine_internal::Refuse<F, T>(in.builder());
    } else {
      return ExpandValid(in);
    }
  }
  F fn;

 private:
  template <class T>
  auto ExpandValid(const PCollection<T>& in) const {
    using Fn = decltype(combine_internal::AsCombineFn<T>(fn));
    JOIST_ASSERT_ELEMENT(CombinedOf<Fn>);
    auto combined = in | "WithVoidKey" >> Relabel<GiveVoidKey>() |
                    "PerKey" >> CombinePerKey<F>(fn) | "Values" >> Relabel<TakeValues>();
    if constexpr (!IsCombineFn<F>) {
      return combined;
    } else {
      PipelineBuilder& builder = in.builder();
      // Windows without an element don't exist, so they have no result of no values; and of what
      // has no end it is never known that there is none.
      const Collection& collection = builder.graph().collections()[in.id()];
      if (!collection.windowing.window_fn.is_global() || !collection.is_bounded) return combined;
      return AddImpulse(builder) |
             "OrEmpty" >> ParDo(combine_internal::ResultOrEmpty<Fn>{fn}, AsIterable(combined));
    }
  }
};

namespace Combine {  // NOLINT: Beam's names.
template <class F>
auto PerKey(F fn, std::source_location where = std::source_location::current()) {
  return CombinePerKey<F>(std::move(fn), where);
}
template <class F>
auto Globally(F fn, std::source_location where = std::source_location::current()) {
  return CombineGlobally<F>(std::move(fn), where);
}
}  // namespace Combine

/// Counts: of each distinct element, of the values of each key, of all elements.
namespace Count {  // NOLINT
struct PerElement : Transform {
  explicit PerElement(std::source_location where = std::source_location::current())
      : Transform(where) {}
  static constexpr std::string_view kKind = "Count.PerElement";
  template <class T>
  auto Expand(const PCollection<T>& in) const {
    return in | "WithVoidValue" >> Relabel<GiveVoidValue>() | "PerKey" >> CombinePerKey(CountFn());
  }
};
struct PerKey : Transform {
  explicit PerKey(std::source_location where = std::source_location::current())
      : Transform(where) {}
  static constexpr std::string_view kKind = "Count.PerKey";
  template <class T>
  auto Expand(const PCollection<T>& in) const {
    return in | "Combine" >> CombinePerKey(CountFn());
  }
};
inline auto Globally(std::source_location where = std::source_location::current()) {
  return CombineGlobally<CountFn>(CountFn(), where);
}
}  // namespace Count

/// Transforms that find their CombineFn by the type of the collection's values.
template <template <class> class Fn>
struct TypedCombinePerKey : Transform {
  explicit TypedCombinePerKey(std::source_location where = std::source_location::current())
      : Transform(where) {}
  static constexpr std::string_view kKind = "Combine";
  template <class T>
  auto Expand(const PCollection<T>& in) const {
    if constexpr (kIsKV<T>) {
      return in | "PerKey" >> CombinePerKey(Fn<typename T::value_t>());
    } else {
      static_assert(kIsKV<T>, "Joist: combining per key takes a collection of KVs.");
      return PCollection<Invalid>(&in.builder());
    }
  }
};
template <template <class> class Fn>
struct TypedCombineGlobally : Transform {
  explicit TypedCombineGlobally(std::source_location where = std::source_location::current())
      : Transform(where) {}
  static constexpr std::string_view kKind = "Combine";
  template <class T>
  auto Expand(const PCollection<T>& in) const {
    return in | "Globally" >> CombineGlobally(Fn<T>());
  }
};

namespace Sum {  // NOLINT
using PerKey = TypedCombinePerKey<SumFn>;
using Globally = TypedCombineGlobally<SumFn>;
}  // namespace Sum
namespace Mean {  // NOLINT
using PerKey = TypedCombinePerKey<MeanFn>;
using Globally = TypedCombineGlobally<MeanFn>;
}  // namespace Mean
namespace Min {  // NOLINT
using PerKey = TypedCombinePerKey<Lesser>;
using Globally = TypedCombineGlobally<Lesser>;
}  // namespace Min
namespace Max {  // NOLINT
using PerKey = TypedCombinePerKey<Greater>;
using Globally = TypedCombineGlobally<Greater>;
}  // namespace Max

}  // namespace joist

#endif  // JOIST_SDK_COMBINE_H_
