// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// ColumnData: some thousand values of a column as a row's fields are filled from them, in one form
// for each type of the schema whatever the file's encoding is. The file's own arrays where they lie
// so already, a conversion of the whole column otherwise. Owns nothing; valid until its reader's
// next call.
//
// | type of the schema        | form            | values                                       |
// |---------------------------|-----------------|----------------------------------------------|
// | BOOLEAN                   | kBool           | uint8_t, 0 or 1                              |
// | BYTE, INT16, INT32, INT64 | kInt8 … kInt64  | the same                                     |
// | uint64                    | kUint64         | uint64_t                                     |
// | millis_instant            | kInt64          | milliseconds                                 |
// | nanos_duration            | kInt64          | milliseconds                                 |
// | FLOAT, DOUBLE             | kFloat, kDouble | the same                                     |
// | STRING, BYTES             | kText           | std::string_view                             |
// | ARRAY, ITERABLE           | kList           | offsets into part 0                          |
// | MAP                       | kMap            | offsets into part 0 (keys), part 1 (values)  |
// | ROW                       | kRow            | a part for each field                        |

#ifndef JOIST_IO_PARQUET_COLUMN_DATA_H_
#define JOIST_IO_PARQUET_COLUMN_DATA_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "joist/model/schema.h"

namespace joist::parquet {

enum class Form : uint8_t {
  kBool,
  kInt8,
  kInt16,
  kInt32,
  kInt64,
  kUint64,
  kFloat,
  kDouble,
  kText,
  kList,
  kMap,
  kRow
};

/// The form of a type; of a logical type that Joist doesn't know, its representation's.
Form FormOf(const FieldType& type);

struct ColumnData {
  Form form = Form::kInt64;
  bool all_null = false;             ///< Then there is nothing else.
  const uint8_t* present = nullptr;  ///< 1 for each value, 0 where it is null; or none is null.
  const void* values = nullptr;
  const int32_t* offsets = nullptr;  ///< One more than there are values.
  std::vector<ColumnData> parts;
  const std::string* path = nullptr;  ///< "items.cents", for messages.

  bool Has(size_t i) const { return !all_null && (present == nullptr || present[i] != 0); }
  bool may_be_null() const { return all_null || present != nullptr; }
  template <class V>
  const V* As() const {
    return static_cast<const V*>(values);
  }
};

/// Why a value is none that a field can hold.
struct Fault {
  const ColumnData* column = nullptr;
  std::string_view reason;
};

}  // namespace joist::parquet

#endif  // JOIST_IO_PARQUET_COLUMN_DATA_H_
