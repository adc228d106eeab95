// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Join: the pairs of values that two collections of KVs have under the same key.
//
//   auto orders = …;     // PCollection<KV<std::string, Order>>
//   auto addresses = …;  // PCollection<KV<std::string, Address>>
//   joist::Join::Inner(orders, addresses)           // KV<std::string, KV<Order, Address>>
//   joist::Join::Left("Send", orders, addresses)    // KV<std::string, KV<Order,
//   std::optional<Address>>>
//
//                      keys                        value, with A on the left and B on the right
//   Inner              that both have              KV<A, B>
//   Left               of the left                 KV<A, std::optional<B>>
//   Right              of the right                KV<std::optional<A>, B>
//   Full               of either                   KV<std::optional<A>, std::optional<B>>
//   InnerBroadcast     as Inner and Left, with the right side handed to every thread as a side
//   LeftBroadcast      input: the left side is neither moved nor kept. For a small right side.
//
// A key with n values on the left and m on the right gives n × m pairs; neither needs to fit into
// memory.

#ifndef JOIST_TRANSFORMS_JOIN_H_
#define JOIST_TRANSFORMS_JOIN_H_

#include <optional>
#include <string_view>
#include <type_traits>
#include <utility>

#include "joist/sdk/co_group_by_key.h"
#include "joist/sdk/par_do.h"
#include "joist/sdk/side_input.h"

namespace joist {

namespace join_internal {

/// One side of a pair: T itself, or perhaps a T.
template <class T, bool kOptional>
using Side = std::conditional_t<kOptional, std::optional<T>, T>;

template <class T, bool kOptional>
decltype(auto) Give(const View<T>& value) {
  if constexpr (kOptional) {
    return std::optional<T>(Own<T>(value));
  } else {
    return View<T>(value);
  }
}

/// The pairs of a group. kLeftMayMiss: pairs without a left value are given too.
template <class K, class A, class B, bool kLeftMayMiss, bool kRightMayMiss>
struct Pairs {
  using Left = Side<A, kLeftMayMiss>;
  using Right = Side<B, kRightMayMiss>;
  void Process(const View<KV<K, CoGbkResult<A, B>>>& group,
               Emit<KV<K, KV<Left, Right>>> emit) const {
    const auto& [lefts, rights] = group.value;
    const auto put = [&](const auto& left, const auto& right) {
      using Pair = KV<std::remove_cvref_t<decltype(left)>, std::remove_cvref_t<decltype(right)>>;
      emit(KV<View<K>, Pair>{group.key, Pair{left, right}});
    };
    const auto put_both = [&](const View<A>& left, const View<B>& right) {
      put(Give<A, kLeftMayMiss>(left), Give<B, kRightMayMiss>(right));
    };
    if (lefts.empty()) {
      if constexpr (kLeftMayMiss) {
        for (const auto& right : rights) put(Left(), Give<B, kRightMayMiss>(right));
      }
    } else if (rights.empty()) {
      if constexpr (kRightMayMiss) {
        for (const auto& left : lefts) put(Give<A, kLeftMayMiss>(left), Right());
      }
    } else if (lefts.size() < rights.size()) {  // What is read again and again is the smaller one.
      for (const auto& right : rights) {
        for (const auto& left : lefts) put_both(left, right);
      }
    } else {
      for (const auto& left : lefts) {
        for (const auto& right : rights) put_both(left, right);
      }
    }
  }
};

/// The pairs of an element of the left with what a side input has under its key.
template <class K, class A, class B, bool kRightMayMiss>
struct LookUp {
  using Right = Side<B, kRightMayMiss>;
  void Process(const View<KV<K, A>>& left, SideInput<MultimapView<K, B>> rights,
               Emit<KV<K, KV<A, Right>>> emit) const {
    const auto put = [&](const auto& right) {
      using Pair = KV<std::remove_cvref_t<View<A>>, std::remove_cvref_t<decltype(right)>>;
      emit(KV<View<K>, Pair>{left.key, Pair{left.value, right}});
    };
    const Iterable<B> found = rights->Get(left.key);
    for (const auto& right : found) put(Give<B, kRightMayMiss>(right));
    if constexpr (kRightMayMiss) {
      if (found.empty()) put(Right());
    }
  }
};

template <bool kLeftMayMiss, bool kRightMayMiss>
struct Grouped {
  template <class K, class A, class B>
  static auto Apply(const PCollection<KV<K, A>>& left, const PCollection<KV<K, B>>& right) {
    return CoGroupByKey("Group", left, right) |
           "Pairs" >> ParDo(Pairs<K, A, B, kLeftMayMiss, kRightMayMiss>());
  }
};
template <bool kRightMayMiss>
struct Broadcast {
  template <class K, class A, class B>
  static auto Apply(const PCollection<KV<K, A>>& left, const PCollection<KV<K, B>>& right) {
    return left | "Look up" >> ParDo(LookUp<K, A, B, kRightMayMiss>(), AsMultimap(right));
  }
};

template <class How, class L, class R>
auto Join(std::string_view name, std::string_view kind, const PCollection<L>& left,
          const PCollection<R>& right) {
  static_assert(kHaveOneKey<L, R>,
                "Joist: a Join takes two collections of KVs with one type of key.");
  if constexpr (!kHaveOneKey<L, R>) {
    return PCollection<Invalid>(&left.builder());
  } else if constexpr (!kIsGroupable<L>) {
    JOIST_ASSERT_KEY(typename L::key_t);
    return PCollection<Invalid>(&left.builder());
  } else {
    const PipelineBuilder::Scope scope(&left.builder(), name, kind, nullptr);
    return How::Apply(left, right);
  }
}

}  // namespace join_internal

namespace Join {  // NOLINT: Beam's name.

#define JOIST_JOIN(NAME, ...)                                                                 \
  template <class L, class R>                                                                 \
  auto NAME(std::string_view name, const PCollection<L>& left, const PCollection<R>& right) { \
    return join_internal::Join<join_internal::__VA_ARGS__>(name, "Join." #NAME, left, right); \
  }                                                                                           \
  template <class L, class R>                                                                 \
  auto NAME(const PCollection<L>& left, const PCollection<R>& right) {                        \
    return NAME("", left, right);                                                             \
  }
/// The pairs under keys that both sides have.
JOIST_JOIN(Inner, Grouped<false, false>)
/// And the left values under keys that only the left has.
JOIST_JOIN(Left, Grouped<false, true>)
/// And the right values under keys that only the right has.
JOIST_JOIN(Right, Grouped<true, false>)
/// And both.
JOIST_JOIN(Full, Grouped<true, true>)
/// As Inner and Left; the right side is a side input.
JOIST_JOIN(InnerBroadcast, Broadcast<false>)
JOIST_JOIN(LeftBroadcast, Broadcast<true>)
#undef JOIST_JOIN

}  // namespace Join

}  // namespace joist

#endif  // JOIST_TRANSFORMS_JOIN_H_
