// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/store/tables/query.h"

#include <chrono>
#include <mutex>
#include <thread>
#include <utility>

#include "joist/base/one_line.h"
#include "joist/store/tables/value_text.h"

namespace joist::tables {

namespace {

/// A prepared statement.
class Prepared {
 public:
  Prepared() = default;
  Prepared(Prepared&& other) noexcept : statement_(std::exchange(other.statement_, nullptr)) {}
  Prepared& operator=(Prepared&&) = delete;
  ~Prepared() { duckdb_destroy_prepare(&statement_); }
  duckdb_prepared_statement get() const { return statement_; }
  duckdb_prepared_statement* fill() { return &statement_; }

 private:
  duckdb_prepared_statement statement_ = nullptr;
};

Status FailureOf(const char* error) {
  std::string message = OneLine(error == nullptr ? "DuckDB gives no reason" : error);
  const bool missing = message.starts_with("Catalog Error: Table with name") ||
                       (message.starts_with("Catalog Error: ") &&
                        message.find("does not exist") != std::string::npos &&
                        message.find("Function") == std::string::npos &&
                        message.find("Type with name") == std::string::npos);
  if (missing) return NotFound("Not found: " + message);
  if (message.starts_with("INTERRUPT")) return {StatusCode::kCancelled, "the query was stopped"};
  if (message.starts_with("Out of Memory Error")) {
    return {StatusCode::kResourceExhausted, std::move(message)};
  }
  return InvalidArgument(std::move(message));
}

/// What user's SQL may be, once DuckDB has read it.
bool IsAllowed(duckdb_statement_type type) {
  switch (type) {
    case DUCKDB_STATEMENT_TYPE_SELECT:
    case DUCKDB_STATEMENT_TYPE_INSERT:
    case DUCKDB_STATEMENT_TYPE_UPDATE:
    case DUCKDB_STATEMENT_TYPE_DELETE:
    case DUCKDB_STATEMENT_TYPE_CREATE:
    case DUCKDB_STATEMENT_TYPE_MERGE_INTO: return true;
    default: return false;
  }
}

Result<Prepared> Prepare(const DuckConnection& connection, const std::string& sql) {
  duckdb_extracted_statements statements = nullptr;
  const idx_t count = duckdb_extract_statements(connection.get(), sql.c_str(), &statements);
  Status status;
  Prepared prepared;
  if (count != 1) {
    const char* error = duckdb_extract_statements_error(statements);
    status =
        count == 0 ? FailureOf(error) : InvalidArgument("only one statement can be run at once");
  } else if (duckdb_prepare_extracted_statement(connection.get(), statements, 0, prepared.fill()) ==
             DuckDBError) {
    status = FailureOf(duckdb_prepare_error(prepared.get()));
  } else if (!IsAllowed(duckdb_prepared_statement_type(prepared.get()))) {
    status = InvalidArgument("Statement not supported: it neither reads nor changes tables");
  }
  duckdb_destroy_extracted(&statements);
  if (!status.ok()) return status;
  return prepared;
}

/// A value of DuckDB.
class DuckValue {
 public:
  explicit DuckValue(duckdb_value value) : value_(value) {}
  DuckValue(DuckValue&& other) noexcept : value_(std::exchange(other.value_, nullptr)) {}
  DuckValue& operator=(DuckValue&&) = delete;
  ~DuckValue() {
    if (value_ != nullptr) duckdb_destroy_value(&value_);
  }
  duckdb_value get() const { return value_; }

 private:
  duckdb_value value_;
};

Result<DuckValue> ScalarOf(const QueryParameter& parameter, const std::string& text) {
  const auto wrong = [&]() -> Status {
    return InvalidArgument("the parameter " + (parameter.name.empty() ? "?" : parameter.name) +
                           " is no " + std::string(FieldTypeName(parameter.type.type)) + ": " +
                           text);
  };
  switch (parameter.type.type) {
    case FieldType::kString:
    case FieldType::kJson: return DuckValue(duckdb_create_varchar_length(text.data(), text.size()));
    case FieldType::kBytes:
      if (const auto bytes = ReadBase64(text)) {
        return DuckValue(
            duckdb_create_blob(reinterpret_cast<const uint8_t*>(bytes->data()), bytes->size()));
      }
      return wrong();
    case FieldType::kInteger:
      if (const auto value = ReadInteger(text)) return DuckValue(duckdb_create_int64(*value));
      return wrong();
    case FieldType::kFloat:
      if (const auto value = ReadFloat(text)) return DuckValue(duckdb_create_double(*value));
      return wrong();
    case FieldType::kBoolean:
      if (const auto value = ReadBoolean(text)) return DuckValue(duckdb_create_bool(*value));
      return wrong();
    case FieldType::kNumeric:
      if (const auto value = ReadNumeric(text)) {
        const duckdb_hugeint whole{static_cast<uint64_t>(*value),
                                   static_cast<int64_t>(*value >> 64)};
        return DuckValue(duckdb_create_decimal({38, 9, whole}));
      }
      return wrong();
    case FieldType::kTimestamp:
      if (const auto value = ReadTimestamp(text)) {
        return DuckValue(duckdb_create_timestamp_tz({*value}));
      }
      return wrong();
    case FieldType::kDatetime:
      if (const auto value = ReadDatetime(text))
        return DuckValue(duckdb_create_timestamp({*value}));
      return wrong();
    case FieldType::kDate:
      if (const auto value = ReadDate(text)) return DuckValue(duckdb_create_date({*value}));
      return wrong();
    case FieldType::kTime:
      if (const auto value = ReadTime(text)) return DuckValue(duckdb_create_time({*value}));
      return wrong();
    case FieldType::kRecord: break;
  }
  return InvalidArgument("parameters of the type STRUCT aren't taken; give their fields");
}

Result<DuckValue> ValueOf(const QueryParameter& parameter) {
  if (parameter.type.mode != FieldMode::kRepeated) {
    if (parameter.values.empty() || !parameter.values[0])
      return DuckValue(duckdb_create_null_value());
    return ScalarOf(parameter, *parameter.values[0]);
  }
  std::vector<DuckValue> values;
  std::vector<duckdb_value> handles;
  for (const auto& text : parameter.values) {
    if (!text) return InvalidArgument("an array as a parameter has no NULL");
    JOIST_ASSIGN_OR_RETURN(DuckValue value, ScalarOf(parameter, *text));
    handles.push_back(value.get());
    values.push_back(std::move(value));
  }
  Field element = parameter.type;
  element.mode = FieldMode::kNullable;
  return DuckValue(
      duckdb_create_list_value(DuckTypeOf(element).get(), handles.data(), handles.size()));
}

/// That of the name, or of the place of a `?`.
const QueryParameter* FindParameter(const std::vector<QueryParameter>& parameters,
                                    const std::string& name) {
  const std::optional<int64_t> place = ReadInteger(name);
  for (size_t i = 0; i < parameters.size(); ++i) {
    const bool is_place = place && *place == static_cast<int64_t>(i) + 1;
    if (parameters[i].name.empty() ? is_place : SameName(parameters[i].name, name)) {
      return &parameters[i];
    }
  }
  return nullptr;
}

Status Bind(const Prepared& prepared, const std::vector<QueryParameter>& parameters) {
  const idx_t count = duckdb_nparams(prepared.get());
  for (idx_t i = 1; i <= count; ++i) {
    const char* name = duckdb_parameter_name(prepared.get(), i);
    const std::string wanted = name == nullptr ? "" : name;
    duckdb_free(const_cast<char*>(name));
    const QueryParameter* found = FindParameter(parameters, wanted);
    if (found == nullptr) return InvalidArgument("Query parameter '" + wanted + "' not found");
    JOIST_ASSIGN_OR_RETURN(const DuckValue value, ValueOf(*found));
    if (duckdb_bind_value(prepared.get(), i, value.get()) == DuckDBError) {
      return FailureOf(duckdb_prepare_error(prepared.get()));
    }
  }
  return OkStatus();
}

/// Runs in small steps, so that it can be stopped between two.
Status Execute(const TableStore& store, const QueryRequest& request, DuckConnection* connection,
               const Prepared& prepared, DuckResult* result) {
  using Clock = std::chrono::steady_clock;
  const int64_t longest = store.options().query_milliseconds;
  const int64_t milliseconds =
      request.milliseconds > 0 ? std::min(request.milliseconds, longest) : longest;
  const Clock::time_point deadline = Clock::now() + std::chrono::milliseconds(milliseconds);
  duckdb_pending_result pending = nullptr;
  struct Destroy {
    duckdb_pending_result* pending;
    ~Destroy() { duckdb_destroy_pending(pending); }
  } const destroy{&pending};
  if (duckdb_pending_prepared(prepared.get(), &pending) == DuckDBError) {
    return FailureOf(duckdb_pending_error(pending));
  }
  while (true) {
    const duckdb_pending_state state = duckdb_pending_execute_task(pending);
    if (state == DUCKDB_PENDING_ERROR) return FailureOf(duckdb_pending_error(pending));
    if (duckdb_pending_execution_is_finished(state)) break;
    const bool cancelled = request.cancelled != nullptr && *request.cancelled;
    if (cancelled || Clock::now() > deadline) {
      // DuckDB lets go of what the query holds once it has seen that it was interrupted.
      connection->Interrupt();
      while (true) {
        const duckdb_pending_state last = duckdb_pending_execute_task(pending);
        if (last == DUCKDB_PENDING_ERROR || duckdb_pending_execution_is_finished(last)) break;
        std::this_thread::sleep_for(std::chrono::microseconds(100));
      }
      if (cancelled) {
        return {StatusCode::kCancelled, "Job execution was cancelled: User requested cancellation"};
      }
      return {StatusCode::kDeadlineExceeded,
              "the query took longer than " + std::to_string(milliseconds) + " ms"};
    }
    // Other threads of DuckDB are at it, and there is nothing to help with.
    if (state == DUCKDB_PENDING_NO_TASKS_AVAILABLE) {
      std::this_thread::sleep_for(std::chrono::microseconds(100));
    }
  }
  if (duckdb_execute_pending(pending, result->fill()) == DuckDBError) {
    return FailureOf(duckdb_result_error(result->get()));
  }
  return OkStatus();
}

Result<Schema> SchemaOf(const Prepared& prepared) {
  Schema schema;
  for (idx_t i = 0; i < duckdb_prepared_statement_column_count(prepared.get()); ++i) {
    const char* name = duckdb_prepared_statement_column_name(prepared.get(), i);
    const std::string text = name == nullptr ? "f" + std::to_string(i) + "_" : name;
    duckdb_free(const_cast<char*>(name));
    const DuckType type(duckdb_prepared_statement_column_logical_type(prepared.get(), i));
    JOIST_ASSIGN_OR_RETURN(Field field, FieldOf(text, type.get()));
    schema.fields.push_back(std::move(field));
  }
  return schema;
}

/// Bytes that a chunk holds, about.
int64_t SizeOfChunk(const Chunk& chunk) {
  int64_t bytes = 0;
  for (size_t i = 0; i < chunk.columns(); ++i) {
    bytes += static_cast<int64_t>(chunk.rows()) * 16;
    const DuckType type(duckdb_vector_get_column_type(chunk.column(i)));
    if (type.id() != DUCKDB_TYPE_VARCHAR && type.id() != DUCKDB_TYPE_BLOB) continue;
    const void* data = duckdb_vector_get_data(chunk.column(i));
    const uint64_t* validity = duckdb_vector_get_validity(chunk.column(i));
    for (size_t row = 0; row < chunk.rows(); ++row) {
      if (HasValue(validity, row)) bytes += static_cast<int64_t>(TextAt(data, row).size());
    }
  }
  return bytes;
}

Status TakeRows(const TableStore& store, DuckResult* from, QueryResult* result) {
  int64_t bytes = 0;
  while (true) {
    JOIST_ASSIGN_OR_RETURN(Chunk chunk, from->Next());
    if (chunk.rows() == 0) return OkStatus();
    bytes += SizeOfChunk(chunk);
    if (bytes > store.options().result_bytes) {
      return {StatusCode::kResourceExhausted,
              "Response too large to return; give the query a destination table"};
    }
    result->rows += static_cast<int64_t>(chunk.rows());
    result->chunks.push_back(std::move(chunk));
  }
}

/// `sql` into a table; whole numbers of any width become BigQuery's.
std::string IntoTable(const std::string& sql, const Schema& schema, const TableName& table,
                      bool create) {
  std::string columns;
  for (const Field& field : schema.fields) {
    if (!columns.empty()) columns += ", ";
    columns += field.type == FieldType::kRecord
                   ? Quoted(field.name)
                   : "CAST(" + Quoted(field.name) + " AS " + SqlTypeOf(field) + ") AS " +
                         Quoted(field.name);
  }
  return (create ? "CREATE OR REPLACE TABLE " + table.Sql() + " AS "
                 : "INSERT INTO " + table.Sql() + " BY NAME ") +
         "SELECT " + columns + " FROM (" + sql + ")";
}

/// The rows of `sql` in a table that is made for them: nobody else changes it.
Status RunIntoNewTable(TableStore* store, const QueryRequest& request, const std::string& sql,
                       DuckConnection* connection, QueryResult* result) {
  JOIST_RETURN_IF_ERROR(store->CreateTable(*request.new_table, result->schema, "{}"));
  const auto insert = [&]() -> Status {
    JOIST_ASSIGN_OR_RETURN(
        const Prepared into,
        Prepare(*connection, IntoTable(sql, result->schema, *request.new_table, false)));
    JOIST_RETURN_IF_ERROR(Bind(into, request.parameters));
    DuckResult rows;
    JOIST_RETURN_IF_ERROR(Execute(*store, request, connection, into, &rows));
    result->rows = static_cast<int64_t>(duckdb_rows_changed(rows.get()));
    return OkStatus();
  };
  Status status = insert();
  if (!status.ok()) JOIST_RETURN_IF_ERROR(store->DeleteTable(*request.new_table));
  return status;
}

/// The statement on a connection of its own.
Status RunOn(TableStore* store, const QueryRequest& request, const DuckSql& duck,
             DuckConnection* connection, QueryResult* result) {
  std::string search_path = "main";
  if (!request.dataset.empty()) {
    search_path = Quoted(request.project + "." + request.dataset) + ",main";
  }
  if (duck.kind == SqlKind::kDdl) {
    if (request.dry_run) return OkStatus();
    const Status status = store->RunDdl(search_path, duck.sql);
    return status.ok() ? status : FailureOf(status.message().c_str());
  }
  JOIST_RETURN_IF_ERROR(connection->Execute("SET search_path = " + QuotedText(search_path)));
  JOIST_ASSIGN_OR_RETURN(const Prepared first, Prepare(*connection, duck.sql));
  JOIST_RETURN_IF_ERROR(Bind(first, request.parameters));
  const bool selects = duck.kind == SqlKind::kSelect;
  if (selects) {
    JOIST_ASSIGN_OR_RETURN(result->schema, SchemaOf(first));
  }
  if (request.dry_run) return OkStatus();
  DuckResult rows;
  if (selects && request.new_table) {
    return RunIntoNewTable(store, request, duck.sql, connection, result);
  }
  if (selects && !request.destination) {
    JOIST_RETURN_IF_ERROR(Execute(*store, request, connection, first, &rows));
    return TakeRows(*store, &rows, result);
  }
  const std::scoped_lock lock(store->dml_mutex());
  if (selects) {
    const bool create = request.truncate || !store->GetTable(*request.destination).ok();
    JOIST_ASSIGN_OR_RETURN(
        const Prepared into,
        Prepare(*connection, IntoTable(duck.sql, result->schema, *request.destination, create)));
    JOIST_RETURN_IF_ERROR(Bind(into, request.parameters));
    JOIST_RETURN_IF_ERROR(Execute(*store, request, connection, into, &rows));
    JOIST_RETURN_IF_ERROR(store->SyncCatalog());
    return OkStatus();
  }
  JOIST_RETURN_IF_ERROR(Execute(*store, request, connection, first, &rows));
  if (duck.kind == SqlKind::kCreateTableAs) return store->SyncCatalog();
  result->affected = static_cast<int64_t>(duckdb_rows_changed(rows.get()));
  return OkStatus();
}

}  // namespace

Result<QueryResult> RunQuery(TableStore* store, const QueryRequest& request) {
  const auto run = [&]() -> Result<QueryResult> {
    const SqlNames names{request.project, request.dataset,
                         [store](const std::string& project, const std::string& dataset) {
                           return store->GetDataset({project, dataset}).ok();
                         },
                         [&request](const std::string& name) {
                           const auto* found = FindParameter(request.parameters, name);
                           return found == nullptr ? "" : SqlTypeOf(found->type);
                         }};
    JOIST_ASSIGN_OR_RETURN(const DuckSql duck, RewriteSql(request.sql, names));
    if (!request.dataset.empty()) {
      JOIST_RETURN_IF_ERROR(store->GetDataset({request.project, request.dataset}).status());
    }
    QueryResult result;
    result.statement_type = duck.statement_type;
    JOIST_ASSIGN_OR_RETURN(auto connection, store->TakeConnection());
    JOIST_RETURN_IF_ERROR(RunOn(store, request, duck, connection.get(), &result));
    store->GiveBack(std::move(connection));
    return result;
  };
  Result<QueryResult> result = run();
  store->CountQuery(!result.ok());
  return result;
}

Result<std::unique_ptr<QueryStream>> QueryStream::Open(TableStore* store, const std::string& sql) {
  std::unique_ptr<QueryStream> stream(new QueryStream);
  JOIST_ASSIGN_OR_RETURN(stream->connection_, store->TakeConnection());
  JOIST_ASSIGN_OR_RETURN(const Prepared prepared, Prepare(*stream->connection_, sql));
  JOIST_ASSIGN_OR_RETURN(stream->schema_, SchemaOf(prepared));
  duckdb_pending_result pending = nullptr;
  Status status;
  if (duckdb_pending_prepared_streaming(prepared.get(), &pending) == DuckDBError) {
    status = FailureOf(duckdb_pending_error(pending));
  } else if (duckdb_execute_pending(pending, stream->result_.fill()) == DuckDBError) {
    status = FailureOf(duckdb_result_error(stream->result_.get()));
  }
  duckdb_destroy_pending(&pending);
  JOIST_RETURN_IF_ERROR(status);
  return stream;
}

}  // namespace joist::tables
