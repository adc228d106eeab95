// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Describe: a value in a short readable form, for error messages and assertions: {"the": 3}. Not
// meant to be read back. Pure functions.

#ifndef JOIST_MODEL_DESCRIBE_H_
#define JOIST_MODEL_DESCRIBE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "joist/model/coder.h"
#include "joist/model/fields.h"
#include "joist/model/type_name.h"

namespace joist {

template <class T>
void Describe(const T& value, std::string* out);

namespace describe_internal {

// "text" in quotes, with what is no printable ASCII or UTF-8 escaped.
void Quote(std::string_view text, std::string* out);
// Bytes as b"…".
void QuoteBytes(std::string_view bytes, std::string* out);
// The shortest text that reads back as the same number.
void Number(double value, std::string* out);
void Number(float value, std::string* out);
void Number(int64_t value, std::string* out);
void Number(uint64_t value, std::string* out);

template <class T>
struct IsOptional : std::false_type {};
template <class T>
struct IsOptional<std::optional<T>> : std::true_type {};

template <class T>
concept TupleLike = requires { std::tuple_size<T>::value; };
/// The I-th part of whatever can be bound to names: auto& [a, b] = value.
template <size_t I, class T>
decltype(auto) PartOf(const T& value) {
  if constexpr (requires { value.template get<I>(); }) {
    return value.template get<I>();
  } else {
    return std::get<I>(value);
  }
}
template <class T>
concept HasToString = requires(const T& value, std::string* out) { *out += value.ToString(); };
template <class T>
concept IsRange = requires(const T& value) { value.begin() != value.end(); };

}  // namespace describe_internal

/// Of a sequence that takes more, the beginning is described: a group may have any size.
inline constexpr size_t kMostRangeBytes = 64 << 10;

/// Appends `value`: numbers, true and false, strings in quotes, b"bytes", KV as {key: value},
/// tuples as (a, b), sequences as [a, b], maps as {k: v}, rows as Order{cents: 3}, null; the name
/// of the type in angle brackets where nothing is known of it.
template <class T>
void Describe(const T& value, std::string* out) {
  using namespace describe_internal;  // NOLINT: the names above.
  if constexpr (std::is_same_v<T, bool>) {
    *out += value ? "true" : "false";
  } else if constexpr (std::is_same_v<T, char>) {
    Quote(std::string_view(&value, 1), out);
  } else if constexpr (Integer<T>) {
    Number(static_cast<std::conditional_t<std::is_signed_v<T>, int64_t, uint64_t>>(value), out);
  } else if constexpr (IsNamedEnum<T>) {
    *out += EnumText(value);
  } else if constexpr (std::is_enum_v<T>) {
    Describe(static_cast<typename Coder<T>::Number>(value), out);
  } else if constexpr (std::is_same_v<T, double> || std::is_same_v<T, float>) {
    Number(value, out);
  } else if constexpr (std::is_convertible_v<const T&, std::string_view>) {
    Quote(value, out);
  } else if constexpr (std::is_same_v<T, Bytes>) {
    QuoteBytes(value.data, out);
  } else if constexpr (std::is_same_v<T, Void>) {
    *out += "void";
  } else if constexpr (requires {
                         typename T::key_t;
                         value.key;
                         value.value;
                       }) {
    *out += '{';
    Describe(value.key, out);
    *out += ": ";
    Describe(value.value, out);
    *out += '}';
  } else if constexpr (IsOptional<T>::value) {
    if (value.has_value()) {
      Describe(*value, out);
    } else {
      *out += "null";
    }
  } else if constexpr (IsRow<T>) {
    *out += RowTraits<T>::TypeName();
    *out += '{';
    size_t i = 0;
    RowTraits<T>::ForEachField(value, [&i, out](const auto& field) {
      if (i > 0) *out += ", ";
      *out += RowTraits<T>::FieldName(i++);
      *out += ": ";
      Describe(field, out);
    });
    *out += '}';
  } else if constexpr (HasToString<T>) {
    *out += value.ToString();
  } else if constexpr (TupleLike<T>) {
    *out += '(';
    const auto describe_parts = [&]<size_t... I>(std::index_sequence<I...>) {
      ((*out += I == 0 ? "" : ", ", Describe(PartOf<I>(value), out)), ...);
    };
    describe_parts(std::make_index_sequence<std::tuple_size_v<T>>());
    *out += ')';
  } else if constexpr (MapLike<T>) {
    const char* separator = "{";
    for (const auto& [key, mapped] : value) {
      *out += separator;
      Describe(key, out);
      *out += ": ";
      Describe(mapped, out);
      separator = ", ";
    }
    *out += value.size() == 0 ? "{}" : "}";
  } else if constexpr (IsRange<T>) {
    const char* separator = "[";
    bool empty = true;
    const size_t most = out->size() + kMostRangeBytes;
    for (const auto& element : value) {
      *out += separator;
      if (out->size() > most) {
        *out += "…";
        break;
      }
      if constexpr (std::is_same_v<typename T::value_type, bool>) {
        Describe<bool>(element, out);  // That of a std::vector stands for one.
      } else {
        Describe(element, out);
      }
      separator = ", ";
      empty = false;
    }
    *out += empty ? "[]" : "]";
  } else {
    *out += '<';
    *out += TypeName<T>();
    *out += '>';
  }
}

/// `value` described by itself.
template <class T>
std::string ToDescription(const T& value) {
  std::string text;
  Describe(value, &text);
  return text;
}

}  // namespace joist

#endif  // JOIST_MODEL_DESCRIBE_H_
