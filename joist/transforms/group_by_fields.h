// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// GroupByFields: rows with the same values in some fields as one row, with aggregates of the
// others. Beam's Group.byFieldNames and aggregateField.
//
//   orders | joist::GroupByFields<"user">()
//                .Sum<"cents", "total">()
//                .Max<&Order::cents, "largest">()
//                .Count<"orders">()
//                .Aggregate<"cents", "best_three">(joist::TopFn<int64_t>{3, {}})
//
// outputs a joist::Row of user, total, largest, orders, best_three, in one Combine. Without
// aggregates the result is a KV of a Row of the fields, and the rows: KV<Row<…>, Iterable<Order>>.
//
// As in SQL, an optional field's empty values take no part, and the aggregate of none but empty
// ones is empty; Count<"field", "name">() counts those that are there. Sums of integers are
// int64_t, other sums are double. Rows within rows are named by paths: "address.city".

#ifndef JOIST_TRANSFORMS_GROUP_BY_FIELDS_H_
#define JOIST_TRANSFORMS_GROUP_BY_FIELDS_H_

#include <optional>
#include <source_location>
#include <tuple>
#include <type_traits>
#include <utility>

#include "joist/sdk/combine.h"
#include "joist/sdk/group_by_key.h"
#include "joist/transforms/combine_fns.h"
#include "joist/transforms/element_function.h"
#include "joist/transforms/field_ref.h"
#include "joist/transforms/parts.h"

namespace joist {

namespace group_by_fields_internal {

template <class V>
struct WideSumFn {
  using Sum = std::conditional_t<std::is_integral_v<V>, int64_t, double>;
  Sum CreateAccumulator() const { return 0; }
  void AddInput(Sum& to, V value) const { to += static_cast<Sum>(value); }
  void MergeAccumulators(Sum& to, const Sum& from) const { to += from; }
  Sum ExtractOutput(const Sum& from) const { return from; }
};

// Combine functions that are found by the type of the field.
struct ToSum {
  template <class V>
  static auto For() {
    static_assert(std::is_arithmetic_v<V>, "Joist: Sum is for fields that are numbers.");
    return WideSumFn<V>();
  }
};
struct ToMean {
  template <class V>
  static auto For() {
    static_assert(std::is_arithmetic_v<V>, "Joist: Mean is for fields that are numbers.");
    return MeanFn<V>();
  }
};
struct ToMin {
  template <class V>
  static auto For() {
    if constexpr (std::is_arithmetic_v<V>) {
      return MinFn<V>();
    } else {
      return FoldFn<V, Lesser<V>>();
    }
  }
};
struct ToMax {
  template <class V>
  static auto For() {
    if constexpr (std::is_arithmetic_v<V>) {
      return MaxFn<V>();
    } else {
      return FoldFn<V, Greater<V>>();
    }
  }
};

template <class T>
struct NotEmpty {
  static constexpr bool kIsOptional = false;
  using type = T;
};
template <class T>
struct NotEmpty<std::optional<T>> {
  static constexpr bool kIsOptional = true;
  using type = T;
};

/// What is kept of a combination over an optional field.
template <class A>
struct MaybeNone {
  bool any = false;
  A accumulator{};
  static auto Parts(auto& self) { return std::tie(self.any, self.accumulator); }
};

/// F over those values of an optional field that are there.
template <class V, class F>
struct SkipEmptyFn {
  using Accumulator = MaybeNone<AccumulatorOf<F>>;
  [[no_unique_address]] F fn;
  static auto Parts(auto& self) { return std::tie(self.fn); }
  Accumulator CreateAccumulator() const { return {false, fn.CreateAccumulator()}; }
  void AddInput(Accumulator& to, const std::optional<V>& value) const {
    if (!value.has_value()) return;
    to.any = true;
    fn.AddInput(to.accumulator, ViewOfOwn<V>(*value));
  }
  void MergeAccumulators(Accumulator& to, const Accumulator& from) const {
    to.any = to.any || from.any;
    fn.MergeAccumulators(to.accumulator, from.accumulator);
  }
  std::optional<CombinedOf<F>> ExtractOutput(const Accumulator& from) const {
    if (!from.any) return std::nullopt;
    return CombinedOf<F>(fn.ExtractOutput(from.accumulator));
  }
};

/// Stands for a row as such: `true` in each.
struct EveryRow {};
struct AlwaysTrue {
  static constexpr bool kExists = true;
  using type = bool;
  template <class T>
  static bool Get(const T&) {
    return true;
  }
};

struct CountThereFn : CountFn {
  template <class V>
  void AddInput(int64_t& to, const V& value) const {
    if constexpr (NotEmpty<V>::kIsOptional) {
      to += value.has_value() ? 1 : 0;
    } else {
      ++to;
    }
  }
};

}  // namespace group_by_fields_internal

namespace field_ref_internal {
template <class T>
struct Find<group_by_fields_internal::EveryRow, T> {
  using type = group_by_fields_internal::AlwaysTrue;
};
}  // namespace field_ref_internal

namespace group_by_fields_internal {

/// The field Ref, combined by F, is called kAs. F is a CombineFn or one of the above.
template <class Ref, FieldName kAs, class F>
struct Aggregated {
  using Field = Ref;
  static constexpr FieldName kName = kAs;
  [[no_unique_address]] F fn;

  template <class V>
  auto FnFor() const {
    using Inner = typename NotEmpty<V>::type;
    const auto plain = [this] {
      if constexpr (IsCombineFn<F>) {
        return fn;
      } else {
        return F::template For<Inner>();
      }
    }();
    if constexpr (NotEmpty<V>::kIsOptional && !std::is_same_v<F, CountThereFn>) {
      return SkipEmptyFn<Inner, std::remove_const_t<decltype(plain)>>{plain};
    } else {
      return plain;
    }
  }
};

/// Of an Aggregated in rows of type T: its field's type; its CombineFn; what it takes of a row, and
/// its result. Both fields have the result's name, which is there once.
template <class A, class T>
using InputOf = typename FieldOf<typename A::Field, T>::type;
template <class A, class T>
using FnOf = decltype(std::declval<const A&>().template FnFor<InputOf<A, T>>());
template <class A, class T>
using InFieldOf = RowField<A::kName, InputOf<A, T>>;
template <class A, class T>
using OutFieldOf = RowField<A::kName, CombinedOf<FnOf<A, T>>>;

/// Accumulators side by side; plain bytes if each of them is.
template <class Indices, class... A>
struct SideBySide;
template <size_t... kIndex, class... A>
struct SideBySide<std::index_sequence<kIndex...>, A...> : row_type_internal::Slot<kIndex, A>... {
  template <size_t kI>
  auto& At() {
    return static_cast<decltype(row_type_internal::SlotOf<kI>(this))&>(*this).value;
  }
  template <size_t kI>
  const auto& At() const {
    return static_cast<const decltype(row_type_internal::SlotOf<kI>(this))&>(*this).value;
  }
  static auto Parts(auto& self) { return std::tie(self.template At<kIndex>()...); }
};

/// Several CombineFns, each over a field of the Row In, as one whose result is the Row Out.
template <class In, class Out, class... F>
struct FieldsFn {
  using Indices = std::index_sequence_for<F...>;
  using Accumulator = SideBySide<Indices, AccumulatorOf<F>...>;

  std::tuple<F...> fns;
  static auto Parts(auto& self) {
    return std::apply([](auto&... fn) { return std::tie(fn...); }, self.fns);
  }

  Accumulator CreateAccumulator() const {
    Accumulator made;
    ForEach([&]<size_t kI>(std::integral_constant<size_t, kI>) {
      made.template At<kI>() = std::get<kI>(fns).CreateAccumulator();
    });
    return made;
  }
  void AddInput(Accumulator& to, const In& row) const {
    ForEach([&]<size_t kI>(std::integral_constant<size_t, kI>) {
      const auto& value = row.template get<kI>();
      using V = std::remove_cvref_t<decltype(value)>;
      std::get<kI>(fns).AddInput(to.template At<kI>(), ViewOfOwn<V>(value));
    });
  }
  void MergeAccumulators(Accumulator& to, const Accumulator& from) const {
    ForEach([&]<size_t kI>(std::integral_constant<size_t, kI>) {
      std::get<kI>(fns).MergeAccumulators(to.template At<kI>(), from.template At<kI>());
    });
  }
  Out ExtractOutput(const Accumulator& from) const {
    return [&]<size_t... kI>(std::index_sequence<kI...>) {
      return Out(std::get<kI>(fns).ExtractOutput(from.template At<kI>())...);
    }(Indices());
  }

 private:
  template <class Take>
  static void ForEach(Take take) {
    [&]<size_t... kI>(std::index_sequence<kI...>) {
      (take(std::integral_constant<size_t, kI>()), ...);
    }(Indices());
  }
};

/// The key of rows: a field itself, if there is one and it can be a key (numbers and text are the
/// fastest ones), else the Row of the fields.
template <class T, class... Keys>
struct KeyOf {
  using type = RowOf<T, Keys...>;
  static type Get(const T& row) { return type(FieldOf<Keys, T>::Get(row)...); }
  static const type& AsRow(const type& key) { return key; }
};
template <class T, class Key>
  requires(!IsRow<typename FieldOf<Key, T>::type> && kIsKey<typename FieldOf<Key, T>::type>)
struct KeyOf<T, Key> {
  using type = typename FieldOf<Key, T>::type;
  static Lent<type> Get(const T& row) {
    return Lend<type>(ViewOfOwn<type>(FieldOf<Key, T>::Get(row)));
  }
  static RowOf<T, Key> AsRow(const View<type>& key) { return RowOf<T, Key>(Own<type>(key)); }
};

template <class T, class In, class Keys, class... Inputs>
struct Split;
template <class T, class In, class... Keys, class... Inputs>
struct Split<T, In, TypeList<Keys...>, Inputs...> {
  using Key = KeyOf<T, Keys...>;
  KV<decltype(Key::Get(std::declval<const T&>())), In> operator()(const T& row) const {
    return {Key::Get(row), In(FieldOf<Inputs, T>::Get(row)...)};
  }
};

/// A group's key and aggregates as one row.
template <class Out, class Key, class Results>
struct JoinRows {
  using K = typename Key::type;
  Out operator()(const KV<View<K>, View<Results>>& group) const {
    const auto& key = Key::AsRow(group.key);
    return std::apply([](const auto&... field) { return Out(field...); },
                      std::tuple_cat(Fields(key), Fields(group.value)));
  }
  template <class Row>
  static auto Fields(const Row& row) {
    return RowTraits<Row>::Apply(row, [](const auto&... field) { return std::tie(field...); });
  }
};

template <class A, class B>
struct Concatenated;
template <class... A, class... B>
struct Concatenated<Row<A...>, Row<B...>> {
  using type = Row<A..., B...>;
};

template <class T, class... Keys>
struct WithKeyRow {
  KV<RowOf<T, Keys...>, T> operator()(const T& row) const {
    return {RowOf<T, Keys...>(FieldOf<Keys, T>::Get(row)...), row};
  }
};

}  // namespace group_by_fields_internal

/// What GroupByFields() makes; `Keys` is a TypeList of references to fields.
template <class Keys, class... Aggregates>
struct GroupedFields;
template <class... Keys, class... Aggregates>
struct GroupedFields<TypeList<Keys...>, Aggregates...> : Transform {
  GroupedFields(std::tuple<Aggregates...> aggregates, std::source_location where)
      : Transform(where), aggregates(std::move(aggregates)) {}
  static constexpr std::string_view kKind = "GroupByFields";

#define JOIST_AGGREGATE(NAME, FN)               \
  template <FieldName kField, FieldName kAs>    \
  auto NAME() const {                           \
    return With<NameRef<kField>, kAs>(FN());    \
  }                                             \
  template <auto kMember, FieldName kAs>        \
    requires IsMember<kMember>                  \
  auto NAME() const {                           \
    return With<MemberRef<kMember>, kAs>(FN()); \
  }
  JOIST_AGGREGATE(Sum, group_by_fields_internal::ToSum)
  /// A double.
  JOIST_AGGREGATE(Mean, group_by_fields_internal::ToMean)
  JOIST_AGGREGATE(Min, group_by_fields_internal::ToMin)
  JOIST_AGGREGATE(Max, group_by_fields_internal::ToMax)
  /// The values that are not empty.
  JOIST_AGGREGATE(Count, group_by_fields_internal::CountThereFn)
#undef JOIST_AGGREGATE

  /// The rows of a group.
  template <FieldName kAs>
  auto Count() const {
    return With<group_by_fields_internal::EveryRow, kAs>(CountFn());
  }
  /// The result of a CombineFn over a field.
  template <FieldName kField, FieldName kAs, class F>
  auto Aggregate(F fn) const {
    return With<NameRef<kField>, kAs>(std::move(fn));
  }
  template <auto kMember, FieldName kAs, class F>
    requires IsMember<kMember>
  auto Aggregate(F fn) const {
    return With<MemberRef<kMember>, kAs>(std::move(fn));
  }

  template <class T>
  auto Expand(const PCollection<T>& in) const {
    if constexpr (!CheckFields<T, Keys..., typename Aggregates::Field...>()) {
      return PCollection<Invalid>(&in.builder());
    } else if constexpr (sizeof...(Aggregates) == 0) {
      return in | "WithKeys" >> Map(group_by_fields_internal::WithKeyRow<T, Keys...>()) |
             "GroupByKey" >> GroupByKey();
    } else {
      return ExpandAggregates(in);
    }
  }

  std::tuple<Aggregates...> aggregates;

 private:
  template <class Ref, FieldName kAs, class F>
  auto With(F fn) const {
    using One = group_by_fields_internal::Aggregated<Ref, kAs, F>;
    return GroupedFields<TypeList<Keys...>, Aggregates..., One>(
        std::tuple_cat(aggregates, std::tuple(One{std::move(fn)})), where);
  }

  template <class T>
  auto ExpandAggregates(const PCollection<T>& in) const {
    using namespace group_by_fields_internal;  // NOLINT(google-build-using-namespace)
    using Inputs = Row<InFieldOf<Aggregates, T>...>;
    using Results = Row<OutFieldOf<Aggregates, T>...>;
    using Key = KeyOf<T, Keys...>;
    using Out = typename Concatenated<RowOf<T, Keys...>, Results>::type;
    using Fn = FieldsFn<Inputs, Results, FnOf<Aggregates, T>...>;
    const Fn fn = std::apply(
        [](const Aggregates&... one) {
          return Fn{{one.template FnFor<InputOf<Aggregates, T>>()...}};
        },
        aggregates);
    return in |
           "Split" >> Map(Split<T, Inputs, TypeList<Keys...>, typename Aggregates::Field...>()) |
           "PerKey" >> CombinePerKey(fn) | "Join" >> Map(JoinRows<Out, Key, Results>());
  }
};

template <auto... kMembers>
  requires(sizeof...(kMembers) > 0 && (IsMember<kMembers> && ...))
auto GroupByFields(std::source_location where = std::source_location::current()) {
  return GroupedFields<TypeList<MemberRef<kMembers>...>>({}, where);
}
template <FieldName... kNames>
  requires(sizeof...(kNames) > 0)
auto GroupByFields(std::source_location where = std::source_location::current()) {
  return GroupedFields<TypeList<NameRef<kNames>...>>({}, where);
}

}  // namespace joist

#endif  // JOIST_TRANSFORMS_GROUP_BY_FIELDS_H_
