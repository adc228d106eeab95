// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// DuckDB gives its chunks as Arrow's C structures; Arrow writes them as messages.

#include "joist/serve/bigquery/arrow_rows.h"

#include <arrow/api.h>
#include <arrow/c/bridge.h>
#include <arrow/ipc/api.h>

#include <utility>
#include <vector>

#include "joist/base/one_line.h"

namespace joist::serve {

namespace {

Status FromArrow(const arrow::Status& status) {
  return status.ok() ? OkStatus() : Internal("Arrow says: " + status.ToString());
}

/// Takes the error along.
Status FromDuck(duckdb_error_data error) {
  if (error == nullptr) return OkStatus();
  Status status;
  if (duckdb_error_data_has_error(error)) {
    status = Internal("DuckDB says: " + OneLine(duckdb_error_data_message(error)));
  }
  duckdb_destroy_error_data(&error);
  return status;
}

/// How DuckDB makes Arrow of its values.
class Options {
 public:
  explicit Options(duckdb_connection connection) {
    duckdb_connection_get_arrow_options(connection, &options_);
  }
  Options(const Options&) = delete;
  Options& operator=(const Options&) = delete;
  ~Options() { duckdb_destroy_arrow_options(&options_); }
  duckdb_arrow_options get() const { return options_; }

 private:
  duckdb_arrow_options options_ = nullptr;
};

Result<std::shared_ptr<arrow::Schema>> SchemaOf(const tables::QueryStream& rows,
                                                const Options& options) {
  std::vector<tables::DuckType> types;
  std::vector<duckdb_logical_type> handles;
  std::vector<const char*> names;
  for (const tables::Field& field : rows.schema().fields) {
    types.push_back(tables::DuckTypeOf(field));
    handles.push_back(types.back().get());
    names.push_back(field.name.c_str());
  }
  ArrowSchema schema = {};
  JOIST_RETURN_IF_ERROR(FromDuck(
      duckdb_to_arrow_schema(options.get(), handles.data(), names.data(), names.size(), &schema)));
  auto imported = arrow::ImportSchema(&schema);
  JOIST_RETURN_IF_ERROR(FromArrow(imported.status()));
  return *imported;
}

std::string TextOf(const arrow::Buffer& buffer) {
  return {reinterpret_cast<const char*>(buffer.data()), static_cast<size_t>(buffer.size())};
}

}  // namespace

bool HasArrow() { return true; }

Result<std::string> ArrowSchemaOf(const tables::QueryStream& rows) {
  const Options options(rows.connection());
  JOIST_ASSIGN_OR_RETURN(const auto schema, SchemaOf(rows, options));
  const auto buffer = arrow::ipc::SerializeSchema(*schema);
  JOIST_RETURN_IF_ERROR(FromArrow(buffer.status()));
  return TextOf(**buffer);
}

Result<std::string> ArrowBatchOf(const tables::QueryStream& rows, const tables::Chunk& chunk) {
  const Options options(rows.connection());
  JOIST_ASSIGN_OR_RETURN(const auto schema, SchemaOf(rows, options));
  ArrowArray array = {};
  JOIST_RETURN_IF_ERROR(FromDuck(duckdb_data_chunk_to_arrow(options.get(), chunk.get(), &array)));
  const auto batch = arrow::ImportRecordBatch(&array, schema);
  JOIST_RETURN_IF_ERROR(FromArrow(batch.status()));
  const auto buffer =
      arrow::ipc::SerializeRecordBatch(**batch, arrow::ipc::IpcWriteOptions::Defaults());
  JOIST_RETURN_IF_ERROR(FromArrow(buffer.status()));
  return TextOf(**buffer);
}

}  // namespace joist::serve
