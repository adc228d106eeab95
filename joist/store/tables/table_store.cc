// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/store/tables/table_store.h"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <filesystem>
#include <set>
#include <system_error>
#include <utility>

#include "joist/base/one_line.h"
#include "joist/store/tables/sql_functions.h"
#include "joist/store/tables/store_state.h"

namespace joist::tables {

namespace {

Status CheckName(std::string_view what, std::string_view name, std::string_view others) {
  const auto good = [others](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || (c & 0x80) != 0 ||
           others.find(c) != std::string_view::npos;
  };
  if (!name.empty() && name.size() <= 1024 && std::all_of(name.begin(), name.end(), good) &&
      IsUtf8(name)) {
    return OkStatus();
  }
  return InvalidArgument("Invalid " + std::string(what) + " ID \"" + std::string(name) +
                         "\". It must be alphanumeric (plus underscores" +
                         (others == "_" ? "" : " and dashes") +
                         ") and must be at most 1024 characters long.");
}

Status CheckDatasetName(const DatasetName& name) {
  JOIST_RETURN_IF_ERROR(CheckName("project", name.project, "_-:."));
  return CheckName("dataset", name.dataset, "_");
}

Status CheckTableName(const TableName& name) {
  JOIST_RETURN_IF_ERROR(CheckDatasetName(name.Dataset()));
  return CheckName("table", name.table, "_- ");
}

int64_t NumberOf(const std::string& text) {
  int64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

/// Of "project.dataset"; a project may have dots, a dataset has none.
DatasetName DatasetOfSchema(const std::string& schema) {
  const size_t dot = schema.rfind('.');
  return {schema.substr(0, dot), schema.substr(dot + 1)};
}

std::string Hidden(std::string_view table) {
  return std::string(kHiddenSchema) + "." + Quoted(table);
}

std::string WhereTable(const TableName& name) {
  return " WHERE schema_name = " + QuotedText(name.Dataset().SchemaName()) +
         " AND table_name = " + QuotedText(name.table);
}

std::string InsertTable(const TableInfo& info) {
  return "INSERT INTO " + Hidden("joist_tables") + " VALUES (" +
         QuotedText(info.name.Dataset().SchemaName()) + ", " + QuotedText(info.name.table) + ", " +
         QuotedText(SchemaToJson(*info.schema)) + ", " + QuotedText(info.resource) + ", " +
         std::to_string(info.created) + ", " + std::to_string(info.modified) + ")";
}

std::string ColumnsOf(const Schema& schema) {
  std::string columns;
  for (const Field& field : schema.fields) {
    if (!columns.empty()) columns += ", ";
    columns += SqlColumnOf(field);
  }
  return columns;
}

/// The columns of a table as DuckDB has them; a description of before stays where the column is
/// still the same. A view whose tables have gone has no columns until they are there again.
Schema SchemaInSql(DuckConnection* connection, const TableName& name, const Schema& before) {
  Schema schema;
  Result<DuckResult> columns = connection->Query("SELECT * FROM " + name.Sql() + " LIMIT 0");
  if (!columns.ok()) return schema;
  duckdb_result* const result = columns->get();
  for (idx_t i = 0; i < duckdb_column_count(result); ++i) {
    const DuckType type(duckdb_column_logical_type(result, i));
    Result<Field> field = FieldOf(duckdb_column_name(result, i), type.get());
    if (!field.ok()) continue;
    const int old = before.Find(field->name);
    const Field* known = old < 0 ? nullptr : &before.fields[static_cast<size_t>(old)];
    const bool same = known != nullptr && SqlTypeOf(*known) == SqlTypeOf(*field);
    schema.fields.push_back(same ? *known : std::move(field).value());
  }
  return schema;
}

/// The statements that turn a table's columns into others.
std::vector<std::string> AlterTable(const std::string& table, const Schema& from,
                                    const Schema& to) {
  std::vector<std::string> statements;
  const std::string alter = "ALTER TABLE " + table + " ";
  for (const Field& field : to.fields) {
    const int before = from.Find(field.name);
    if (before < 0) {
      statements.push_back(alter + "ADD COLUMN " + SqlColumnOf(field));
      continue;
    }
    const Field& old = from.fields[static_cast<size_t>(before)];
    if (SqlTypeOf(old) != SqlTypeOf(field)) {
      statements.push_back(alter + "ALTER COLUMN " + Quoted(old.name) + " TYPE " +
                           SqlTypeOf(field));
    }
    if (old.mode == FieldMode::kRequired && field.mode != FieldMode::kRequired) {
      statements.push_back(alter + "ALTER COLUMN " + Quoted(old.name) + " DROP NOT NULL");
    }
  }
  return statements;
}

}  // namespace

int64_t NowMicroseconds() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

int64_t NowMilliseconds() { return NowMicroseconds() / 1000; }

std::string KeyOf(const DatasetName& name) { return Lower(name.SchemaName()); }

std::pair<std::string, std::string> KeyOf(const TableName& name) {
  return {KeyOf(name.Dataset()), Lower(name.table)};
}

Status NoDataset(const DatasetName& name) {
  return NotFound("Not found: Dataset " + name.project + ":" + name.dataset);
}

Status NoTable(const TableName& name) { return NotFound("Not found: Table " + name.ToString()); }

Result<TableName> TableNameOfPath(std::string_view path) {
  std::vector<std::string> parts;
  while (parts.size() < 6 && !path.empty()) {
    const size_t slash = path.find('/');
    parts.emplace_back(path.substr(0, slash));
    path.remove_prefix(slash == std::string_view::npos ? path.size() : slash + 1);
  }
  if (parts.size() == 6 && parts[0] == "projects" && parts[2] == "datasets" &&
      parts[4] == "tables") {
    return TableName{parts[1], parts[3], parts[5]};
  }
  return InvalidArgument(
      "a table is named projects/PROJECT/datasets/DATASET/tables/TABLE in this call");
}

Result<std::unique_ptr<TableStore>> TableStore::Open(const TableStoreOptions& options) {
  std::unique_ptr<TableStore> store(new TableStore(options));
  JOIST_RETURN_IF_ERROR(store->OpenDatabase());
  JOIST_RETURN_IF_ERROR(store->CreateHiddenTables());
  JOIST_RETURN_IF_ERROR(store->LoadCatalog());
  JOIST_RETURN_IF_ERROR(store->LoadStreams());
  JOIST_RETURN_IF_ERROR(store->SyncCatalogOn(store->writer_.get()));
  store->thread_ = std::thread([store = store.get()] { store->Write(); });
  return store;
}

TableStore::TableStore(const TableStoreOptions& options) : options_(options) {}

TableStore::~TableStore() {
  {
    const std::scoped_lock lock(mutex_);
    stop_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

Status TableStore::OpenDatabase() {
  std::error_code error;
  std::filesystem::create_directories(options_.folder, error);
  if (error) {
    return FromErrno(error.value(), "cannot make the folder of the tables " + options_.folder);
  }
  duckdb_config config = nullptr;
  if (duckdb_create_config(&config) == DuckDBError) return Internal("no memory for DuckDB");
  const auto set = [&](const char* name, const std::string& value) {
    return duckdb_set_config(config, name, value.c_str()) == DuckDBSuccess;
  };
  const bool accepted =
      set("memory_limit", std::to_string(options_.memory) + "B") &&
      (options_.threads == 0 || set("threads", std::to_string(options_.threads))) &&
      // SQL reads tables and nothing else.
      set("enable_external_access", "false") && set("autoinstall_known_extensions", "false") &&
      set("autoload_known_extensions", "false");
  duckdb_database database = nullptr;
  char* message = nullptr;
  const std::string path = options_.folder + "/tables.duckdb";
  const bool opened =
      accepted && duckdb_open_ext(path.c_str(), &database, config, &message) == DuckDBSuccess;
  duckdb_destroy_config(&config);
  if (!opened) {
    const std::string why = message == nullptr ? "it refuses its settings" : OneLine(message);
    duckdb_free(message);
    return {StatusCode::kUnavailable, "cannot open the tables in " + options_.folder + ": " + why};
  }
  database_ = std::make_shared<DuckDatabase>(database);
  JOIST_ASSIGN_OR_RETURN(writer_, DuckConnection::Open(database_));
  return OkStatus();
}

Status TableStore::CreateHiddenTables() {
  DuckTransaction transaction(writer_.get());
  JOIST_RETURN_IF_ERROR(transaction.Begin());
  JOIST_RETURN_IF_ERROR(
      writer_->Execute("CREATE SCHEMA IF NOT EXISTS " + std::string(kHiddenSchema)));
  JOIST_RETURN_IF_ERROR(writer_->Execute(
      "CREATE TABLE IF NOT EXISTS " + Hidden("joist_datasets") +
      " (schema_name VARCHAR, resource VARCHAR, created BIGINT, modified BIGINT)"));
  JOIST_RETURN_IF_ERROR(writer_->Execute(
      "CREATE TABLE IF NOT EXISTS " + Hidden("joist_tables") +
      " (schema_name VARCHAR, table_name VARCHAR, fields VARCHAR, resource VARCHAR, "
      "created BIGINT, modified BIGINT)"));
  JOIST_RETURN_IF_ERROR(writer_->Execute(
      "CREATE TABLE IF NOT EXISTS " + Hidden("joist_streams") +
      " (name VARCHAR, type BIGINT, next BIGINT, flushed BIGINT, finalized BIGINT, "
      "committed BIGINT, created BIGINT)"));
  for (const std::string& statement : SqlFunctions()) {
    JOIST_RETURN_IF_ERROR(writer_->Execute(statement));
  }
  return transaction.Commit();
}

Status TableStore::LoadCatalog() {
  JOIST_ASSIGN_OR_RETURN(const auto datasets,
                         writer_->Texts("SELECT schema_name, resource, created::VARCHAR, "
                                        "modified::VARCHAR FROM " +
                                        Hidden("joist_datasets")));
  for (const auto& row : datasets) {
    const DatasetName name = DatasetOfSchema(row[0]);
    datasets_[KeyOf(name)] = {name, row[1], NumberOf(row[2]), NumberOf(row[3])};
  }
  JOIST_ASSIGN_OR_RETURN(const auto tables,
                         writer_->Texts("SELECT schema_name, table_name, fields, resource, "
                                        "created::VARCHAR, modified::VARCHAR FROM " +
                                        Hidden("joist_tables")));
  for (const auto& row : tables) {
    auto entry = std::make_shared<TableEntry>();
    const DatasetName dataset = DatasetOfSchema(row[0]);
    entry->info.name = {dataset.project, dataset.dataset, row[1]};
    JOIST_ASSIGN_OR_RETURN(Schema schema, SchemaFromJson(row[2]));
    entry->info.schema = std::make_shared<const Schema>(std::move(schema));
    entry->info.resource = row[3];
    entry->info.created = NumberOf(row[4]);
    entry->info.modified = NumberOf(row[5]);
    tables_[KeyOf(entry->info.name)] = std::move(entry);
  }
  return OkStatus();
}

Status TableStore::SyncCatalog() {
  return InWriter([this](DuckConnection* connection) { return SyncCatalogOn(connection); });
}

Status TableStore::RunDdl(const std::string& search_path, const std::string& sql) {
  return InWriter([&](DuckConnection* connection) -> Status {
    JOIST_RETURN_IF_ERROR(connection->Execute("SET search_path = " + QuotedText(search_path)));
    const Status status = connection->Execute(sql);
    JOIST_RETURN_IF_ERROR(connection->Execute("SET search_path = 'main'"));
    JOIST_RETURN_IF_ERROR(status);
    return SyncCatalogOn(connection);
  });
}

/// What SQL has made gets its description; what it has dropped loses it.
Status TableStore::SyncCatalogOn(DuckConnection* connection) {
  JOIST_ASSIGN_OR_RETURN(
      const auto schemas,
      connection->Texts("SELECT DISTINCT schema_name FROM duckdb_schemas() WHERE NOT internal AND "
                        "contains(schema_name, '.')"));
  JOIST_ASSIGN_OR_RETURN(
      const auto tables,
      connection->Texts("SELECT schema_name, table_name, 'TABLE' FROM duckdb_tables() WHERE NOT "
                        "internal AND contains(schema_name, '.') UNION ALL SELECT schema_name, "
                        "view_name, 'VIEW' FROM duckdb_views() WHERE NOT internal AND "
                        "contains(schema_name, '.')"));
  std::set<std::string> seen_schemas;
  std::set<std::pair<std::string, std::string>> seen_tables;
  const std::unique_lock lock(catalog_mutex_);
  for (const auto& row : schemas) {
    const DatasetName name = DatasetOfSchema(row[0]);
    seen_schemas.insert(KeyOf(name));
    if (datasets_.contains(KeyOf(name))) continue;
    const int64_t now = NowMilliseconds();
    JOIST_RETURN_IF_ERROR(connection->Execute(
        "INSERT INTO " + Hidden("joist_datasets") + " VALUES (" + QuotedText(row[0]) + ", '{}', " +
        std::to_string(now) + ", " + std::to_string(now) + ")"));
    datasets_[KeyOf(name)] = {name, "{}", now, now};
  }
  for (const auto& row : tables) {
    const DatasetName dataset = DatasetOfSchema(row[0]);
    const TableName name{dataset.project, dataset.dataset, row[1]};
    seen_tables.insert(KeyOf(name));
    const auto known = tables_.find(KeyOf(name));
    auto entry = std::make_shared<TableEntry>();
    if (known != tables_.end()) *entry = *known->second;
    const Schema schema = SchemaInSql(connection, name, *entry->info.schema);
    const bool same = known != tables_.end() && schema == *entry->info.schema;
    entry->info.is_view = row[2] == "VIEW";
    if (!same) {
      entry->info.name = name;
      entry->info.schema = std::make_shared<const Schema>(schema);
      entry->info.modified = NowMilliseconds();
      if (entry->info.created == 0) entry->info.created = entry->info.modified;
      JOIST_RETURN_IF_ERROR(
          connection->Execute("DELETE FROM " + Hidden("joist_tables") + WhereTable(name)));
      JOIST_RETURN_IF_ERROR(connection->Execute(InsertTable(entry->info)));
    }
    tables_[KeyOf(name)] = std::move(entry);
  }
  for (auto at = tables_.begin(); at != tables_.end();) {
    if (seen_tables.contains(at->first)) {
      ++at;
      continue;
    }
    const TableName name = at->second->info.name;
    JOIST_RETURN_IF_ERROR(
        connection->Execute("DELETE FROM " + Hidden("joist_tables") + WhereTable(name)));
    JOIST_RETURN_IF_ERROR(DropStreamsOf(connection, name));
    at = tables_.erase(at);
  }
  for (auto at = datasets_.begin(); at != datasets_.end();) {
    if (seen_schemas.contains(at->first)) {
      ++at;
      continue;
    }
    JOIST_RETURN_IF_ERROR(
        connection->Execute("DELETE FROM " + Hidden("joist_datasets") +
                            " WHERE schema_name = " + QuotedText(at->second.name.SchemaName())));
    at = datasets_.erase(at);
  }
  return OkStatus();
}

Status TableStore::CreateDataset(const DatasetName& name, const std::string& resource) {
  JOIST_RETURN_IF_ERROR(CheckDatasetName(name));
  return InWriter([&](DuckConnection* connection) -> Status {
    if (GetDataset(name).ok()) {
      return {StatusCode::kAlreadyExists,
              "Already Exists: Dataset " + name.project + ":" + name.dataset};
    }
    const int64_t now = NowMilliseconds();
    JOIST_RETURN_IF_ERROR(connection->Execute("CREATE SCHEMA " + Quoted(name.SchemaName())));
    JOIST_RETURN_IF_ERROR(connection->Execute("INSERT INTO " + Hidden("joist_datasets") +
                                              " VALUES (" + QuotedText(name.SchemaName()) + ", " +
                                              QuotedText(resource) + ", " + std::to_string(now) +
                                              ", " + std::to_string(now) + ")"));
    const std::unique_lock lock(catalog_mutex_);
    datasets_[KeyOf(name)] = {name, resource, now, now};
    return OkStatus();
  });
}

Result<DatasetInfo> TableStore::GetDataset(const DatasetName& name) const {
  const std::shared_lock lock(catalog_mutex_);
  const auto found = datasets_.find(KeyOf(name));
  if (found == datasets_.end()) return NoDataset(name);
  return found->second;
}

std::vector<DatasetInfo> TableStore::ListDatasets(const std::string& project) const {
  std::vector<DatasetInfo> datasets = ListDatasets();
  std::erase_if(datasets, [&project](const DatasetInfo& info) {
    return !SameName(info.name.project, project);
  });
  return datasets;
}

std::vector<DatasetInfo> TableStore::ListDatasets() const {
  std::vector<DatasetInfo> datasets;
  const std::shared_lock lock(catalog_mutex_);
  for (const auto& [key, info] : datasets_) datasets.push_back(info);
  return datasets;
}

Status TableStore::UpdateDataset(const DatasetName& name, const std::string& resource) {
  return InWriter([&](DuckConnection* connection) -> Status {
    JOIST_ASSIGN_OR_RETURN(DatasetInfo info, GetDataset(name));
    info.resource = resource;
    info.modified = NowMilliseconds();
    JOIST_RETURN_IF_ERROR(connection->Execute(
        "UPDATE " + Hidden("joist_datasets") + " SET resource = " + QuotedText(resource) +
        ", modified = " + std::to_string(info.modified) +
        " WHERE schema_name = " + QuotedText(info.name.SchemaName())));
    const std::unique_lock lock(catalog_mutex_);
    datasets_[KeyOf(name)] = info;
    return OkStatus();
  });
}

Status TableStore::DeleteDataset(const DatasetName& name, bool contents) {
  return InWriter([&](DuckConnection* connection) -> Status {
    JOIST_ASSIGN_OR_RETURN(const DatasetInfo info, GetDataset(name));
    JOIST_ASSIGN_OR_RETURN(const std::vector<TableInfo> tables, ListTables(name));
    if (!tables.empty() && !contents) {
      return {StatusCode::kFailedPrecondition,
              "Dataset " + name.project + ":" + name.dataset + " is still in use"};
    }
    JOIST_RETURN_IF_ERROR(
        connection->Execute("DROP SCHEMA " + Quoted(info.name.SchemaName()) + " CASCADE"));
    return SyncCatalogOn(connection);
  });
}

Status TableStore::CreateTable(const TableName& name, const Schema& schema,
                               const std::string& resource) {
  JOIST_RETURN_IF_ERROR(CheckTableName(name));
  if (schema.fields.empty()) {
    return InvalidArgument("the table " + name.ToString() + " needs a schema with a field");
  }
  return InWriter([&](DuckConnection* connection) -> Status {
    JOIST_ASSIGN_OR_RETURN(const DatasetInfo dataset, GetDataset(name.Dataset()));
    if (FindTable(name).ok()) {
      return {StatusCode::kAlreadyExists, "Already Exists: Table " + name.ToString()};
    }
    auto entry = std::make_shared<TableEntry>();
    entry->info.name = {dataset.name.project, dataset.name.dataset, name.table};
    entry->info.schema = std::make_shared<const Schema>(schema);
    entry->info.resource = resource;
    entry->info.created = entry->info.modified = NowMilliseconds();
    JOIST_RETURN_IF_ERROR(connection->Execute("CREATE TABLE " + entry->info.name.Sql() + " (" +
                                              ColumnsOf(schema) + ")"));
    JOIST_RETURN_IF_ERROR(connection->Execute(InsertTable(entry->info)));
    const std::unique_lock lock(catalog_mutex_);
    tables_[KeyOf(name)] = std::move(entry);
    return OkStatus();
  });
}

Result<std::shared_ptr<const TableStore::TableEntry>> TableStore::FindTable(
    const TableName& name) const {
  const std::shared_lock lock(catalog_mutex_);
  const auto found = tables_.find(KeyOf(name));
  if (found != tables_.end()) return found->second;
  return datasets_.contains(KeyOf(name.Dataset())) ? NoTable(name) : NoDataset(name.Dataset());
}

Result<TableInfo> TableStore::GetTable(const TableName& name) const {
  JOIST_ASSIGN_OR_RETURN(const auto entry, FindTable(name));
  return entry->info;
}

Result<std::vector<TableInfo>> TableStore::ListTables(const DatasetName& name) const {
  std::vector<TableInfo> tables;
  const std::shared_lock lock(catalog_mutex_);
  if (!datasets_.contains(KeyOf(name))) return NoDataset(name);
  for (auto at = tables_.lower_bound({KeyOf(name), ""});
       at != tables_.end() && at->first.first == KeyOf(name); ++at) {
    tables.push_back(at->second->info);
  }
  return tables;
}

Status TableStore::UpdateTable(const TableName& name, const Schema& schema,
                               const std::string& resource) {
  return InWriter([&](DuckConnection* connection) -> Status {
    JOIST_ASSIGN_OR_RETURN(const auto known, FindTable(name));
    auto entry = std::make_shared<TableEntry>(*known);
    if (!entry->info.is_view) {
      JOIST_RETURN_IF_ERROR(CheckSchemaChange(*entry->info.schema, schema));
      std::vector<std::string> statements =
          AlterTable(entry->info.name.Sql(), *entry->info.schema, schema);
      for (const auto& [stream_name, stream] : streams_) {
        if (stream->rows_table.empty() || KeyOf(stream->info.table) != KeyOf(name)) continue;
        const auto more = AlterTable(Hidden(stream->rows_table), *entry->info.schema, schema);
        statements.insert(statements.end(), more.begin(), more.end());
      }
      for (const std::string& statement : statements) {
        JOIST_RETURN_IF_ERROR(connection->Execute(statement));
      }
      // DuckDB adds columns at the end, wherever they stand in what was given.
      Schema ordered;
      for (const Field& field : entry->info.schema->fields) {
        ordered.fields.push_back(schema.fields[static_cast<size_t>(schema.Find(field.name))]);
      }
      for (const Field& field : schema.fields) {
        if (ordered.Find(field.name) < 0) ordered.fields.push_back(field);
      }
      entry->info.schema = std::make_shared<const Schema>(std::move(ordered));
    }
    entry->info.resource = resource;
    entry->info.modified = NowMilliseconds();
    JOIST_RETURN_IF_ERROR(connection->Execute("DELETE FROM " + Hidden("joist_tables") +
                                              WhereTable(entry->info.name)));
    JOIST_RETURN_IF_ERROR(connection->Execute(InsertTable(entry->info)));
    const std::unique_lock lock(catalog_mutex_);
    tables_[KeyOf(name)] = std::move(entry);
    return OkStatus();
  });
}

Status TableStore::DeleteTable(const TableName& name) {
  return InWriter([&](DuckConnection* connection) -> Status {
    JOIST_ASSIGN_OR_RETURN(const auto entry, FindTable(name));
    const std::string kind = entry->info.is_view ? "VIEW " : "TABLE ";
    JOIST_RETURN_IF_ERROR(connection->Execute("DROP " + kind + entry->info.name.Sql()));
    JOIST_RETURN_IF_ERROR(connection->Execute("DELETE FROM " + Hidden("joist_tables") +
                                              WhereTable(entry->info.name)));
    JOIST_RETURN_IF_ERROR(DropStreamsOf(connection, name));
    const std::unique_lock lock(catalog_mutex_);
    tables_.erase(KeyOf(name));
    return OkStatus();
  });
}

Result<TableSize> TableStore::SizeOf(const TableName& name) {
  JOIST_ASSIGN_OR_RETURN(const auto entry, FindTable(name));
  JOIST_ASSIGN_OR_RETURN(auto connection, TakeConnection());
  JOIST_ASSIGN_OR_RETURN(const auto rows, connection->Texts("SELECT count(*)::VARCHAR FROM " +
                                                            entry->info.name.Sql()));
  GiveBack(std::move(connection));
  return TableSize{NumberOf(rows[0][0]), entry->appended_bytes->load()};
}

Status TableStore::Truncate(const TableName& name) {
  return InWriter([&](DuckConnection* connection) -> Status {
    JOIST_ASSIGN_OR_RETURN(const auto entry, FindTable(name));
    return connection->Execute("DELETE FROM " + entry->info.name.Sql());
  });
}

Result<std::unique_ptr<DuckConnection>> TableStore::TakeConnection() {
  {
    const std::scoped_lock lock(connections_mutex_);
    if (!connections_.empty()) {
      auto connection = std::move(connections_.back());
      connections_.pop_back();
      return connection;
    }
  }
  return DuckConnection::Open(database_);
}

void TableStore::GiveBack(std::unique_ptr<DuckConnection> connection) {
  constexpr size_t kMostKept = 16;
  const std::scoped_lock lock(connections_mutex_);
  if (connections_.size() < kMostKept) connections_.push_back(std::move(connection));
}

TableFigures TableStore::Figures() const {
  return {appended_rows_, appended_bytes_, append_commits_, queries_, failed_queries_};
}

void TableStore::CountQuery(bool failed) {
  ++queries_;
  if (failed) ++failed_queries_;
}

}  // namespace joist::tables
