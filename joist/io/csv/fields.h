// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// How each type of a row's field is taken from a field of CSV and put into one:
//
//   bool                true, false, 1, 0 (case doesn't matter)
//   integers, floats    as C++ writes them; NaN, Infinity, -Infinity
//   std::string, Bytes  the bytes as they are
//   Timestamp           RFC 3339
//   enums               the enumerator's name, or its number
//   std::optional       nothing where the field is the null text and not in quotes
//   LogicalType         as its representation

#ifndef JOIST_IO_CSV_FIELDS_H_
#define JOIST_IO_CSV_FIELDS_H_

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "joist/model/coder.h"
#include "joist/model/fields.h"
#include "joist/model/row.h"
#include "joist/model/timestamp.h"

namespace joist::csv {

/// Bytes behind a text that may be read, though their values mean nothing. (A std::string of any
/// size has as many from its beginning on, which is enough.)
inline constexpr size_t kTextSlack = 8;

// Each says whether `text` is right, and if it isn't, what it must be in *wanted.
bool TakeBool(std::string_view text, bool* value, std::string* wanted);
/// Looks at kTextSlack bytes behind `text`.
bool TakeInteger(std::string_view text, int64_t least, int64_t most, int64_t* value,
                 std::string* wanted);
bool TakeUint64(std::string_view text, uint64_t* value, std::string* wanted);
bool TakeFloat(std::string_view text, float* value, std::string* wanted);
bool TakeDouble(std::string_view text, double* value, std::string* wanted);
bool TakeTimestamp(std::string_view text, Timestamp* value, std::string* wanted);

void PutInteger(int64_t value, std::string* out);
void PutUint64(uint64_t value, std::string* out);
void PutFloat(float value, std::string* out);
void PutDouble(double value, std::string* out);

/// How fields are written.
struct Dialect {
  char delimiter = ',';
  std::string_view null_text;
};
/// Puts a text, in quotes if it must be: `always` or because of what it holds.
void PutText(std::string_view text, const Dialect& dialect, bool always, std::string* out);

/// What a single field of CSV can hold.
template <class T>
consteval bool IsField() {
  if constexpr (IsLogical<T>) {
    return IsField<typename LogicalType<T>::Representation>();
  } else {
    return std::is_same_v<T, bool> || Integer<T> || std::is_same_v<T, float> ||
           std::is_same_v<T, double> || std::is_same_v<T, std::string> ||
           std::is_same_v<T, Bytes> || std::is_same_v<T, Timestamp> || std::is_enum_v<T>;
  }
}

/// Says whether `text` is right, and if it isn't, what it must be in *wanted. kTextSlack bytes
/// behind it may be read.
template <class T>
bool Take(std::string_view text, T* value, std::string* wanted) {
  if constexpr (std::is_same_v<T, bool>) {
    return TakeBool(text, value, wanted);
  } else if constexpr (Integer<T>) {
    if constexpr (sizeof(T) == 8 && std::is_unsigned_v<T>) {
      uint64_t number = 0;
      if (!TakeUint64(text, &number, wanted)) return false;
      *value = static_cast<T>(number);
    } else {
      constexpr bool kIsChar = std::is_same_v<T, char>;
      int64_t number = 0;
      if (!TakeInteger(text, kIsChar ? 0 : int64_t{std::numeric_limits<T>::min()},
                       kIsChar ? 255 : int64_t{std::numeric_limits<T>::max()}, &number, wanted)) {
        return false;
      }
      *value = static_cast<T>(number);
    }
    return true;
  } else if constexpr (std::is_same_v<T, float>) {
    return TakeFloat(text, value, wanted);
  } else if constexpr (std::is_same_v<T, double>) {
    return TakeDouble(text, value, wanted);
  } else if constexpr (std::is_same_v<T, std::string>) {
    value->assign(text);
    return true;
  } else if constexpr (std::is_same_v<T, Bytes>) {
    value->data.assign(text);
    return true;
  } else if constexpr (std::is_same_v<T, Timestamp>) {
    return TakeTimestamp(text, value, wanted);
  } else if constexpr (IsNamedEnum<T>) {
    if (EnumFromText(text, value)) return true;
    *wanted = "the name of an enumerator";
    return false;
  } else if constexpr (std::is_enum_v<T>) {
    typename Coder<T>::Number number{};
    if (!Take(text, &number, wanted)) return false;
    *value = static_cast<T>(number);
    return true;
  } else {
    typename LogicalType<T>::Representation representation{};
    if (!Take(text, &representation, wanted)) return false;
    if (LogicalType<T>::FromRepresentation(representation, value)) return true;
    *wanted = "of its logical type";
    return false;
  }
}

/// `alone`: whether the field is the only one of its record.
template <class T>
void Put(const T& value, const Dialect& dialect, bool alone, std::string* out) {
  if constexpr (row_internal::OptionalOf<T>::kIs) {
    if (!value.has_value()) {
      out->append(dialect.null_text);
      return;
    }
    using Value = typename row_internal::OptionalOf<T>::Value;
    std::string text;
    Put<Value>(*value, {dialect.delimiter, {}}, false, &text);
    // What looks like null but is not stands in quotes.
    if (text == dialect.null_text) {
      *out += '"';
      out->append(text).append("\"");
    } else {
      out->append(text);
    }
  } else if constexpr (std::is_same_v<T, bool>) {
    out->append(value ? "true" : "false");
  } else if constexpr (Integer<T>) {
    if constexpr (sizeof(T) == 8 && std::is_unsigned_v<T>) {
      PutUint64(value, out);
    } else {
      PutInteger(static_cast<int64_t>(IntegerToWord(value)), out);
    }
  } else if constexpr (std::is_same_v<T, float>) {
    PutFloat(value, out);
  } else if constexpr (std::is_same_v<T, double>) {
    PutDouble(value, out);
  } else if constexpr (std::is_same_v<T, std::string>) {
    PutText(value, dialect, alone && value.empty(), out);
  } else if constexpr (std::is_same_v<T, Bytes>) {
    PutText(value.view(), dialect, alone && value.data.empty(), out);
  } else if constexpr (std::is_same_v<T, Timestamp>) {
    PutText(value.ToString(), dialect, false, out);
  } else if constexpr (IsNamedEnum<T>) {
    PutText(EnumText(value), dialect, false, out);
  } else if constexpr (std::is_enum_v<T>) {
    Put(static_cast<typename Coder<T>::Number>(value), dialect, alone, out);
  } else {
    Put(LogicalType<T>::ToRepresentation(value), dialect, alone, out);
  }
}

/// One field of a row, for readers that know its type by this alone.
struct FieldEntry {
  std::string_view name;
  /// As Take.
  bool (*take)(std::string_view text, void* row, std::string* wanted) = nullptr;
  /// Empties a field that may be null; null for one that may not.
  void (*clear)(void* row) = nullptr;
};

namespace fields_internal {

template <class T, class List>
struct RowFields;
template <class T, auto... kMembers>
struct RowFields<T, FieldList<T, kMembers...>> {
  static constexpr size_t kCount = sizeof...(kMembers);
  static constexpr auto kList = JoistFields(static_cast<const T*>(nullptr));
  template <auto kMember>
  using TypeOf = std::remove_reference_t<decltype(std::declval<T&>().*kMember)>;

  static constexpr bool kAreFields =
      (IsField<typename row_internal::OptionalOf<TypeOf<kMembers>>::Value>() && ...);

  template <auto kMember>
  static constexpr FieldEntry EntryOf(std::string_view name) {
    using F = TypeOf<kMember>;
    FieldEntry entry{name};
    if constexpr (row_internal::OptionalOf<F>::kIs) {
      entry.take = [](std::string_view text, void* row, std::string* wanted) {
        F& field = static_cast<T*>(row)->*kMember;
        return Take(text, field.has_value() ? &*field : &field.emplace(), wanted);
      };
      entry.clear = [](void* row) { (static_cast<T*>(row)->*kMember).reset(); };
    } else {
      entry.take = [](std::string_view text, void* row, std::string* wanted) {
        return Take(text, &(static_cast<T*>(row)->*kMember), wanted);
      };
    }
    return entry;
  }
  struct Entries {
    FieldEntry all[kCount + 1];
  };
  static constexpr Entries MakeEntries() {
    Entries entries = {};
    size_t i = 0;
    ((entries.all[i] = EntryOf<kMembers>(kList.names[i]), ++i), ...);
    return entries;
  }
  static constexpr Entries kEntries = MakeEntries();

  static void PutAll(const T& row, const Dialect& dialect, std::string* out) {
    [[maybe_unused]] bool first = true;
    const auto put = [&](const auto& field) {
      if (!first) *out += dialect.delimiter;
      first = false;
      Put(field, dialect, kCount == 1, out);
    };
    (put(row.*kMembers), ...);
  }
};

}  // namespace fields_internal

template <IsRow T>
using RowFields = fields_internal::RowFields<T, joist::fields_internal::ListOf<T>>;

}  // namespace joist::csv

#endif  // JOIST_IO_CSV_FIELDS_H_
