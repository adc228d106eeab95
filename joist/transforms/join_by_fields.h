// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// JoinByFields: pairs of rows of two collections that have the same values in some fields, as a
// joist::Row of the rows lhs and rhs. Beam's Join of schemas.
//
//   orders | joist::JoinByFields(users).On<"user", "name">()                 // Row of Order, User.
//   orders | joist::JoinByFields(users).On<&Order::user, &User::name>().LeftOuter()
//   … | joist::Select<"lhs.cents", "rhs.city">()
//
// Several On are needed all together. In the results of an outer join the side that may be missing
// is a std::optional. It is a CoGroupByKey: a key's rows may be many on both sides, and an empty
// optional equals an empty one, unlike SQL's NULL.

#ifndef JOIST_TRANSFORMS_JOIN_BY_FIELDS_H_
#define JOIST_TRANSFORMS_JOIN_BY_FIELDS_H_

#include <optional>
#include <source_location>
#include <type_traits>

#include "joist/sdk/co_group_by_key.h"
#include "joist/sdk/par_do.h"
#include "joist/transforms/field_ref.h"

namespace joist {

namespace join_by_fields_internal {

template <class LeftRef, class RightRef>
struct Pair {
  using Left = LeftRef;
  using Right = RightRef;
};

template <class T, class Key, class... Refs>
struct WithKey {
  KV<Key, T> operator()(const T& row) const { return {Key(FieldOf<Refs, T>::Get(row)...), row}; }
};

template <class T, bool kMayMiss>
using Side = std::conditional_t<kMayMiss, std::optional<T>, T>;
template <class L, class R, bool kAllLeft, bool kAllRight>
using Joined = Row<RowField<"lhs", Side<L, kAllRight>>, RowField<"rhs", Side<R, kAllLeft>>>;

/// The pairs of a group; rows without a partner where kAllLeft or kAllRight.
template <class Key, class L, class R, bool kAllLeft, bool kAllRight>
struct Pairs {
  using Out = Joined<L, R, kAllLeft, kAllRight>;
  void operator()(const KV<View<Key>, CoGbkResult<L, R>>& group, Emit<Out> emit) const {
    const auto& [lefts, rights] = group.value;
    for (const auto& left : lefts) {
      for (const auto& right : rights) emit(Out(Own<L>(left), Own<R>(right)));
      if constexpr (kAllLeft) {
        if (rights.empty()) emit(Out(Own<L>(left), std::nullopt));
      }
    }
    if constexpr (kAllRight) {
      if (!lefts.empty()) return;
      for (const auto& right : rights) emit(Out(std::nullopt, Own<R>(right)));
    }
  }
};

template <class L, class R, class... On>
consteval bool SameTypes() {
  constexpr bool kSame = (std::is_same_v<typename FieldOf<typename On::Left, L>::type,
                                         typename FieldOf<typename On::Right, R>::type> &&
                          ...);
  static_assert(kSame,
                "Joist: the two fields of an On have different types; AddFields can make one "
                "that fits.");
  return kSame;
}

}  // namespace join_by_fields_internal

/// What JoinByFields() and its functions make.
template <class R, bool kAllLeft, bool kAllRight, class... OnFields>
struct JoinedByFields : Transform {
  JoinedByFields(PCollection<R> right, std::source_location where)
      : Transform(where), right(right) {}
  static constexpr std::string_view kKind = "JoinByFields";

  /// The fields that are to be equal: of the left rows, and of the right ones.
  template <FieldName kLeft, FieldName kRight>
  auto On() const {
    return With<NameRef<kLeft>, NameRef<kRight>>();
  }
  template <auto kLeft, auto kRight>
    requires(IsMember<kLeft> && IsMember<kRight>)
  auto On() const {
    return With<MemberRef<kLeft>, MemberRef<kRight>>();
  }
  /// Keeps all rows of the left, of the right, of both collections.
  auto LeftOuter() const { return JoinedByFields<R, true, false, OnFields...>(right, where); }
  auto RightOuter() const { return JoinedByFields<R, false, true, OnFields...>(right, where); }
  auto FullOuter() const { return JoinedByFields<R, true, true, OnFields...>(right, where); }

  template <class L>
  auto Expand(const PCollection<L>& left) const {
    constexpr bool kHasFields = sizeof...(OnFields) > 0;
    static_assert(kHasFields, "Joist: a JoinByFields needs On<…>(): which fields are to be equal.");
    if constexpr (!kHasFields || !CheckFields<L, typename OnFields::Left...>() ||
                  !CheckFields<R, typename OnFields::Right...>()) {
      return PCollection<Invalid>(&left.builder());
    } else if constexpr (!join_by_fields_internal::SameTypes<L, R, OnFields...>()) {
      return PCollection<Invalid>(&left.builder());
    } else {
      using Key = RowOf<L, typename OnFields::Left...>;
      using join_by_fields_internal::WithKey;
      return CoGroupByKey(
                 "Group", left | "LeftKeys" >> Map(WithKey<L, Key, typename OnFields::Left...>()),
                 right | "RightKeys" >> Map(WithKey<R, Key, typename OnFields::Right...>())) |
             "Pairs" >> FlatMap(join_by_fields_internal::Pairs<Key, L, R, kAllLeft, kAllRight>());
    }
  }

  PCollection<R> right;

 private:
  template <class Left, class Right>
  auto With() const {
    return JoinedByFields<R, kAllLeft, kAllRight, OnFields...,
                          join_by_fields_internal::Pair<Left, Right>>(right, where);
  }
};

/// The collection that it is applied to is the left one.
template <class R>
auto JoinByFields(const PCollection<R>& right,
                  std::source_location where = std::source_location::current()) {
  return JoinedByFields<R, false, false>(right, where);
}

}  // namespace joist

#endif  // JOIST_TRANSFORMS_JOIN_BY_FIELDS_H_
