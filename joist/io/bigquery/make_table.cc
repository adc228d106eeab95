// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/io/bigquery/make_table.h"

#include <nlohmann/json.hpp>

#include <string>
#include <string_view>

#include "joist/io/bigquery/columns.h"
#include "joist/io/bigquery/rest_client.h"

namespace joist::bigquery {

namespace {
using nlohmann::json;
}  // namespace

Status MakeTable(const TableSettings& settings) {
  const TableParts path = PartsOf(settings.table);
  JOIST_ASSIGN_OR_RETURN(
      const RestClient client,
      RestClient::Connect(settings.endpoint, settings.http_endpoint, path.project));
  const json dataset = {{"projectId", path.project}, {"datasetId", path.dataset}};
  json table = {{"tableReference", dataset},
                {"schema", {{"fields", json::parse(settings.schema)}}}};
  table["tableReference"]["tableId"] = path.table;
  const std::string tables = "datasets/" + path.dataset + "/tables";
  Status made = client.Make(tables, table);
  if (made.code() == StatusCode::kNotFound) {
    made = client.Make("datasets", {{"datasetReference", dataset}});
    if (made.ok()) made = client.Make(tables, table);
  }
  return made.ok() ? made
                   : Status(made.code(), "cannot make " + settings.table + ": " + made.message());
}

}  // namespace joist::bigquery
