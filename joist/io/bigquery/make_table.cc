// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/io/bigquery/make_table.h"

#include <nlohmann/json.hpp>

#include <string>
#include <string_view>

#include "joist/io/bigquery/rest_client.h"

namespace joist::bigquery {
namespace {

using nlohmann::json;

struct Path {
  std::string project;
  std::string dataset;
  std::string table;
};

/// The parts of what TablePath has made.
Path PartsOf(std::string_view path) {
  const size_t dataset = path.find("/datasets/");
  const size_t table = path.find("/tables/");
  constexpr size_t kProjects = 9, kDatasets = 10, kTables = 8;
  return {std::string(path.substr(kProjects, dataset - kProjects)),
          std::string(path.substr(dataset + kDatasets, table - dataset - kDatasets)),
          std::string(path.substr(table + kTables))};
}

}  // namespace

Status MakeTable(const TableSettings& settings) {
  const Path path = PartsOf(settings.table);
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
