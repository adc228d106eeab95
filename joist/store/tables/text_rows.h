// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Rows of JSON and CSV on their way into a RowBatch. Pure functions.

#ifndef JOIST_STORE_TABLES_TEXT_ROWS_H_
#define JOIST_STORE_TABLES_TEXT_ROWS_H_

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "joist/base/status.h"
#include "joist/store/tables/row_batch.h"

namespace joist::tables {

/// What is wrong with a row, and in which field ("" where it is the row).
struct FieldFault {
  std::string location = {};
  std::string message = {};
};

/// Adds a row, a JSON object. Where it cannot be taken the batch is as before, and `fault` says
/// why.
bool AddJsonRow(const nlohmann::json& row, bool ignore_unknown, RowBatch* batch, FieldFault* fault);

/// Whether arrays and objects lie in one another at most 100 deep, as far as parsing it is safe.
bool IsShallowJson(std::string_view text);

/// How a file's rows are read.
struct LoadFormat {
  bool csv = false;
  char delimiter = ',';
  int64_t skip_rows = 0;
  std::string null_marker = {};
  bool ignore_unknown = false;
  /// Rows that may be bad; they are left out.
  int64_t most_bad_rows = 0;
};

/// Adds all rows of a file of lines of JSON, or of CSV. Gives how many were bad.
Result<int64_t> AddRows(std::string_view text, const LoadFormat& format, RowBatch* batch);

/// The schema that the first rows of such a file suggest.
Result<Schema> DetectSchema(std::string_view text, const LoadFormat& format);

/// Takes the next record of CSV off the front of `text`. False where a quote isn't closed.
bool TakeCsvRecord(std::string_view* text, char delimiter, std::vector<std::string>* fields);

}  // namespace joist::tables

#endif  // JOIST_STORE_TABLES_TEXT_ROWS_H_
