// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#ifndef JOIST_IO_BIGQUERY_RESULT_PAGES_H_
#define JOIST_IO_BIGQUERY_RESULT_PAGES_H_

#include <nlohmann/json_fwd.hpp>

#include <string>

#include "joist/base/status.h"
#include "joist/io/bigquery/rest_client.h"
#include "joist/io/bigquery/row_stream.h"

namespace joist::bigquery {

/// The Avro schema of rows of a schema of the REST API, {"fields": […]}.
Result<std::string> AvroSchemaOf(const nlohmann::json& schema);
/// Appends a row of a page, {"f": [{"v": …}, …]}, in Avro's binary form.
Status AppendAvroRow(const nlohmann::json& schema, const nlohmann::json& row, std::string* out);

/// The Avro schema of the rows of a query's job that is done (`job` and `project` of the stream).
Result<std::string> SchemaOfPages(const RestClient& client, const RowStream& stream);

}  // namespace joist::bigquery

#endif  // JOIST_IO_BIGQUERY_RESULT_PAGES_H_
