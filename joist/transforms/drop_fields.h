// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// DropFields: rows without some of their fields, as a joist::Row.
//
//   orders | joist::DropFields<"note">()
//   orders | joist::DropFields<&Order::note, &Order::cents>()

#ifndef JOIST_TRANSFORMS_DROP_FIELDS_H_
#define JOIST_TRANSFORMS_DROP_FIELDS_H_

#include <source_location>
#include <type_traits>

#include "joist/sdk/par_do.h"
#include "joist/transforms/field_ref.h"

namespace joist {

namespace drop_fields_internal {

/// A function that makes rows of those Left that are none of Dropped.
template <class T, class Left, class Dropped, class... Kept>
struct Keeping;
template <class T, class... Dropped, class... Kept>
struct Keeping<T, TypeList<>, TypeList<Dropped...>, Kept...> {
  using type = PickFields<T, Row<RowFieldLike<Kept>...>, Kept...>;
};
template <class T, class First, class... Left, class... Dropped, class... Kept>
struct Keeping<T, TypeList<First, Left...>, TypeList<Dropped...>, Kept...>
    : std::conditional_t<(std::is_same_v<First, Dropped> || ...),
                         Keeping<T, TypeList<Left...>, TypeList<Dropped...>, Kept...>,
                         Keeping<T, TypeList<Left...>, TypeList<Dropped...>, Kept..., First>> {};

template <class... Refs>
struct Drop : Transform {
  explicit Drop(std::source_location where) : Transform(where) {}
  static constexpr std::string_view kKind = "DropFields";
  template <class T>
  auto Expand(const PCollection<T>& in) const {
    if constexpr (!CheckOwnFields<T, Refs...>()) {
      return PCollection<Invalid>(&in.builder());
    } else {
      using Fn = typename Keeping<T, FieldsOf<T>, TypeList<FieldOf<Refs, T>...>>::type;
      return in | "Fields" >> Map(Fn());
    }
  }
};

}  // namespace drop_fields_internal

template <auto... kMembers>
  requires(sizeof...(kMembers) > 0 && (IsMember<kMembers> && ...))
auto DropFields(std::source_location where = std::source_location::current()) {
  return drop_fields_internal::Drop<MemberRef<kMembers>...>(where);
}
template <FieldName... kNames>
  requires(sizeof...(kNames) > 0)
auto DropFields(std::source_location where = std::source_location::current()) {
  return drop_fields_internal::Drop<NameRef<kNames>...>(where);
}

}  // namespace joist

#endif  // JOIST_TRANSFORMS_DROP_FIELDS_H_
