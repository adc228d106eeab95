// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/store/tables/duck.h"

#include <thread>

#include "joist/base/one_line.h"

namespace joist::tables {

namespace {

DuckType ElementTypeOf(const Field& field) {
  switch (field.type) {
    case FieldType::kString: return DuckType(duckdb_create_logical_type(DUCKDB_TYPE_VARCHAR));
    case FieldType::kBytes: return DuckType(duckdb_create_logical_type(DUCKDB_TYPE_BLOB));
    case FieldType::kInteger: return DuckType(duckdb_create_logical_type(DUCKDB_TYPE_BIGINT));
    case FieldType::kFloat: return DuckType(duckdb_create_logical_type(DUCKDB_TYPE_DOUBLE));
    case FieldType::kNumeric: return DuckType(duckdb_create_decimal_type(38, 9));
    case FieldType::kBoolean: return DuckType(duckdb_create_logical_type(DUCKDB_TYPE_BOOLEAN));
    case FieldType::kTimestamp:
      return DuckType(duckdb_create_logical_type(DUCKDB_TYPE_TIMESTAMP_TZ));
    case FieldType::kDatetime: return DuckType(duckdb_create_logical_type(DUCKDB_TYPE_TIMESTAMP));
    case FieldType::kDate: return DuckType(duckdb_create_logical_type(DUCKDB_TYPE_DATE));
    case FieldType::kTime: return DuckType(duckdb_create_logical_type(DUCKDB_TYPE_TIME));
    case FieldType::kJson: {
      duckdb_logical_type type = duckdb_create_logical_type(DUCKDB_TYPE_VARCHAR);
      duckdb_logical_type_set_alias(type, "JSON");
      return DuckType(type);
    }
    case FieldType::kRecord: break;
  }
  std::vector<DuckType> types;
  std::vector<duckdb_logical_type> handles;
  std::vector<const char*> names;
  for (const Field& part : field.fields) {
    types.push_back(DuckTypeOf(part));
    handles.push_back(types.back().get());
    names.push_back(part.name.c_str());
  }
  return DuckType(duckdb_create_struct_type(handles.data(), names.data(), names.size()));
}

std::string AliasOf(duckdb_logical_type type) {
  char* alias = duckdb_logical_type_get_alias(type);
  if (alias == nullptr) return "";
  std::string text = alias;
  duckdb_free(alias);
  return text;
}

Result<std::vector<Field>> PartsOf(duckdb_logical_type type) {
  std::vector<Field> fields;
  for (idx_t i = 0; i < duckdb_struct_type_child_count(type); ++i) {
    char* name = duckdb_struct_type_child_name(type, i);
    const std::string text = name;
    duckdb_free(name);
    const DuckType part(duckdb_struct_type_child_type(type, i));
    JOIST_ASSIGN_OR_RETURN(Field field, FieldOf(text, part.get()));
    fields.push_back(std::move(field));
  }
  return fields;
}

}  // namespace

DuckType DuckTypeOf(const Field& field) {
  DuckType element = ElementTypeOf(field);
  if (field.mode != FieldMode::kRepeated) return element;
  return DuckType(duckdb_create_list_type(element.get()));
}

Result<Field> FieldOf(const std::string& name, duckdb_logical_type type) {
  Field field;
  field.name = name;
  switch (duckdb_get_type_id(type)) {
    case DUCKDB_TYPE_VARCHAR:
      field.type = AliasOf(type) == "JSON" ? FieldType::kJson : FieldType::kString;
      return field;
    case DUCKDB_TYPE_BLOB: field.type = FieldType::kBytes; return field;
    case DUCKDB_TYPE_TINYINT:
    case DUCKDB_TYPE_SMALLINT:
    case DUCKDB_TYPE_INTEGER:
    case DUCKDB_TYPE_BIGINT:
    case DUCKDB_TYPE_UTINYINT:
    case DUCKDB_TYPE_USMALLINT:
    case DUCKDB_TYPE_UINTEGER:
    case DUCKDB_TYPE_UBIGINT:
    case DUCKDB_TYPE_HUGEINT:
    case DUCKDB_TYPE_SQLNULL: field.type = FieldType::kInteger; return field;
    case DUCKDB_TYPE_FLOAT:
    case DUCKDB_TYPE_DOUBLE: field.type = FieldType::kFloat; return field;
    case DUCKDB_TYPE_DECIMAL: field.type = FieldType::kNumeric; return field;
    case DUCKDB_TYPE_BOOLEAN: field.type = FieldType::kBoolean; return field;
    case DUCKDB_TYPE_TIMESTAMP_TZ: field.type = FieldType::kTimestamp; return field;
    case DUCKDB_TYPE_TIMESTAMP: field.type = FieldType::kDatetime; return field;
    case DUCKDB_TYPE_DATE: field.type = FieldType::kDate; return field;
    case DUCKDB_TYPE_TIME: field.type = FieldType::kTime; return field;
    case DUCKDB_TYPE_STRUCT: {
      field.type = FieldType::kRecord;
      JOIST_ASSIGN_OR_RETURN(field.fields, PartsOf(type));
      return field;
    }
    case DUCKDB_TYPE_LIST: {
      const DuckType element(duckdb_list_type_child_type(type));
      if (element.id() == DUCKDB_TYPE_LIST) break;
      JOIST_ASSIGN_OR_RETURN(field, FieldOf(name, element.get()));
      field.mode = FieldMode::kRepeated;
      return field;
    }
    default: break;
  }
  return InvalidArgument("the column " + name +
                         " has a type of DuckDB that BigQuery lacks; CAST it to another");
}

Chunk::Chunk(const std::vector<DuckType>& types) {
  std::vector<duckdb_logical_type> handles;
  handles.reserve(types.size());
  for (const DuckType& type : types) handles.push_back(type.get());
  chunk_ = duckdb_create_data_chunk(handles.data(), handles.size());
}

Result<Chunk> DuckResult::Next() {
  Chunk chunk(duckdb_fetch_chunk(result_));
  if (chunk.rows() == 0) {
    const char* error = duckdb_result_error(&result_);
    if (error != nullptr && *error != '\0') return InvalidArgument(OneLine(error));
  }
  return chunk;
}

DuckDatabase::~DuckDatabase() {
  // Closing writes a checkpoint, which looks at settings that DuckDB keeps for each thread. A
  // process that exits has none for this thread any more.
  std::thread([this] { duckdb_close(&database_); }).join();
}

Result<std::unique_ptr<DuckConnection>> DuckConnection::Open(
    std::shared_ptr<DuckDatabase> database) {
  std::unique_ptr<DuckConnection> connection(new DuckConnection(std::move(database)));
  if (duckdb_connect(connection->database_->get(), &connection->connection_) == DuckDBError) {
    return Internal("DuckDB gives no connection to the tables' database");
  }
  JOIST_RETURN_IF_ERROR(connection->Execute("SET TimeZone = 'UTC'"));
  return connection;
}

Status DuckConnection::Execute(const std::string& sql) {
  const Result<DuckResult> result = Query(sql);
  return result.ok() ? OkStatus() : result.status();
}

Result<DuckResult> DuckConnection::Query(const std::string& sql) {
  DuckResult result;
  if (duckdb_query(connection_, sql.c_str(), result.fill()) == DuckDBError) {
    const char* error = duckdb_result_error(result.get());
    return InvalidArgument(OneLine(error == nullptr ? "DuckDB gives no reason" : error));
  }
  return result;
}

Result<std::vector<std::vector<std::string>>> DuckConnection::Texts(const std::string& sql) {
  JOIST_ASSIGN_OR_RETURN(DuckResult result, Query(sql));
  std::vector<std::vector<std::string>> rows;
  while (true) {
    JOIST_ASSIGN_OR_RETURN(const Chunk chunk, result.Next());
    if (chunk.rows() == 0) return rows;
    for (size_t row = 0; row < chunk.rows(); ++row) {
      rows.emplace_back();
      for (size_t i = 0; i < chunk.columns(); ++i) {
        const duckdb_vector column = chunk.column(i);
        const bool has = HasValue(duckdb_vector_get_validity(column), row);
        rows.back().emplace_back(has ? TextAt(duckdb_vector_get_data(column), row)
                                     : std::string_view());
      }
    }
  }
}

DuckTransaction::~DuckTransaction() {
  // Where DuckDB has already rolled back it says so, which is no news.
  if (open_) (void)connection_->Execute("ROLLBACK");
}

Status DuckTransaction::Begin() {
  JOIST_RETURN_IF_ERROR(connection_->Execute("BEGIN TRANSACTION"));
  open_ = true;
  return OkStatus();
}

Status DuckTransaction::Commit() {
  JOIST_RETURN_IF_ERROR(connection_->Execute("COMMIT"));
  open_ = false;
  return OkStatus();
}

}  // namespace joist::tables
