// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// What BigQuery's REST API says: errors, resources. Pure functions.

#ifndef JOIST_SERVE_BIGQUERY_REST_ANSWERS_H_
#define JOIST_SERVE_BIGQUERY_REST_ANSWERS_H_

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "joist/base/status.h"
#include "joist/serve/http.h"
#include "joist/store/tables/table_store.h"

namespace joist::serve {

using Json = nlohmann::ordered_json;

/// The HTTP status and the reason by which BigQuery knows an error.
std::pair<int, std::string> ReasonOf(const Status& status);
/// {"reason": …, "message": …, "location": …}.
Json ErrorProto(const Status& status);
/// The answer that says it.
HttpAnswer BigQueryError(const Status& status);
/// 200 with a resource.
HttpAnswer BigQueryAnswer(const Json& resource);
/// Reads a body; an empty one is {}. Fails where it is no object.
Result<Json> ReadObject(std::string_view body);

/// The member's text; "" without.
std::string TextAt(const Json& object, std::string_view key);
/// The member, {} without.
const Json& PartAt(const Json& object, std::string_view key);
/// A number, or a text of one.
std::optional<int64_t> IntegerAt(const Json& object, std::string_view key);
/// true, or "true".
bool FlagAt(const Json& object, std::string_view key);

/// {"projectId": …, "datasetId": …, "tableId": …}, with `project` where none is given.
Result<tables::TableName> TableAt(const Json& object, const std::string& project);
Json Reference(const tables::TableName& name);
Json Reference(const tables::DatasetName& name);
/// The resources as datasets.get and tables.get give them.
Json DatasetResource(const tables::DatasetInfo& info);
Json TableResource(const tables::TableInfo& info);
/// The schema, {"fields": […]}.
Json SchemaResource(const tables::Schema& schema);

}  // namespace joist::serve

#endif  // JOIST_SERVE_BIGQUERY_REST_ANSWERS_H_
