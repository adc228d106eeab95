// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "apps/joist/table_commands.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "apps/joist/actions.h"
#include "apps/joist/row_output.h"
#include "apps/joist/table_export.h"
#include "joist/base/status.h"
#include "joist/cli/command_options.h"
#include "joist/io/bigquery/rest_client.h"
#include "joist/io/net/url.h"

namespace joist::apps {
namespace {

using nlohmann::json;

/// Of a file that is loaded: a request has to hold it.
constexpr size_t kMostFileBytes = 60 << 20;

struct TableOptions {
  std::string server;
  std::string project = "local";
  RowFormat format = RowFormat::kTable;
  std::string schema;
  std::string dataset;
  bool contents = false;
};

OptionFields TableFields(TableOptions* o, std::string_view action) {
  OptionFields fields;
  fields.Add(o->server, "server", "Where BigQuery is: http://host:port");
  fields.Add(o->project, "project", "Project of all names");
  fields.Add(o->format, "format", "table, json or csv");
  if (action == "create table") {
    fields.Add(o->schema, "schema", "name:TYPE,… or name:TYPE:MODE,…", kRequired);
  }
  if (action == "query") fields.Add(o->dataset, "dataset", "Of tables without one");
  if (action == "delete dataset") fields.Add(o->contents, "contents", "With the tables in it");
  return fields;
}

Result<net::HttpUrl> ServerOf(const TableOptions& options) {
  std::string server = options.server;
  const char* const variable = std::getenv("BIGQUERY_EMULATOR_HOST");
  if (server.empty() && variable != nullptr) server = variable;
  if (server.empty()) server = "http://127.0.0.1:8480";
  if (server.find("://") == std::string::npos) server = "http://" + server;
  return net::ParseHttpUrl(server);
}

/// "dataset.table" as the path of the API.
Result<std::pair<std::string, std::string>> SplitTable(const std::string& name) {
  const size_t dot = name.find('.');
  if (dot == 0 || dot == std::string::npos || dot + 1 == name.size()) {
    return InvalidArgument("\"" + name + "\" is no table; give it as DATASET.TABLE");
  }
  return std::pair(name.substr(0, dot), name.substr(dot + 1));
}

Result<std::string> TablePath(const std::string& name) {
  JOIST_ASSIGN_OR_RETURN(const auto parts, SplitTable(name));
  return "datasets/" + parts.first + "/tables/" + parts.second;
}

/// A value of a row as text: as it is, or JSON where it consists of others.
std::string ValueText(const json& value) {
  if (value.is_null()) return "";
  return value.is_string() ? value.get<std::string>() : value.dump();
}

// --- Datasets

Status CreateDataset(const Words& names, const TableOptions&, bigquery::RestClient* client,
                     std::string*) {
  for (const std::string& name : names) {
    const json body = {
        {"datasetReference", {{"projectId", client->project()}, {"datasetId", name}}}};
    JOIST_RETURN_IF_ERROR(client->Request("POST", "datasets", &body).status());
  }
  return OkStatus();
}

Status DeleteDataset(const Words& names, const TableOptions& options, bigquery::RestClient* client,
                     std::string*) {
  for (const std::string& name : names) {
    const std::string path = "datasets/" + name + (options.contents ? "?deleteContents=true" : "");
    JOIST_RETURN_IF_ERROR(client->Request("DELETE", path).status());
  }
  return OkStatus();
}

Status ListDatasets(const Words&, const TableOptions& options, bigquery::RestClient* client,
                    std::string* out) {
  RowOutput rows({"dataset"});
  JOIST_ASSIGN_OR_RETURN(const auto datasets, client->List("datasets", "datasets"));
  for (const json& dataset : datasets) {
    rows.Add({dataset["datasetReference"].value("datasetId", "")});
  }
  *out = rows.Text(options.format);
  return OkStatus();
}

// --- Tables

Result<json> FieldsOfSchema(std::string_view text) {
  json fields = json::array();
  while (!text.empty()) {
    const std::string field(text.substr(0, text.find(',')));
    text.remove_prefix(std::min(field.size() + 1, text.size()));
    const size_t colon = field.find(':');
    if (colon == 0 || colon == std::string::npos) {
      return InvalidArgument("option --schema: expected name:TYPE, got \"" + field + "\"");
    }
    const size_t second = field.find(':', colon + 1);
    json one = {{"name", field.substr(0, colon)},
                {"type", field.substr(colon + 1, second - colon - 1)}};
    if (second != std::string::npos) one["mode"] = field.substr(second + 1);
    fields.push_back(std::move(one));
  }
  return fields;
}

Status CreateTable(const Words& names, const TableOptions& options, bigquery::RestClient* client,
                   std::string*) {
  JOIST_ASSIGN_OR_RETURN(const json fields, FieldsOfSchema(options.schema));
  for (const std::string& name : names) {
    JOIST_ASSIGN_OR_RETURN(const auto parts, SplitTable(name));
    const json body = {
        {"tableReference",
         {{"projectId", client->project()}, {"datasetId", parts.first}, {"tableId", parts.second}}},
        {"schema", {{"fields", fields}}}};
    JOIST_RETURN_IF_ERROR(
        client->Request("POST", "datasets/" + parts.first + "/tables", &body).status());
  }
  return OkStatus();
}

Status DeleteTable(const Words& names, const TableOptions&, bigquery::RestClient* client,
                   std::string*) {
  for (const std::string& name : names) {
    JOIST_ASSIGN_OR_RETURN(const std::string path, TablePath(name));
    JOIST_RETURN_IF_ERROR(client->Request("DELETE", path).status());
  }
  return OkStatus();
}

Status ListTables(const Words& names, const TableOptions& options, bigquery::RestClient* client,
                  std::string* out) {
  RowOutput rows({"table", "type"});
  for (const std::string& dataset : names) {
    JOIST_ASSIGN_OR_RETURN(const auto tables,
                           client->List("datasets/" + dataset + "/tables", "tables"));
    for (const json& table : tables) {
      rows.Add({dataset + "." + table["tableReference"].value("tableId", ""),
                table.value("type", "TABLE")});
    }
  }
  *out = rows.Text(options.format);
  return OkStatus();
}

Status DescribeTable(const Words& names, const TableOptions& options, bigquery::RestClient* client,
                     std::string* out) {
  RowOutput rows({"table", "column", "type", "mode", "rows"});
  for (const std::string& name : names) {
    JOIST_ASSIGN_OR_RETURN(const std::string path, TablePath(name));
    JOIST_ASSIGN_OR_RETURN(const json table, client->Request("GET", path));
    const std::string count = ValueText(table.value("numRows", json()));
    const json schema = table.value("schema", json::object());
    for (const json& field : schema.value("fields", json::array())) {
      rows.Add({name, field.value("name", ""), field.value("type", ""),
                field.value("mode", "NULLABLE"), count});
    }
  }
  *out = rows.Text(options.format);
  return OkStatus();
}

Status Query(const Words& words, const TableOptions& options, bigquery::RestClient* client,
             std::string* out) {
  json body = {{"query", words[0]}, {"useLegacySql", false}, {"maxResults", 10'000}};
  if (!options.dataset.empty()) {
    body["defaultDataset"] = {{"projectId", client->project()}, {"datasetId", options.dataset}};
  }
  JOIST_ASSIGN_OR_RETURN(json page, client->Request("POST", "queries", &body));
  const std::string results =
      "queries/" + page.value("jobReference", json::object()).value("jobId", std::string());
  while (!page.value("jobComplete", true)) {
    JOIST_ASSIGN_OR_RETURN(page, client->Request("GET", results + "?timeoutMs=10000"));
  }
  Words columns;
  const json schema = page.value("schema", json::object());
  for (const json& field : schema.value("fields", json::array())) {
    columns.push_back(field.value("name", ""));
  }
  RowOutput rows(columns);
  while (true) {
    for (const json& row : page.value("rows", json::array())) {
      Words texts;
      for (const json& cell : row["f"]) texts.push_back(ValueText(cell["v"]));
      rows.Add(std::move(texts));
    }
    const std::string token = page.value("pageToken", "");
    if (token.empty()) break;
    JOIST_ASSIGN_OR_RETURN(page, client->Request("GET", results + "?pageToken=" + token));
  }
  // Of a statement that changes something there is no result.
  *out = columns.empty() ? "done\n" : rows.Text(options.format);
  return OkStatus();
}

Status LoadFile(const Words& words, const TableOptions&, bigquery::RestClient* client,
                std::string* out) {
  JOIST_ASSIGN_OR_RETURN(const auto parts, SplitTable(words[0]));
  std::ifstream file(words[1], std::ios::binary);
  const std::string content((std::istreambuf_iterator<char>(file)),
                            std::istreambuf_iterator<char>());
  if (!file.is_open() || file.bad()) return NotFound("cannot read " + words[1]);
  if (content.size() > kMostFileBytes) {
    return InvalidArgument(words[1] + " has more than 60 MiB; cut it, or use a client of Google's");
  }
  const bool is_csv = words[1].ends_with(".csv");
  JOIST_ASSIGN_OR_RETURN(
      const std::string rows,
      client->Load(parts.first, parts.second, is_csv ? "CSV" : "NEWLINE_DELIMITED_JSON", content));
  *out = "loaded " + rows + " rows\n";
  return OkStatus();
}

/// To a file by way of another one, so that no half of a table has its name.
Status Export(const Words& words, const TableOptions& options, bigquery::RestClient* client,
              std::string* out) {
  JOIST_ASSIGN_OR_RETURN(const auto parts, SplitTable(words[0]));
  const std::string path = words.size() > 1 ? words[1] : "";
  RowFormat format = options.format;
  if (format == RowFormat::kTable && path.ends_with(".csv")) format = RowFormat::kCsv;
  if (path.empty()) return ExportTable(*client, parts.first, parts.second, format, stdout).status();
  const std::string unfinished = path + ".unfinished";
  std::FILE* const file = std::fopen(unfinished.c_str(), "wb");
  if (file == nullptr) return InvalidArgument("cannot write " + unfinished);
  const auto rows = ExportTable(*client, parts.first, parts.second, format, file);
  const bool is_written = std::fclose(file) == 0;
  if (!rows.ok() || !is_written || std::rename(unfinished.c_str(), path.c_str()) != 0) {
    std::remove(unfinished.c_str());
    return rows.ok() ? Status{StatusCode::kInternal, "cannot write " + path} : rows.status();
  }
  *out = "exported " + std::to_string(*rows) + " rows\n";
  return OkStatus();
}

// --- The commands

using TableAction = Action<TableOptions, bigquery::RestClient>;

constexpr size_t kManyNames = 1000;
constexpr TableAction kDatasetActions[] = {
    {"create", "create dataset", 1, kManyNames, CreateDataset},
    {"list", "list", 0, 0, ListDatasets},
    {"delete", "delete dataset", 1, kManyNames, DeleteDataset}};
constexpr TableAction kTableActions[] = {{"create", "create table", 1, kManyNames, CreateTable},
                                         {"list", "list", 1, kManyNames, ListTables},
                                         {"describe", "describe", 1, kManyNames, DescribeTable},
                                         {"delete", "delete", 1, kManyNames, DeleteTable},
                                         {"query", "query", 1, 1, Query},
                                         {"load", "load", 2, 2, LoadFile},
                                         {"export", "export", 1, 2, Export}};

int RunTables(const std::string& title, std::span<const TableAction> actions,
              std::span<const std::string_view> arguments) {
  constexpr ActionServer<TableOptions, bigquery::RestClient> kServer = {
      TableFields,
      [](const TableOptions& options) -> Result<std::unique_ptr<bigquery::RestClient>> {
        JOIST_ASSIGN_OR_RETURN(auto server, ServerOf(options));
        return std::make_unique<bigquery::RestClient>(std::move(server), options.project);
      }};
  return RunActions(title, actions, kServer, arguments);
}

}  // namespace

const cli::Command kDatasetCommand = {
    "dataset", "dataset create|list|delete [NAME …] [--option=value …]",
    "Datasets of a server that speaks BigQuery",
    "The server is that of --server, of BIGQUERY_EMULATOR_HOST, or http://127.0.0.1:8480.\n"
    "\nOptions: --server=URL --project=NAME [local] --format=table|json|csv; delete: --contents\n"
    "\nExamples:\n"
    "  $ dataset create shop\n"
    "  $ dataset delete shop --contents\n",
    [](const std::string& program, std::span<const std::string_view> arguments) {
      return RunTables(program + " dataset", kDatasetActions, arguments);
    }};

const cli::Command kTableCommand = {
    "table", "table create|list|describe|delete|query|load|export [NAME …] [--option=value …]",
    "Tables of a server that speaks BigQuery, and queries of them",
    "A table is DATASET.TABLE. load takes a file of JSON lines, or of CSV with a line of names\n"
    "(NAME.csv); export writes one, to stdout without a name: JSON lines, or CSV where the name "
    "ends\n"
    "so or --format=csv says so. The server is that of --server, of BIGQUERY_EMULATOR_HOST, or\n"
    "http://127.0.0.1:8480.\n"
    "\nOptions: --server=URL --project=NAME [local] --format=table|json|csv;\n"
    "create: --schema=name:TYPE,…; query: --dataset=NAME\n"
    "\nExamples:\n"
    "  $ table create shop.counts --schema=user:STRING:REQUIRED,count:INTEGER\n"
    "  $ table load shop.counts counts.jsonl\n"
    "  $ table export shop.counts counts.csv\n"
    "  $ table query 'SELECT user, count FROM shop.counts ORDER BY count DESC' --format=csv\n",
    [](const std::string& program, std::span<const std::string_view> arguments) {
      return RunTables(program + " table", kTableActions, arguments);
    }};

}  // namespace joist::apps
