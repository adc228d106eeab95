// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Blocks: some rows as columns, in the form in which DuckDB takes and gives them but for texts. A
// Block is one element of type Bytes, so that rows of all types go through the same steps.
//
//   u32 table, u32 rows, then for each column
//     a nullable one: a bit for each row, in u64 words; 1 where there is a value
//     numbers:        the values
//     text, bytes:    a u32 size for each row, then the bytes of all
//   each part filled up to a multiple of 8 bytes; the machine's byte order.
//
// Pure functions. Blocks stay within a program and its copies; reading checks every size all the
// same.

#ifndef JOIST_SQL_BLOCK_H_
#define JOIST_SQL_BLOCK_H_

#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "joist/model/coder.h"
#include "joist/transforms/field_ref.h"

namespace joist::sql {

enum class ColumnType : uint8_t {
  kBool,
  kInt8,
  kInt16,
  kInt32,
  kInt64,
  kUint8,
  kUint16,
  kUint32,
  kUint64,
  kFloat,
  kDouble,
  kText,
  kBytes,
  kTimestamp,
  kDuration,
};

struct Column {
  std::string name;
  ColumnType type = ColumnType::kBool;
  bool nullable = false;
};
JOIST_ROW(Column, name, type, nullable)

struct Table {
  std::string name;
  std::vector<Column> columns;
};
JOIST_ROW(Table, name, columns)

/// A time of Joist in SQL: microseconds. The ends of time are SQL's -infinity and infinity.
int64_t ToMicros(Timestamp time);
Timestamp FromMicros(int64_t micros);

/// A Duration in SQL: an interval.
struct Interval {
  int32_t months = 0;
  int32_t days = 0;
  int64_t micros = 0;
};
Interval ToInterval(Duration duration);
/// False where it has months, which have no fixed length.
bool FromInterval(const Interval& interval, Duration* duration);

/// How a field's type stands in SQL: kType; Raw, what lies in a block; To, From.
template <class T>
struct SqlType;

template <class T>
concept IsSqlType = requires { SqlType<T>::kType; };

namespace block_internal {
template <class T, ColumnType kColumnType>
struct Itself {
  static constexpr ColumnType kType = kColumnType;
  using Raw = T;
  static Raw To(T value) { return value; }
  static bool From(Raw raw, T* value) {
    *value = raw;
    return true;
  }
};
template <class T>
constexpr ColumnType TypeOfInteger() {
  constexpr int kLog = sizeof(T) == 1 ? 0 : sizeof(T) == 2 ? 1 : sizeof(T) == 4 ? 2 : 3;
  const auto first = std::is_signed_v<T> ? ColumnType::kInt8 : ColumnType::kUint8;
  return static_cast<ColumnType>(static_cast<int>(first) + kLog);
}
}  // namespace block_internal

template <>
struct SqlType<bool> {
  static constexpr ColumnType kType = ColumnType::kBool;
  using Raw = uint8_t;
  static Raw To(bool value) { return value ? 1 : 0; }
  static bool From(Raw raw, bool* value) {
    *value = raw != 0;
    return true;
  }
};
template <class T>
  requires(std::is_integral_v<T> && !std::is_same_v<T, bool>)
struct SqlType<T> : block_internal::Itself<T, block_internal::TypeOfInteger<T>()> {};
template <>
struct SqlType<float> : block_internal::Itself<float, ColumnType::kFloat> {};
template <>
struct SqlType<double> : block_internal::Itself<double, ColumnType::kDouble> {};
template <>
struct SqlType<Timestamp> {
  static constexpr ColumnType kType = ColumnType::kTimestamp;
  using Raw = int64_t;
  static Raw To(Timestamp value) { return ToMicros(value); }
  static bool From(Raw raw, Timestamp* value) {
    *value = FromMicros(raw);
    return true;
  }
};
template <>
struct SqlType<Duration> {
  static constexpr ColumnType kType = ColumnType::kDuration;
  using Raw = Interval;
  static Raw To(Duration value) { return ToInterval(value); }
  static bool From(const Raw& raw, Duration* value) { return FromInterval(raw, value); }
};
template <>
struct SqlType<std::string> {
  static constexpr ColumnType kType = ColumnType::kText;
  using Raw = std::string_view;
  static Raw To(const std::string& value) { return value; }
  static bool From(Raw raw, std::string* value) {
    value->assign(raw);
    return true;
  }
};
template <>
struct SqlType<Bytes> {
  static constexpr ColumnType kType = ColumnType::kBytes;
  using Raw = std::string_view;
  static Raw To(const Bytes& value) { return value.view(); }
  static bool From(Raw raw, Bytes* value) {
    value->data.assign(raw);
    return true;
  }
};
template <class T>
  requires(std::is_enum_v<T> && !IsNamedEnum<T>)
struct SqlType<T> {
  using Number = SqlType<std::underlying_type_t<T>>;
  static constexpr ColumnType kType = Number::kType;
  using Raw = typename Number::Raw;
  static Raw To(T value) { return Number::To(static_cast<std::underlying_type_t<T>>(value)); }
  static bool From(Raw raw, T* value) {
    *value = static_cast<T>(raw);
    return true;
  }
};
template <IsNamedEnum T>
struct SqlType<T> {
  static constexpr ColumnType kType = ColumnType::kText;
  using Raw = std::string_view;
  static std::string To(T value) { return EnumText(value); }
  static bool From(Raw raw, T* value) { return EnumFromText(raw, value); }
};

namespace block_internal {

template <class T>
struct ValueOf {
  static constexpr bool kNullable = false;
  using type = T;
};
template <class T>
struct ValueOf<std::optional<T>> {
  static constexpr bool kNullable = true;
  using type = T;
};

constexpr size_t Padded(size_t size) { return (size + 7) / 8 * 8; }

/// Zeros for `size` bytes at the end of `out`; where they begin.
char* AddZeros(size_t size, std::string* out);
/// Throws: one text of a row may have 4 GB.
[[noreturn]] void ThrowTooLong(std::string_view column);

template <class Field, class RowAt>
void PutColumn(RowAt row, size_t rows, std::string* out) {
  using Value = ValueOf<typename Field::type>;
  using Type = SqlType<typename Value::type>;
  if constexpr (Value::kNullable) {
    char* words = AddZeros((rows + 63) / 64 * 8, out);
    for (size_t i = 0; i < rows; ++i) {
      if (Field::Get(row(i)).has_value()) words[i / 8] |= static_cast<char>(1 << i % 8);
    }
  }
  const auto for_each = [&](auto put) {
    for (size_t i = 0; i < rows; ++i) {
      const auto& field = Field::Get(row(i));
      if constexpr (Value::kNullable) {
        if (field.has_value()) put(i, *field);
      } else {
        put(i, field);
      }
    }
  };
  if constexpr (std::is_same_v<typename Type::Raw, std::string_view>) {
    const size_t sizes = out->size();
    AddZeros(Padded(rows * sizeof(uint32_t)), out);
    const size_t begin = out->size();
    for_each([&](size_t i, const auto& value) {
      const auto& text = Type::To(value);
      if (text.size() > UINT32_MAX) ThrowTooLong(Field::kName);
      const auto size = static_cast<uint32_t>(text.size());
      std::memcpy(out->data() + sizes + i * sizeof(size), &size, sizeof(size));
      out->append(text);
    });
    AddZeros(Padded(out->size() - begin) - (out->size() - begin), out);
  } else {
    using Raw = typename Type::Raw;
    char* values = AddZeros(Padded(rows * sizeof(Raw)), out);
    for_each([&](size_t i, const auto& value) {
      const Raw raw = Type::To(value);
      std::memcpy(values + i * sizeof(Raw), &raw, sizeof(Raw));
    });
  }
}

template <class T>
struct ColumnsOf;
template <class... Field>
struct ColumnsOf<TypeList<Field...>> {
  static std::vector<Column> List() {
    return {Column{std::string(Field::kName),
                   SqlType<typename ValueOf<typename Field::type>::type>::kType,
                   ValueOf<typename Field::type>::kNullable}...};
  }
  template <class RowAt>
  static void Put(RowAt row, size_t rows, std::string* out) {
    (PutColumn<Field>(row, rows, out), ...);
  }
  static constexpr bool kAllHaveTypes =
      (IsSqlType<typename ValueOf<typename Field::type>::type> && ...);
};

}  // namespace block_internal

/// T is a row all of whose fields have a type in SQL.
template <class T>
concept IsSqlRow = IsRow<T> && block_internal::ColumnsOf<FieldsOf<T>>::kAllHaveTypes;

template <IsSqlRow T>
std::vector<Column> ColumnsOf() {
  return block_internal::ColumnsOf<FieldsOf<T>>::List();
}

/// Rows row(0) to row(rows - 1), of type T, as a block for table number `table`.
template <IsSqlRow T, class RowAt>
Bytes PackBlock(uint32_t table, RowAt row, size_t rows) {
  std::string block;
  const uint32_t head[] = {table, static_cast<uint32_t>(rows)};
  block.append(reinterpret_cast<const char*>(head), sizeof(head));
  block_internal::ColumnsOf<FieldsOf<T>>::Put(row, rows, &block);
  return Bytes(std::move(block));
}

/// Reads a block column by column. What it gives points into the block.
class BlockReader {
 public:
  /// Throws StatusException if `block` is none; likewise Next.
  explicit BlockReader(std::string_view block);
  uint32_t table() const { return table_; }
  size_t rows() const { return rows_; }

  struct Part {
    const char* present = nullptr;  ///< A bit a row; null if all have values.
    const char* values = nullptr;   ///< Of texts: their sizes.
    std::string_view texts;         ///< All of them.
    bool Has(size_t i) const {
      return present == nullptr || (static_cast<uint8_t>(present[i / 8]) >> i % 8 & 1) != 0;
    }
    uint32_t SizeOf(size_t i) const {
      uint32_t size;
      std::memcpy(&size, values + i * sizeof(size), sizeof(size));
      return size;
    }
  };
  Part Next(ColumnType type, bool nullable);

 private:
  const char* Take(size_t size);
  std::string_view left_;
  uint32_t table_ = 0;
  uint32_t rows_ = 0;
};

/// Whether values of `type` have a size of their own, and the bytes of one that hasn't.
bool IsText(ColumnType type);
size_t WidthOf(ColumnType type);

namespace block_internal {

[[noreturn]] void ThrowNotOfType(std::string_view column);

/// Reads one column into a field of row after row.
template <class Field>
class FieldReader {
  using Value = ValueOf<typename Field::type>;
  using Type = SqlType<typename Value::type>;

 public:
  explicit FieldReader(BlockReader& block)
      : part_(block.Next(Type::kType, Value::kNullable)), texts_(part_.texts.data()) {}
  template <class T>
  void Read(size_t i, T* row) {
    auto& field = Field::Get(*row);
    if constexpr (Value::kNullable) {
      if (part_.Has(i)) {
        ReadValue(i, &field.emplace());
      } else {
        field.reset();
      }
    } else {
      ReadValue(i, &field);
    }
  }

 private:
  void ReadValue(size_t i, typename Value::type* to) {
    using Raw = typename Type::Raw;
    bool is_one;
    if constexpr (std::is_same_v<Raw, std::string_view>) {
      const uint32_t size = part_.SizeOf(i);
      is_one = Type::From(Raw(texts_, size), to);
      texts_ += size;
    } else {
      Raw raw;
      std::memcpy(&raw, part_.values + i * sizeof(Raw), sizeof(Raw));
      is_one = Type::From(raw, to);
    }
    if (!is_one) [[unlikely]]
      ThrowNotOfType(Field::kName);
  }

  BlockReader::Part part_;
  const char* texts_;
};

template <class T, class... Field, class Take>
void ForEachRow(BlockReader& block, TypeList<Field...>, Take take) {
  std::tuple<FieldReader<Field>...> readers{FieldReader<Field>(block)...};
  T row{};
  for (size_t i = 0; i < block.rows(); ++i) {
    std::apply([&](auto&... reader) { (reader.Read(i, &row), ...); }, readers);
    take(row);
  }
}

}  // namespace block_internal

/// Calls take(const T&) with each row of a block that has T's columns.
template <IsSqlRow T, class Take>
void UnpackBlock(std::string_view bytes, Take take) {
  BlockReader block(bytes);
  block_internal::ForEachRow<T>(block, FieldsOf<T>(), take);
}

}  // namespace joist::sql

#endif  // JOIST_SQL_BLOCK_H_
