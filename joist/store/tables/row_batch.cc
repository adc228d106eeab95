// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/store/tables/row_batch.h"

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>

#include "joist/base/utf8.h"

namespace joist::tables {

namespace {

/// Rows of a chunk: DuckDB's own size.
constexpr size_t kRowsOfChunk = 2048;

template <class T, class Set>
bool SetIf(const std::optional<T>& value, const Set& set) {
  if (value) set(*value);
  return value.has_value();
}

}  // namespace

bool IsUtf8(std::string_view text) {
  while (!text.empty()) {
    uint64_t word;
    if (text.size() >= sizeof(word)) {
      std::memcpy(&word, text.data(), sizeof(word));
      if ((word & 0x8080808080808080) == 0) {
        text.remove_prefix(sizeof(word));
        continue;
      }
    }
    const size_t size = Utf8Size(text);
    if (size == 0) return false;
    text.remove_prefix(size);
  }
  return true;
}

ColumnWriter::ColumnWriter(const Field& field, bool is_element) : field_(&field) {
  if (field.mode == FieldMode::kRepeated && !is_element) {
    element_ = std::make_unique<ColumnWriter>(field, true);
    return;
  }
  for (const Field& part : field.fields) parts_.emplace_back(part, false);
}

void ColumnWriter::Bind(duckdb_vector vector) {
  vector_ = vector;
  data_ = duckdb_vector_get_data(vector);
  validity_ = duckdb_vector_get_validity(vector);
  if (element_ != nullptr) {
    size_ = 0;
    capacity_ = kRowsOfChunk;
    if (duckdb_list_vector_reserve(vector, capacity_) == DuckDBError) capacity_ = 0;
    element_->Bind(duckdb_list_vector_get_child(vector));
  }
  for (size_t i = 0; i < parts_.size(); ++i) {
    parts_[i].Bind(duckdb_struct_vector_get_child(vector, i));
  }
}

void ColumnWriter::Refresh() {
  data_ = duckdb_vector_get_data(vector_);
  validity_ = duckdb_vector_get_validity(vector_);
  for (ColumnWriter& part : parts_) part.Refresh();
}

void ColumnWriter::SetNull(size_t row) {
  if (validity_ == nullptr) {
    duckdb_vector_ensure_validity_writable(vector_);
    validity_ = duckdb_vector_get_validity(vector_);
  }
  validity_[row / 64] &= ~(uint64_t{1} << row % 64);
  if (is_list()) BeginList(row);
  for (ColumnWriter& part : parts_) part.SetNull(row);
}

void ColumnWriter::SetPresent(size_t row) {
  if (validity_ != nullptr) validity_[row / 64] |= uint64_t{1} << row % 64;
  for (ColumnWriter& part : parts_) part.SetPresent(row);
}

void ColumnWriter::SetText(size_t row, std::string_view value) {
  auto& text = static_cast<duckdb_string_t*>(data_)[row];
  if (value.size() <= sizeof(text.value.inlined.inlined)) {
    std::memset(&text, 0, sizeof(text));
    text.value.inlined.length = static_cast<uint32_t>(value.size());
    std::memcpy(text.value.inlined.inlined, value.data(), value.size());
  } else {
    duckdb_unsafe_vector_assign_string_element_len(vector_, row, value.data(), value.size());
  }
}

bool ColumnWriter::SetFromText(size_t row, std::string_view text) {
  switch (field_->type) {
    case FieldType::kString:
      if (!IsUtf8(text)) return false;
      SetText(row, text);
      return true;
    case FieldType::kJson:
      if (!nlohmann::json::accept(text)) return false;
      SetText(row, text);
      return true;
    case FieldType::kBytes:
      return SetIf(ReadBase64(text), [&](const std::string& bytes) { SetText(row, bytes); });
    case FieldType::kInteger:
      return SetIf(ReadInteger(text), [&](int64_t value) { SetInteger(row, value); });
    case FieldType::kFloat:
      return SetIf(ReadFloat(text), [&](double value) { SetFloat(row, value); });
    case FieldType::kNumeric:
      return SetIf(ReadNumeric(text), [&](Numeric value) { SetNumeric(row, value); });
    case FieldType::kBoolean:
      return SetIf(ReadBoolean(text), [&](bool value) { SetBoolean(row, value); });
    case FieldType::kTimestamp:
      return SetIf(ReadTimestamp(text), [&](int64_t value) { SetInteger(row, value); });
    case FieldType::kDatetime:
      return SetIf(ReadDatetime(text), [&](int64_t value) { SetInteger(row, value); });
    case FieldType::kDate:
      return SetIf(ReadDate(text), [&](int32_t value) { SetDate(row, value); });
    case FieldType::kTime:
      return SetIf(ReadTime(text), [&](int64_t value) { SetInteger(row, value); });
    case FieldType::kRecord: break;
  }
  return false;
}

void ColumnWriter::BeginList(size_t row) {
  static_cast<duckdb_list_entry*>(data_)[row] = {size_, 0};
}

size_t ColumnWriter::AddElement(size_t row) {
  if (size_ == capacity_) {
    capacity_ = std::max<size_t>(capacity_ * 2, kRowsOfChunk);
    // It throws nothing; without memory it says so, and the program cannot go on.
    JOIST_CHECK(duckdb_list_vector_reserve(vector_, capacity_) == DuckDBSuccess);
    element_->Refresh();
  }
  ++static_cast<duckdb_list_entry*>(data_)[row].length;
  return size_++;
}

void ColumnWriter::Finish() {
  if (is_list()) {
    duckdb_list_vector_set_size(vector_, size_);
    element_->Finish();
  }
  for (ColumnWriter& part : parts_) part.Finish();
}

RowBatch::RowBatch(std::shared_ptr<const Schema> schema) : schema_(std::move(schema)) {
  for (const Field& field : schema_->fields) {
    types_.push_back(DuckTypeOf(field));
    columns_.emplace_back(field, false);
  }
}

void RowBatch::BeginRow() {
  if (open_ && row_in_chunk_ < kRowsOfChunk) return;
  CloseChunk();
  chunks_.emplace_back(types_);
  for (size_t i = 0; i < columns_.size(); ++i) columns_[i].Bind(chunks_.back().column(i));
  row_in_chunk_ = 0;
  open_ = true;
}

void RowBatch::DropRow() {
  for (ColumnWriter& column : columns_) column.SetPresent(row_in_chunk_);
}

void RowBatch::CloseChunk() {
  if (!open_) return;
  for (ColumnWriter& column : columns_) column.Finish();
  duckdb_data_chunk_set_size(chunks_.back().get(), row_in_chunk_);
  open_ = false;
}

void RowBatch::Finish() { CloseChunk(); }

}  // namespace joist::tables
