// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// ColumnBuilder: a column that is being made of rows, in the forms of column_data.h (text as its
// bytes with offsets, as Arrow has it). Belongs to one thread.

#ifndef JOIST_IO_PARQUET_COLUMN_BUILDER_H_
#define JOIST_IO_PARQUET_COLUMN_BUILDER_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "joist/base/status.h"
#include "joist/io/parquet/column_data.h"
#include "joist/model/schema.h"

namespace joist::parquet {

struct ColumnBuilder {
  FieldType type;
  Form form = Form::kInt64;
  std::string path;
  size_t size = 0;
  size_t nulls = 0;
  std::vector<uint8_t> present;   ///< Of nullable columns.
  std::vector<std::byte> values;  ///< Numbers; the bytes of text.
  std::vector<int32_t> offsets;   ///< Of text and lists: 0, and where each ends.
  std::vector<ColumnBuilder> parts;

  static ColumnBuilder Of(const FieldType& type, std::string path);

  template <class V>
  void PutValue(V value) {
    Append(&value, sizeof(V));
    ++size;
  }
  void PutText(std::string_view text) {
    Append(text.data(), text.size());
    EndAt(values.size());
    ++size;
  }
  /// Ends a list or map whose elements are the parts' values since the last.
  void EndList() {
    EndAt(parts[0].size);
    ++size;
  }
  /// A row, whose parts are put apart.
  void PutRow() { ++size; }

  /// Of nullable columns: the next value is there; there is none.
  void PutPresent() { present.push_back(1); }
  void PutNull() {
    present.push_back(0);
    ++nulls;
    PutNothing();
  }

  /// Memory that the values take, about.
  size_t bytes() const;
  /// Forgets the values and keeps the memory.
  void Clear();

 private:
  void Append(const void* data, size_t bytes) {
    const size_t at = values.size();
    values.resize(at + bytes);
    if (bytes > 0) std::memcpy(values.data() + at, data, bytes);
  }
  /// Wraps around where Arrow's offsets do; RowFileWriter refuses what is so long.
  void EndAt(size_t end) { offsets.push_back(static_cast<int32_t>(end)); }
  /// What stands where there is no value, here and in the parts.
  void PutNothing();
};

}  // namespace joist::parquet

#endif  // JOIST_IO_PARQUET_COLUMN_BUILDER_H_
