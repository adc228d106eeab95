// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// BigQuery's table schemas: fields with a type, a mode and fields of their own. Values; as
// thread-safe as a std::string.

#ifndef JOIST_STORE_TABLES_SCHEMA_H_
#define JOIST_STORE_TABLES_SCHEMA_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "joist/base/status.h"

namespace joist::tables {

/// The types of BigQuery that a column may have.
enum class FieldType : uint8_t {
  kString,
  kBytes,
  kInteger,
  kFloat,
  kNumeric,
  kBoolean,
  kTimestamp,
  kDatetime,
  kDate,
  kTime,
  kJson,
  kRecord,
};

/// Whether a field may be absent, or many.
enum class FieldMode : uint8_t { kNullable, kRequired, kRepeated };

/// A column, or a field of a RECORD.
struct Field {
  std::string name = {};
  FieldType type = FieldType::kString;
  FieldMode mode = FieldMode::kNullable;
  std::string description = {};
  /// Those of a RECORD.
  std::vector<Field> fields = {};

  friend bool operator==(const Field&, const Field&) = default;
};

/// The columns of a table.
struct Schema {
  std::vector<Field> fields = {};

  /// The column of that name, without regard to case; -1 where there is none.
  int Find(std::string_view name) const;

  friend bool operator==(const Schema&, const Schema&) = default;
};

/// A schema has at most as many fields as this, those of records included.
constexpr size_t kMostFields = 2000;
/// Records lie in one another at most so deep.
constexpr int kDeepestField = 15;

/// The name of a type as BigQuery's REST gives it: "INTEGER".
std::string_view FieldTypeName(FieldType type);
/// "NULLABLE", "REQUIRED" or "REPEATED".
std::string_view FieldModeName(FieldMode mode);
/// The type of that name, in its old or its new spelling (INTEGER, INT64), without regard to case.
Result<FieldType> FieldTypeOf(std::string_view name);

/// Reads BigQuery's JSON: an object with `fields`, or an array of fields.
Result<Schema> SchemaFromJson(std::string_view json);
/// Reads `name:TYPE,other:TYPE:REQUIRED`; a type left out is STRING.
Result<Schema> SchemaFromText(std::string_view text);
/// BigQuery's JSON: {"fields":[…]}.
std::string SchemaToJson(const Schema& schema);

/// The column's type as DuckDB's SQL says it: `STRUCT("a" BIGINT)[]`.
std::string SqlTypeOf(const Field& field);
/// `"name" TYPE NOT NULL`.
std::string SqlColumnOf(const Field& field);
/// A name in double quotes, as SQL wants it.
std::string Quoted(std::string_view name);
/// A text in single quotes.
std::string QuotedText(std::string_view text);

/// OK where a table with the schema `from` can be given the schema `to`: columns may be added that
/// are not REQUIRED, REQUIRED may become NULLABLE, descriptions may change.
Status CheckSchemaChange(const Schema& from, const Schema& to);

/// Whether two names are the same for BigQuery: without regard to the case of ASCII letters.
bool SameName(std::string_view a, std::string_view b);
/// `text` with its ASCII letters small.
std::string Lower(std::string_view text);

}  // namespace joist::tables

#endif  // JOIST_STORE_TABLES_SCHEMA_H_
