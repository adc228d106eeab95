// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Where: the rows for whose fields a function returns true. Beam's Filter.whereFieldName and
// whereFieldNames.
//
//   orders | joist::Where<"cents">([](int64_t cents) { return cents > 100; })
//   orders | joist::Where<&Order::user, &Order::cents>(
//                [](std::string_view user, int64_t cents) { return user != "" && cents > 0; })

#ifndef JOIST_TRANSFORMS_WHERE_H_
#define JOIST_TRANSFORMS_WHERE_H_

#include <tuple>
#include <type_traits>
#include <utility>

#include "joist/sdk/par_do.h"
#include "joist/transforms/field_ref.h"
#include "joist/transforms/parts.h"

namespace joist {

namespace where_internal {

template <class F, class T, class... Refs>
struct Keep {
  [[no_unique_address]] F fn;
  static auto Parts(auto& self) { return std::tie(self.fn); }
  bool operator()(const T& row) { return fn(FieldOf<Refs, T>::Get(row)...); }
};

template <class F, class... Refs>
struct WhereFields : Transform {
  WhereFields(F fn, std::source_location where) : Transform(where), fn(std::move(fn)) {}
  static constexpr std::string_view kKind = "Where";
  template <class T>
  auto Expand(const PCollection<T>& in) const {
    if constexpr (!CheckFields<T, Refs...>()) {
      return PCollection<Invalid>(&in.builder());
    } else {
      constexpr bool kTakes =
          std::is_invocable_r_v<bool, F&, const typename FieldOf<Refs, T>::type&...>;
      static_assert(kTakes,
                    "Joist: the function of a Where takes the fields in the order in which they "
                    "are named, and returns bool.");
      if constexpr (kTakes) {
        return in | "Filter" >> Filter(Keep<F, T, Refs...>{fn});
      } else {
        return PCollection<Invalid>(&in.builder());
      }
    }
  }
  F fn;
};

}  // namespace where_internal

template <auto... kMembers, class F>
  requires(sizeof...(kMembers) > 0 && (IsMember<kMembers> && ...))
auto Where(F fn, std::source_location where = std::source_location::current()) {
  return where_internal::WhereFields<F, MemberRef<kMembers>...>(std::move(fn), where);
}
template <FieldName... kNames, class F>
  requires(sizeof...(kNames) > 0)
auto Where(F fn, std::source_location where = std::source_location::current()) {
  return where_internal::WhereFields<F, NameRef<kNames>...>(std::move(fn), where);
}

}  // namespace joist

#endif  // JOIST_TRANSFORMS_WHERE_H_
