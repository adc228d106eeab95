// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// DuckDB's C API with owners for its handles and Status for its errors. A connection is used by one
// thread at a time; Interrupt may come from any.

#ifndef JOIST_STORE_TABLES_DUCK_H_
#define JOIST_STORE_TABLES_DUCK_H_

#include <duckdb.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "joist/base/status.h"
#include "joist/store/tables/schema.h"

namespace joist::tables {

/// A logical type of DuckDB.
class DuckType {
 public:
  explicit DuckType(duckdb_logical_type type) : type_(type) {}
  DuckType(DuckType&& other) noexcept : type_(std::exchange(other.type_, nullptr)) {}
  DuckType& operator=(DuckType&&) = delete;
  ~DuckType() {
    if (type_ != nullptr) duckdb_destroy_logical_type(&type_);
  }
  duckdb_logical_type get() const { return type_; }
  duckdb_type id() const { return duckdb_get_type_id(type_); }

 private:
  duckdb_logical_type type_;
};

/// The type of a column of that field.
DuckType DuckTypeOf(const Field& field);
/// The field that describes a column of a result; fails for types that BigQuery lacks.
Result<Field> FieldOf(const std::string& name, duckdb_logical_type type);

/// Up to 2,048 rows in columns.
class Chunk {
 public:
  Chunk() = default;
  explicit Chunk(duckdb_data_chunk chunk) : chunk_(chunk) {}
  explicit Chunk(const std::vector<DuckType>& types);
  Chunk(Chunk&& other) noexcept : chunk_(std::exchange(other.chunk_, nullptr)) {}
  Chunk& operator=(Chunk&& other) noexcept {
    std::swap(chunk_, other.chunk_);
    return *this;
  }
  ~Chunk() {
    if (chunk_ != nullptr) duckdb_destroy_data_chunk(&chunk_);
  }
  duckdb_data_chunk get() const { return chunk_; }
  size_t rows() const { return chunk_ == nullptr ? 0 : duckdb_data_chunk_get_size(chunk_); }
  size_t columns() const { return duckdb_data_chunk_get_column_count(chunk_); }
  duckdb_vector column(size_t i) const { return duckdb_data_chunk_get_vector(chunk_, i); }

 private:
  duckdb_data_chunk chunk_ = nullptr;
};

/// What a statement gave.
class DuckResult {
 public:
  DuckResult() = default;
  DuckResult(DuckResult&& other) noexcept
      : result_(other.result_), owns_(std::exchange(other.owns_, false)) {}
  DuckResult& operator=(DuckResult&& other) noexcept {
    std::swap(result_, other.result_);
    std::swap(owns_, other.owns_);
    return *this;
  }
  ~DuckResult() {
    if (owns_) duckdb_destroy_result(&result_);
  }
  /// To be filled by DuckDB; destroyed with this.
  duckdb_result* fill() {
    owns_ = true;
    return &result_;
  }
  duckdb_result* get() { return &result_; }
  /// The next rows; without rows at the end.
  Result<Chunk> Next();

 private:
  duckdb_result result_ = {};
  bool owns_ = false;
};

/// An open database; shared by its connections.
class DuckDatabase {
 public:
  explicit DuckDatabase(duckdb_database database) : database_(database) {}
  DuckDatabase(const DuckDatabase&) = delete;
  DuckDatabase& operator=(const DuckDatabase&) = delete;
  ~DuckDatabase();
  duckdb_database get() const { return database_; }

 private:
  duckdb_database database_;
};

/// A connection to it.
class DuckConnection {
 public:
  static Result<std::unique_ptr<DuckConnection>> Open(std::shared_ptr<DuckDatabase> database);
  DuckConnection(const DuckConnection&) = delete;
  DuckConnection& operator=(const DuckConnection&) = delete;
  ~DuckConnection() { duckdb_disconnect(&connection_); }
  duckdb_connection get() const { return connection_; }

  /// Runs statements without parameters.
  Status Execute(const std::string& sql);
  /// Runs a query of our own whose rows fit into memory.
  Result<DuckResult> Query(const std::string& sql);
  /// The texts of a query of our own, all of whose columns are VARCHAR; NULL is "".
  Result<std::vector<std::vector<std::string>>> Texts(const std::string& sql);
  void Interrupt() { duckdb_interrupt(connection_); }

 private:
  explicit DuckConnection(std::shared_ptr<DuckDatabase> database)
      : database_(std::move(database)) {}

  const std::shared_ptr<DuckDatabase> database_;
  duckdb_connection connection_ = nullptr;
};

/// BEGIN …; ROLLBACK at the end of the scope unless Commit was called.
class DuckTransaction {
 public:
  explicit DuckTransaction(DuckConnection* connection) : connection_(connection) {}
  DuckTransaction(const DuckTransaction&) = delete;
  DuckTransaction& operator=(const DuckTransaction&) = delete;
  ~DuckTransaction();
  Status Begin();
  Status Commit();

 private:
  DuckConnection* const connection_;
  bool open_ = false;
};

/// The text at a place of a column of texts or blobs; lives as long as the column.
inline std::string_view TextAt(const void* data, size_t row) {
  const auto& text = static_cast<const duckdb_string_t*>(data)[row];
  const uint32_t size = text.value.inlined.length;
  return {size <= sizeof(text.value.inlined.inlined) ? text.value.inlined.inlined
                                                     : text.value.pointer.ptr,
          size};
}

/// Whether a value of a column is there.
inline bool HasValue(const uint64_t* validity, size_t row) {
  return validity == nullptr || (validity[row / 64] >> row % 64 & 1) != 0;
}

}  // namespace joist::tables

#endif  // JOIST_STORE_TABLES_DUCK_H_
