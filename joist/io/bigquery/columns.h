// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Column: the columns of a BigQuery table, and how those of a row declared by JOIST_ROW are called:
//
//   std::string STRING   int32_t … int64_t, uint32_t and less INTEGER   float, double FLOAT
//   bool BOOLEAN   Timestamp TIMESTAMP   Bytes BYTES   a row RECORD
//   std::optional<T> NULLABLE   std::vector<T> REPEATED   others REQUIRED
//
// Pure functions.

#ifndef JOIST_IO_BIGQUERY_COLUMNS_H_
#define JOIST_IO_BIGQUERY_COLUMNS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "joist/base/status.h"
#include "joist/model/fields.h"
#include "joist/model/kv.h"
#include "joist/model/timestamp.h"

namespace joist::bigquery {

enum class ColumnType : uint8_t {
  kString,
  kBytes,
  kInteger,
  kFloat,
  kBoolean,
  kTimestamp,
  kRecord,
};
enum class ColumnMode : uint8_t { kRequired, kNullable, kRepeated };

struct Column {
  std::string name = {};
  ColumnType type = ColumnType::kString;
  ColumnMode mode = ColumnMode::kRequired;
  std::vector<Column> fields = {};  ///< Of a record.
};

/// The DescriptorProto of a message with the columns as fields 1, 2, … , serialized. A timestamp is
/// its microseconds as int64.
std::string DescriptorOf(const std::vector<Column>& columns);
/// As the REST API has it: [{"name":"user","type":"STRING","mode":"REQUIRED"},…].
std::string SchemaJson(const std::vector<Column>& columns);

/// "projects/P/datasets/D/tables/T" of "P.D.T" or "P:D.T", or of what is so already.
Result<std::string> TablePath(std::string_view table);

struct TableParts {
  std::string project = {};
  std::string dataset = {};
  std::string table = {};
};
/// The parts of what TablePath has made.
TableParts PartsOf(std::string_view path);

namespace columns_internal {

template <class T>
struct Inner {
  using Type = T;
  static constexpr ColumnMode kMode = ColumnMode::kRequired;
};
template <class T>
struct Inner<std::optional<T>> {
  using Type = T;
  static constexpr ColumnMode kMode = ColumnMode::kNullable;
};
template <class T>
struct Inner<std::vector<T>> {
  using Type = T;
  static constexpr ColumnMode kMode = ColumnMode::kRepeated;
};

template <class T>
inline constexpr bool kIsInteger =
    std::is_integral_v<T> && !std::is_same_v<T, bool> && (sizeof(T) < 8 || std::is_signed_v<T>);

template <class T>
consteval ColumnType TypeOf() {
  if constexpr (std::is_same_v<T, std::string>) {
    return ColumnType::kString;
  } else if constexpr (std::is_same_v<T, Bytes>) {
    return ColumnType::kBytes;
  } else if constexpr (std::is_same_v<T, bool>) {
    return ColumnType::kBoolean;
  } else if constexpr (kIsInteger<T>) {
    return ColumnType::kInteger;
  } else if constexpr (std::is_floating_point_v<T>) {
    return ColumnType::kFloat;
  } else if constexpr (std::is_same_v<T, Timestamp>) {
    return ColumnType::kTimestamp;
  } else {
    static_assert(
        IsRow<T>,
        "Joist: BigQuery has columns of std::string, Bytes, integers (not uint64_t), "
        "float, double, bool, Timestamp, rows, and std::optional or std::vector of them.");
    return ColumnType::kRecord;
  }
}

}  // namespace columns_internal

template <IsRow T>
std::vector<Column> ColumnsOf() {
  std::vector<Column> columns;
  T row{};
  RowTraits<T>::ForEachField(row, [&](const auto& field) {
    using In = columns_internal::Inner<std::remove_cvref_t<decltype(field)>>;
    Column& column = columns.emplace_back();
    column.name = RowTraits<T>::FieldName(columns.size() - 1);
    column.type = columns_internal::TypeOf<typename In::Type>();
    column.mode = In::kMode;
    if constexpr (IsRow<typename In::Type>) column.fields = ColumnsOf<typename In::Type>();
  });
  return columns;
}

}  // namespace joist::bigquery

#endif  // JOIST_IO_BIGQUERY_COLUMNS_H_
