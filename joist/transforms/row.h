// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Row<RowField<"name", T>, …>: a row type that needs no struct and no JOIST_ROW. Select, DropFields
// and the like output such rows; everything that takes rows takes them (coder, key, schema, JSON,
// CSV, SQL).
//
//   using Sale = joist::Row<joist::RowField<"user", std::string>, joist::RowField<"cents",
//   int64_t>>; joist::Map([](const Sale& sale) { return sale.get<"cents">(); }) auto& [user, cents]
//   = sale;
//
// Values.

#ifndef JOIST_TRANSFORMS_ROW_H_
#define JOIST_TRANSFORMS_ROW_H_

#include <algorithm>
#include <cstddef>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

#include "joist/model/fields.h"

namespace joist {

/// A name as an argument of a template: "cents".
template <size_t kSize>
struct FieldName {
  char text[kSize]{};
  // NOLINTNEXTLINE(google-explicit-constructor): a literal is meant to become a name.
  consteval FieldName(const char (&name)[kSize]) { std::copy_n(name, kSize, text); }
  /// Of kSize - 1 characters.
  consteval explicit FieldName(std::string_view name) { std::copy_n(name.data(), kSize - 1, text); }
  constexpr std::string_view view() const { return {text, kSize - 1}; }
  friend constexpr bool operator==(const FieldName&, const FieldName&) = default;
};

/// One field of a Row.
template <FieldName kFieldName, class T>
struct RowField {
  using type = T;
  static constexpr std::string_view kName = kFieldName.view();
};

namespace row_type_internal {

template <size_t kIndex, class T>
struct Slot {
  T value{};
  friend bool operator==(const Slot&, const Slot&) = default;
};

template <class Indices, class... Types>
struct Slots;
template <size_t... kIndex, class... Types>
struct Slots<std::index_sequence<kIndex...>, Types...> : Slot<kIndex, Types>... {
  Slots() = default;
  explicit(sizeof...(Types) == 1) Slots(Types... values)
    requires(sizeof...(Types) > 0)
      : Slot<kIndex, Types>{std::move(values)}... {}
  friend bool operator==(const Slots&, const Slots&) = default;
};
template <size_t kIndex, class T>
constexpr Slot<kIndex, T> SlotOf(const Slot<kIndex, T>*);

template <class... Names>
constexpr bool AllDiffer(Names... names) {
  const std::string_view all[] = {names..., std::string_view()};
  for (size_t i = 0; i < sizeof...(names); ++i) {
    for (size_t j = 0; j < i; ++j) {
      if (all[i] == all[j]) return false;
    }
  }
  return true;
}

}  // namespace row_type_internal

template <class... Fields>
struct Row
    : row_type_internal::Slots<std::index_sequence_for<Fields...>, typename Fields::type...> {
  static_assert(row_type_internal::AllDiffer(Fields::kName...),
                "Joist: two fields of a row have the same name; rename one (RenameFields).");
  using Base =
      row_type_internal::Slots<std::index_sequence_for<Fields...>, typename Fields::type...>;
  using Base::Base;

  /// The index of the field `name`; the number of fields if there is none.
  static constexpr size_t IndexOf(std::string_view name) {
    size_t index = 0;
    (void)((Fields::kName == name || (++index, false)) || ...);
    return index;
  }

  template <size_t kIndex>
  const auto& get() const {
    return static_cast<const decltype(row_type_internal::SlotOf<kIndex>(this))&>(*this).value;
  }
  template <size_t kIndex>
  auto& get() {
    return static_cast<decltype(row_type_internal::SlotOf<kIndex>(this))&>(*this).value;
  }
  template <FieldName kName>
  const auto& get() const {
    static_assert(IndexOf(kName.view()) < sizeof...(Fields), "Joist: this row has no such field.");
    return get<IndexOf(kName.view())>();
  }
  template <FieldName kName>
  auto& get() {
    static_assert(IndexOf(kName.view()) < sizeof...(Fields), "Joist: this row has no such field.");
    return get<IndexOf(kName.view())>();
  }

  friend bool operator==(const Row&, const Row&) = default;

  // What JOIST_ROW declares for a struct.
  friend constexpr auto JoistFields(const Row*) {
    return []<size_t... kIndex>(std::index_sequence<kIndex...>) {
      return FieldList<Row, &row_type_internal::Slot<kIndex, typename Fields::type>::value...>{
          "Row", {Fields::kName...}};
    }(std::index_sequence_for<Fields...>());
  }
};

}  // namespace joist

template <class... Fields>
struct std::tuple_size<joist::Row<Fields...>> : std::integral_constant<size_t, sizeof...(Fields)> {
};
template <size_t kIndex, class... Fields>
struct std::tuple_element<kIndex, joist::Row<Fields...>> {
  using type = typename std::tuple_element_t<kIndex, std::tuple<Fields...>>::type;
};

#endif  // JOIST_TRANSFORMS_ROW_H_
