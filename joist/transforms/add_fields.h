// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// AddFields: rows with more fields, as a joist::Row: what a function makes of each row, or the same
// value for all.
//
//   orders | joist::AddFields()
//                .Field<"euros">([](const Order& order) { return order.cents / 100.0; })
//                .Field<"country">("CH")

#ifndef JOIST_TRANSFORMS_ADD_FIELDS_H_
#define JOIST_TRANSFORMS_ADD_FIELDS_H_

#include <source_location>
#include <tuple>
#include <type_traits>
#include <utility>

#include "joist/sdk/par_do.h"
#include "joist/transforms/field_ref.h"
#include "joist/transforms/parts.h"

namespace joist {

namespace add_fields_internal {

/// A field called kFieldName: what `value` returns of a row, or `value`.
template <FieldName kFieldName, class F>
struct NewField {
  static constexpr FieldName kName = kFieldName;
  [[no_unique_address]] F value;
  static auto Parts(auto& self) { return std::tie(self.value); }

  template <class T>
  decltype(auto) Of(const T& row) {
    if constexpr (std::is_invocable_v<F&, const T&>) {
      return value(row);
    } else {
      return static_cast<const F&>(value);
    }
  }
};

/// The type of what New gives of a T, and the field.
template <class New, class T>
using TypeIn = ElementOfT<decltype(std::declval<New&>().Of(std::declval<const T&>()))>;
template <class New, class T>
using FieldIn = RowField<New::kName, TypeIn<New, T>>;

template <class T, class Old, class... New>
struct Widen;
template <class T, class... Old, class... New>
struct Widen<T, TypeList<Old...>, New...> {
  using Out = Row<RowFieldLike<Old>..., FieldIn<New, T>...>;
  std::tuple<New...> added;
  static auto Parts(auto& self) {
    return std::apply([](auto&... one) { return std::tie(one...); }, self.added);
  }
  Out operator()(const T& row) {
    return std::apply(
        [&row](New&... one) { return Out(Old::Get(row)..., TypeIn<New, T>(one.Of(row))...); },
        added);
  }
};

}  // namespace add_fields_internal

/// What AddFields() and its Field make.
template <class... New>
struct AddedFields : Transform {
  AddedFields(std::tuple<New...> added, std::source_location where)
      : Transform(where), added(std::move(added)) {}
  static constexpr std::string_view kKind = "AddFields";

  /// `value` is a function of the row, or the value itself.
  template <FieldName kName, class F>
  auto Field(F value) const {
    using Value = std::conditional_t<std::is_class_v<F>, F, ElementOfT<F>>;
    using One = add_fields_internal::NewField<kName, Value>;
    return AddedFields<New..., One>(std::tuple_cat(added, std::tuple(One{Value(std::move(value))})),
                                    where);
  }

  template <class T>
  auto Expand(const PCollection<T>& in) const {
    if constexpr (!CheckFields<T>()) {
      return PCollection<Invalid>(&in.builder());
    } else {
      return in | "Fields" >> Map(add_fields_internal::Widen<T, FieldsOf<T>, New...>{added});
    }
  }

  std::tuple<New...> added;
};

inline auto AddFields(std::source_location where = std::source_location::current()) {
  return AddedFields<>({}, where);
}

}  // namespace joist

#endif  // JOIST_TRANSFORMS_ADD_FIELDS_H_
