// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#ifndef JOIST_APPS_JOIST_TABLE_EXPORT_H_
#define JOIST_APPS_JOIST_TABLE_EXPORT_H_

#include <cstdint>
#include <cstdio>
#include <string>

#include "apps/joist/row_output.h"
#include "joist/base/status.h"
#include "joist/io/bigquery/rest_client.h"

namespace joist::apps {

/// Writes the rows of a table to `out`, page by page: CSV with a line of names, or JSON, an object
/// a line, for every other format. `table load` reads both. Gives how many they are. CSV has no
/// columns that are repeated or records: kInvalidArgument.
Result<int64_t> ExportTable(const bigquery::RestClient& client, const std::string& dataset,
                            const std::string& table, RowFormat format, std::FILE* out);

}  // namespace joist::apps

#endif  // JOIST_APPS_JOIST_TABLE_EXPORT_H_
