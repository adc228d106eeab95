// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// RowJson: rows as EncodeRow makes them, as JSON objects that insertAll and load jobs take:
//
//   INTEGER a number, beyond ±2^53 as text   FLOAT a number, "NaN", "Infinity", "-Infinity"
//   TIMESTAMP RFC 3339                       BYTES base64
//   RECORD an object                         REPEATED an array; NULL is left out
//
// Immutable; any number of threads.

#ifndef JOIST_IO_BIGQUERY_ROW_JSON_H_
#define JOIST_IO_BIGQUERY_ROW_JSON_H_

#include <string>
#include <string_view>
#include <vector>

#include "joist/base/status.h"
#include "joist/io/bigquery/columns.h"

namespace joist::bigquery {

class RowJson {
 public:
  RowJson() = default;
  /// `schema` is as SchemaJson makes it; throws where it is not.
  explicit RowJson(const std::string& schema);

  /// Appends the object. An error names a text that is no UTF-8, which JSON cannot have; in `out`
  /// it then has U+FFFD.
  Status Append(std::string_view row, std::string* out) const;

 private:
  std::vector<Column> columns_;
};

}  // namespace joist::bigquery

#endif  // JOIST_IO_BIGQUERY_ROW_JSON_H_
