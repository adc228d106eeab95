// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// The values of a column of a query's result, whatever width DuckDB gave it. It lives as long as
// the chunk. Any number of threads.

#ifndef JOIST_STORE_TABLES_COLUMN_READER_H_
#define JOIST_STORE_TABLES_COLUMN_READER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "joist/store/tables/duck.h"
#include "joist/store/tables/schema.h"
#include "joist/store/tables/value_text.h"

namespace joist::tables {

class ColumnReader {
 public:
  /// `field` describes the column, and outlives this.
  ColumnReader(const Field& field, duckdb_vector vector);

  const Field& field() const { return *field_; }
  bool has(size_t row) const { return HasValue(validity_, row); }
  /// Of INTEGER, beyond 64 bits too.
  Numeric Integer(size_t row) const;
  bool Boolean(size_t row) const { return static_cast<const bool*>(data_)[row]; }
  double Float(size_t row) const;
  /// Times 10⁹.
  Numeric NumericValue(size_t row) const;
  /// Of TIMESTAMP, DATETIME and TIME.
  int64_t Micros(size_t row) const { return static_cast<const int64_t*>(data_)[row]; }
  int32_t Days(size_t row) const { return static_cast<const int32_t*>(data_)[row]; }
  /// Of STRING, BYTES and JSON.
  std::string_view Text(size_t row) const { return TextAt(data_, row); }
  /// Of a REPEATED field: where in elements() those of the row lie.
  duckdb_list_entry List(size_t row) const {
    return static_cast<const duckdb_list_entry*>(data_)[row];
  }
  const ColumnReader& elements() const { return *elements_; }
  /// The fields of a RECORD.
  const std::vector<ColumnReader>& parts() const { return parts_; }

 private:
  ColumnReader(const Field& field, duckdb_vector vector, bool is_element);

  const Field* field_;
  const void* data_;
  const uint64_t* validity_;
  /// The type in which DuckDB keeps a value.
  duckdb_type type_ = DUCKDB_TYPE_INVALID;
  int scale_ = 0;
  std::unique_ptr<ColumnReader> elements_;
  std::vector<ColumnReader> parts_;
};

/// How values become JSON.
struct JsonForm {
  /// TIMESTAMP as whole microseconds, not as seconds.
  bool int64_timestamps = false;
};

/// Appends the rows [begin, end) of a chunk as BigQuery's REST has them: {"f":[{"v":"1"},…]},…
void AppendJsonRows(const Schema& schema, const Chunk& chunk, size_t begin, size_t end,
                    const JsonForm& form, std::string* out);
/// Appends a text in double quotes, as JSON has it. What isn't UTF-8 must not be in it.
void AppendJsonText(std::string_view text, std::string* out);
/// Appends the value of a row as Avro's binary form, by the schema of AvroSchemaOf.
void AppendAvro(const ColumnReader& column, size_t row, std::string* out);
/// The schema of such rows, in JSON.
std::string AvroSchemaOf(const Schema& schema);

}  // namespace joist::tables

#endif  // JOIST_STORE_TABLES_COLUMN_READER_H_
