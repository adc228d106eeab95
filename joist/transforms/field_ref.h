// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// How transforms are told which fields of a row they are about:
//
//   Select<"user", "address.city">()        by name, also within rows that are fields
//   Select<&Order::user, &Order::cents>()   by member pointer
//
// Both are resolved when the program is compiled: a field costs what the member costs. The name of
// a field of a field is its last part ("city").

#ifndef JOIST_TRANSFORMS_FIELD_REF_H_
#define JOIST_TRANSFORMS_FIELD_REF_H_

#include <cstddef>
#include <string_view>
#include <tuple>
#include <type_traits>

#include "joist/sdk/par_do.h"
#include "joist/transforms/row.h"

namespace joist {

/// The field that a member pointer names.
template <auto kMember>
struct MemberRef {};
/// The field of a name, or of a path of names with dots.
template <FieldName kPath>
struct NameRef {};

template <auto kMember>
concept IsMember = std::is_member_object_pointer_v<decltype(kMember)>;

namespace field_ref_internal {

template <class List>
struct Members;
template <class T, auto... kMembers>
struct Members<FieldList<T, kMembers...>> {
  static constexpr std::tuple kAll{kMembers...};
  template <auto kMember>
  static consteval size_t IndexOf() {
    size_t index = 0;
    (void)((Same<kMember, kMembers>() || (++index, false)) || ...);
    return index;
  }

 private:
  template <auto kA, auto kB>
  static consteval bool Same() {
    if constexpr (std::is_same_v<decltype(kA), decltype(kB)>) return kA == kB;
    return false;
  }
};

template <IsRow T>
consteval size_t IndexOfName(std::string_view name) {
  size_t index = 0;
  while (index < RowTraits<T>::kFieldCount && RowTraits<T>::FieldName(index) != name) ++index;
  return index;
}

/// Field number kIndex of T.
template <IsRow T, size_t kIndex>
struct FieldAt {
  static constexpr bool kExists = true;
  static constexpr std::string_view kName = RowTraits<T>::FieldName(kIndex);
  static constexpr auto kMember = std::get<kIndex>(Members<fields_internal::ListOf<T>>::kAll);
  using type = std::remove_cvref_t<decltype(std::declval<const T&>().*kMember)>;
  static const type& Get(const T& row) { return row.*kMember; }
  static type& Get(T& row) { return row.*kMember; }
};

struct NoField {
  static constexpr bool kExists = false;
};

template <IsRow T, size_t kIndex>
consteval auto At() {
  if constexpr (kIndex < RowTraits<T>::kFieldCount) {
    return FieldAt<T, kIndex>();
  } else {
    return NoField();
  }
}

/// Inner of what Outer gives.
template <class Outer, class Inner>
struct Nested {
  static constexpr bool kExists = true;
  static constexpr std::string_view kName = Inner::kName;
  using type = typename Inner::type;
  template <class T>
  static const type& Get(const T& row) {
    return Inner::Get(Outer::Get(row));
  }
};

// By value: with -fsanitize=undefined, gcc 12 can't look into the argument of a template itself.
template <size_t kSize>
consteval size_t FirstDot(FieldName<kSize> path) {
  size_t at = 0;
  while (at + 1 < kSize && path.text[at] != '.') ++at;
  return at;
}
template <size_t kBegin, size_t kEnd, size_t kSize>
consteval FieldName<kEnd - kBegin + 1> PartOf(FieldName<kSize> path) {
  return FieldName<kEnd - kBegin + 1>(path.view().substr(kBegin, kEnd - kBegin));
}

template <class T, FieldName kPath>
consteval auto AtPath() {
  constexpr size_t kSize = kPath.view().size();
  constexpr size_t kDot = FirstDot(kPath);
  constexpr auto kFirst = PartOf<0, kDot>(kPath);
  using Outer = decltype(At<T, IndexOfName<T>(kFirst.view())>());
  if constexpr (kDot == kSize || !Outer::kExists) {
    return Outer();
  } else if constexpr (IsRow<typename Outer::type>) {
    using Inner = decltype(AtPath<typename Outer::type, PartOf<kDot + 1, kSize>(kPath)>());
    if constexpr (Inner::kExists) {
      return Nested<Outer, Inner>();
    } else {
      return NoField();
    }
  } else {
    return NoField();
  }
}

template <class Ref, class T>
struct Find;
template <auto kMember, class T>
struct Find<MemberRef<kMember>, T> {
  using type = decltype(At<T, Members<fields_internal::ListOf<T>>::template IndexOf<kMember>()>());
};
template <FieldName kPath, class T>
struct Find<NameRef<kPath>, T> {
  using type = decltype(AtPath<T, kPath>());
};

}  // namespace field_ref_internal

/// What a reference stands for in rows of type T: kName, type, Get(row).
template <class Ref, IsRow T>
using FieldOf = typename field_ref_internal::Find<Ref, T>::type;

/// The name of a field as an argument of templates.
template <class Field>
inline constexpr FieldName<Field::kName.size() + 1> kFieldNameOf{Field::kName};

/// A field of a Row with name and type of an existing one.
template <class Field>
using RowFieldLike = RowField<kFieldNameOf<Field>, typename Field::type>;

namespace field_ref_internal {
template <class Ref, class RowType>
consteval bool Exists() {
  constexpr bool kExists = FieldOf<Ref, RowType>::kExists;
  static_assert(kExists,
                "Joist: the rows of this collection have no such field; the line \"with Ref = …; "
                "RowType = …\" above this one names both.");
  return kExists;
}
}  // namespace field_ref_internal

/// Whether T is a row with all of these fields; says in one static_assert why not.
template <class T, class... Refs>
consteval bool CheckFields() {
  if constexpr (!IsRow<T>) {
    static_assert(IsRow<T>,
                  "Joist: this transform takes a collection of rows: of a type that is declared "
                  "with JOIST_ROW, or a joist::Row.");
    return false;
  } else {
    return (field_ref_internal::Exists<Refs, T>() && ...);
  }
}

/// The Row of some fields of T.
template <IsRow T, class... Refs>
using RowOf = Row<RowFieldLike<FieldOf<Refs, T>>...>;

/// A function from T to Out, a Row with as many fields as are given here.
template <IsRow T, class Out, class... Fields>
struct PickFields {
  Out operator()(const T& row) const { return Out(Fields::Get(row)...); }
};

namespace field_ref_internal {
template <class T, class Indices>
struct All;
template <class T, size_t... kIndex>
struct All<T, std::index_sequence<kIndex...>> {
  using type = TypeList<FieldAt<T, kIndex>...>;
};
}  // namespace field_ref_internal

/// All fields of T as a TypeList.
template <IsRow T>
using FieldsOf =
    typename field_ref_internal::All<T, std::make_index_sequence<RowTraits<T>::kFieldCount>>::type;

/// Whether all Refs are fields of T itself and not of rows inside of it; says so if not.
template <class T, class... Refs>
consteval bool CheckOwnFields() {
  if constexpr (!CheckFields<T, Refs...>()) {
    return false;
  } else {
    constexpr bool kOwn = (requires { FieldOf<Refs, T>::kMember; } && ...);
    static_assert(kOwn,
                  "Joist: this transform changes fields of the rows themselves, not of rows "
                  "inside of them.");
    return kOwn;
  }
}

}  // namespace joist

#endif  // JOIST_TRANSFORMS_FIELD_REF_H_
