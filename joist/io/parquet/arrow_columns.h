// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Between Joist's schemas and Arrow's arrays: which columns of a file a row's fields take, whether
// their types agree, and an array as ColumnData; for writing, the Arrow schema of a row. Arrow is
// what reads and writes the files (docs/adr/0005-parquet-through-arrow.md); this header names its
// types without including it, as do all others here.
//
// A BoundColumn belongs to one thread. The functions have no state.

#ifndef JOIST_IO_PARQUET_ARROW_COLUMNS_H_
#define JOIST_IO_PARQUET_ARROW_COLUMNS_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "joist/base/status.h"
#include "joist/io/parquet/column_data.h"
#include "joist/model/schema.h"

namespace arrow {
class Array;
class Schema;
class Status;
}  // namespace arrow
namespace parquet::arrow {
struct SchemaField;
}  // namespace parquet::arrow

namespace joist::parquet {

/// A field of a row, or a part of one, with the column of the file that it takes and the room for
/// what of that has to be converted.
struct BoundColumn {
  FieldType type;
  Form form = Form::kInt64;
  std::string name;
  std::string path;
  bool missing = false;  ///< The file has no such column: all values are null.
  std::vector<BoundColumn> parts;

  std::vector<uint8_t> present;
  std::vector<std::byte> values;
  std::vector<std::string_view> views;
  std::string text;
  std::vector<int32_t> offsets;
};

/// Binds `fields` to the columns of their names, and adds the indices of the file's leaf columns
/// that have to be read to `leaves`. An error names the column, what it is and what is wanted.
Result<std::vector<BoundColumn>> Bind(const Schema& fields,
                                      const std::vector<::parquet::arrow::SchemaField>& columns,
                                      std::vector<int>* leaves);
/// The same for one column and type.
Result<BoundColumn> BindColumn(const FieldType& type, const std::string& path,
                               const ::parquet::arrow::SchemaField& column,
                               std::vector<int>* leaves);
/// The first leaf below `column`.
int FirstLeaf(const ::parquet::arrow::SchemaField& column);

/// The values of `array`, which must live as long as `data` is used; `data` refers to both.
Status Convert(const ::arrow::Array& array, BoundColumn* column, ColumnData* data);

/// The Arrow schema that rows of `fields` are written with.
Result<std::shared_ptr<::arrow::Schema>> ArrowSchemaOf(const Schema& fields);

/// Arrow's errors as Joist's: "WHAT: its words". OK stays OK.
Status FromArrow(const ::arrow::Status& status, std::string_view what);

}  // namespace joist::parquet

#endif  // JOIST_IO_PARQUET_ARROW_COLUMNS_H_
