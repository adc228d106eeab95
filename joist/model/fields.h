// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// What Joist knows of an aggregate that is declared with JOIST_ROW: its name, its fields' names and
// where they are. Everything else (coder, schema, hash, text, JSON) is made from that. Light on
// purpose: a list of member pointers, no tuples, nothing that runs when the program is loaded.
//
//   namespace shop {
//   struct Order {
//     std::string customer;
//     int64_t cents = 0;
//     std::optional<std::string> note;
//   };
//   JOIST_ROW(Order, customer, cents, note)
//   }  // namespace shop
//
// JOIST_ROW stands in the namespace of its type, after it, and before the type is used in a
// pipeline. The struct stays an aggregate; it may define its own operator==, which Joist doesn't
// use.

#ifndef JOIST_MODEL_FIELDS_H_
#define JOIST_MODEL_FIELDS_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "joist/model/row_macros.h"

namespace joist {

/// The fields of T, by their member pointers.
template <class T, auto... kMembers>
struct FieldList {
  using Row = T;
  static constexpr size_t kCount = sizeof...(kMembers);
  std::string_view type_name;
  std::string_view names[kCount + 1];  // And an empty one, for a type without fields.
};

namespace fields_internal {
template <class M>
struct MemberType;
template <class C, class M>
struct MemberType<M C::*> {
  using type = M;
};
void JoistFields();  // Where argument-dependent lookup starts from.
template <class T>
using ListOf = decltype(JoistFields(static_cast<const T*>(nullptr)));
// A type that only inherits from a declared one is not declared.
template <class T>
concept Declared = std::is_class_v<T> && requires(const T* type) { JoistFields(type); } &&
                   std::is_same_v<typename ListOf<T>::Row, T>;
template <class T>
constexpr auto List() {
  return JoistFields(static_cast<const T*>(nullptr));
}
template <class T, class List>
struct Traits;
template <class T, auto... kMembers>
struct Traits<T, FieldList<T, kMembers...>> {
  static constexpr size_t kFieldCount = sizeof...(kMembers);

  static constexpr std::string_view TypeName() { return List<T>().type_name; }
  static constexpr std::string_view FieldName(size_t i) { return List<T>().names[i]; }

  /// `f(field…)` with all fields of `row` at once.
  template <class Row, class F>
  static constexpr decltype(auto) Apply(Row& row, F&& f) {
    return f(row.*kMembers...);
  }

  /// Calls `f(field)` for each field of `row`, in the order of JOIST_ROW. `row` may be const.
  template <class Row, class F>
  static constexpr void ForEachField(Row& row, F&& f) {
    (f(row.*kMembers), ...);
  }

  /// The same, as long as `f` returns true; whether all did.
  template <class Row, class F>
  static constexpr bool AllFields(Row& row, F&& f) {
    return (f(row.*kMembers) && ...);
  }

  /// Whether `f(field of a, same field of b)` is true for all fields.
  template <class F>
  static constexpr bool AllPairs(const T& a, const T& b, F&& f) {
    return (f(a.*kMembers, b.*kMembers) && ...);
  }

  /// `f.template operator()<FieldType>()` for each field, without a row; whether all returned true.
  template <class F>
  static constexpr bool AllTypes(F&& f) {
    return (f.template operator()<typename MemberType<decltype(kMembers)>::type>() && ...);
  }
};
}  // namespace fields_internal

/// A type declared with JOIST_ROW.
template <class T>
concept IsRow = fields_internal::Declared<T>;

/// Reflection of a type declared with JOIST_ROW.
template <IsRow T>
struct RowTraits : fields_internal::Traits<T, fields_internal::ListOf<T>> {};

/// One enumerator of a type declared with JOIST_ENUM.
template <class T>
struct Enumerator {
  T value;
  std::string_view name;
};

/// An enum declared with JOIST_ENUM: its values have names, in rows, in JSON and in messages.
template <class T>
concept IsNamedEnum = std::is_enum_v<T> && requires(const T* type) { JoistEnumerators(type).size; };

/// All enumerators of a type, as JOIST_ENUM lists them.
template <class T, size_t kCount>
struct EnumeratorList {
  static constexpr size_t size = kCount;
  Enumerator<T> all[kCount];
};

/// The name of `value`, or its number where it has none.
template <IsNamedEnum T>
std::string EnumText(T value) {
  for (const Enumerator<T>& one : JoistEnumerators(static_cast<const T*>(nullptr)).all) {
    if (one.value == value) return std::string(one.name);
  }
  return std::to_string(static_cast<long long>(value));
}

namespace fields_internal {
bool ParseNumber(std::string_view text, long long* number);
}  // namespace fields_internal

/// The inverse of EnumText; whether `text` was one.
template <IsNamedEnum T>
bool EnumFromText(std::string_view text, T* value) {
  for (const Enumerator<T>& one : JoistEnumerators(static_cast<const T*>(nullptr)).all) {
    if (one.name == text) {
      *value = one.value;
      return true;
    }
  }
  long long number;
  if (!fields_internal::ParseNumber(text, &number)) return false;
  *value = static_cast<T>(number);
  return static_cast<long long>(*value) == number;
}

}  // namespace joist

#endif  // JOIST_MODEL_FIELDS_H_
