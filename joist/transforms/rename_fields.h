// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// RenameFields: rows with other names for some of their fields, as a joist::Row.
//
//   orders | joist::RenameFields().Rename<"user", "customer">().Rename<&Order::cents, "amount">()

#ifndef JOIST_TRANSFORMS_RENAME_FIELDS_H_
#define JOIST_TRANSFORMS_RENAME_FIELDS_H_

#include <source_location>
#include <type_traits>

#include "joist/sdk/par_do.h"
#include "joist/transforms/field_ref.h"

namespace joist {

namespace rename_fields_internal {

/// The field Ref is to be called kTo.
template <class Ref, FieldName kTo>
struct NewName {
  using Field = Ref;
  static constexpr FieldName kName = kTo;
};

/// What field F of T is called then.
template <class T, class F, class First = void, class... Rest>
consteval auto NameOf() {
  if constexpr (std::is_void_v<First>) {
    return kFieldNameOf<F>;
  } else if constexpr (std::is_same_v<FieldOf<typename First::Field, T>, F>) {
    return First::kName;
  } else {
    return NameOf<T, F, Rest...>();
  }
}

template <class T, class Fields, class... NewNames>
struct Renaming;
template <class T, class... F, class... NewNames>
struct Renaming<T, TypeList<F...>, NewNames...> {
  using type = PickFields<T, Row<RowField<NameOf<T, F, NewNames...>(), typename F::type>...>, F...>;
};

}  // namespace rename_fields_internal

/// What RenameFields() and its Rename make.
template <class... NewNames>
struct RenamedFields : Transform {
  explicit RenamedFields(std::source_location where) : Transform(where) {}
  static constexpr std::string_view kKind = "RenameFields";

  template <FieldName kFrom, FieldName kTo>
  auto Rename() const {
    return RenamedFields<NewNames..., rename_fields_internal::NewName<NameRef<kFrom>, kTo>>(where);
  }
  template <auto kMember, FieldName kTo>
    requires IsMember<kMember>
  auto Rename() const {
    return RenamedFields<NewNames..., rename_fields_internal::NewName<MemberRef<kMember>, kTo>>(
        where);
  }

  template <class T>
  auto Expand(const PCollection<T>& in) const {
    if constexpr (!CheckOwnFields<T, typename NewNames::Field...>()) {
      return PCollection<Invalid>(&in.builder());
    } else {
      using Fn = typename rename_fields_internal::Renaming<T, FieldsOf<T>, NewNames...>::type;
      return in | "Fields" >> Map(Fn());
    }
  }
};

inline auto RenameFields(std::source_location where = std::source_location::current()) {
  return RenamedFields<>(where);
}

}  // namespace joist

#endif  // JOIST_TRANSFORMS_RENAME_FIELDS_H_
