// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Rows on their way into a table, in DuckDB's columns: what decodes rows (of protocol buffers,
// JSON, CSV) writes each value straight to its place. Used by one thread at a time.

#ifndef JOIST_STORE_TABLES_ROW_BATCH_H_
#define JOIST_STORE_TABLES_ROW_BATCH_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "joist/base/status.h"
#include "joist/store/tables/duck.h"
#include "joist/store/tables/schema.h"
#include "joist/store/tables/value_text.h"

namespace joist::tables {

/// One column of a chunk, or what lies within one: the parts of a record, the elements of a list.
class ColumnWriter {
 public:
  ColumnWriter(const Field& field, bool is_element);

  const Field& field() const { return *field_; }
  bool is_list() const { return element_ != nullptr; }
  /// The elements of a repeated field.
  ColumnWriter& element() { return *element_; }
  /// The fields of a record.
  std::vector<ColumnWriter>& parts() { return parts_; }

  void SetNull(size_t row);
  /// Takes back a SetNull of the row, or of a part of it.
  void SetPresent(size_t row);
  void SetBoolean(size_t row, bool value) { static_cast<bool*>(data_)[row] = value; }
  void SetInteger(size_t row, int64_t value) { static_cast<int64_t*>(data_)[row] = value; }
  void SetFloat(size_t row, double value) { static_cast<double*>(data_)[row] = value; }
  void SetDate(size_t row, int32_t value) { static_cast<int32_t*>(data_)[row] = value; }
  void SetNumeric(size_t row, Numeric value) { static_cast<Numeric*>(data_)[row] = value; }
  /// Copies. A STRING must be UTF-8: see IsUtf8.
  void SetText(size_t row, std::string_view value);
  /// Reads the text as the field's type; false where it is no such value. Not for records.
  bool SetFromText(size_t row, std::string_view text);

  /// Of a list: the row gets no elements yet. Those added until the next BeginList are its own.
  void BeginList(size_t row);
  /// The place of one more element in element().
  size_t AddElement(size_t row);

  /// The column of a new chunk.
  void Bind(duckdb_vector vector);
  /// Tells DuckDB the sizes of lists.
  void Finish();

 private:
  /// DuckDB has moved the values of this, an element or a part of one.
  void Refresh();

  const Field* field_;
  duckdb_vector vector_ = nullptr;
  void* data_ = nullptr;
  uint64_t* validity_ = nullptr;
  std::vector<ColumnWriter> parts_;
  std::unique_ptr<ColumnWriter> element_;
  size_t size_ = 0;
  size_t capacity_ = 0;
};

/// Whether `text` is UTF-8.
bool IsUtf8(std::string_view text);

/// A number of rows for a table.
class RowBatch {
 public:
  explicit RowBatch(std::shared_ptr<const Schema> schema);
  RowBatch(const RowBatch&) = delete;
  RowBatch& operator=(const RowBatch&) = delete;

  const Schema& schema() const { return *schema_; }
  size_t rows() const { return rows_; }
  /// Bytes that came in for these rows; for the figures.
  size_t bytes() const { return bytes_; }
  void AddBytes(size_t bytes) { bytes_ += bytes; }

  /// Begins a row; `columns()` are to be given its values at row_in_chunk(), each once.
  void BeginRow();
  /// The row is complete.
  void EndRow() { ++row_in_chunk_, ++rows_; }
  /// It never was. What its lists already hold stays unused.
  void DropRow();
  size_t row_in_chunk() const { return row_in_chunk_; }
  std::vector<ColumnWriter>& columns() { return columns_; }

  /// No more rows: the chunks can be appended.
  void Finish();
  const std::vector<Chunk>& chunks() const { return chunks_; }

 private:
  void CloseChunk();

  const std::shared_ptr<const Schema> schema_;
  std::vector<DuckType> types_;
  std::vector<ColumnWriter> columns_;
  std::vector<Chunk> chunks_;
  size_t row_in_chunk_ = 0;
  size_t rows_ = 0;
  size_t bytes_ = 0;
  bool open_ = false;
};

}  // namespace joist::tables

#endif  // JOIST_STORE_TABLES_ROW_BATCH_H_
