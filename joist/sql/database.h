// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// DuckDB through its C API, as far as Sql needs it: a database in memory that may go to a temporary
// folder, its connections, blocks into tables, results into blocks. Errors are StatusExceptions of
// one line. Not for users: duckdb.h is not installed with Joist.

#ifndef JOIST_SQL_DATABASE_H_
#define JOIST_SQL_DATABASE_H_

#include <duckdb.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "joist/sql/block.h"

namespace joist::sql {

struct DatabaseSettings {
  int64_t memory = 0;            ///< Bytes.
  int threads = 0;               ///< At most; 0: as many as the machine has.
  std::string temporary_folder;  ///< Where a folder is made for what exceeds memory; may be empty.
};

/// Thread-safe. Its files are gone when it is.
class Database {
 public:
  explicit Database(const DatabaseSettings& settings);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

 private:
  friend class Connection;
  std::string folder_;
  duckdb_database database_ = nullptr;
};

/// What a statement gives: names and types, without running it.
struct ResultColumn {
  std::string name;
  duckdb_type type;
  std::string type_name;
};

/// Belongs to one thread at a time. A transaction that was not committed is undone at the end.
class Connection {
 public:
  explicit Connection(std::shared_ptr<Database> database);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// Runs a statement that gives no rows.
  void Execute(const std::string& statement);
  /// Refuses what is not one query without parameters.
  std::vector<ResultColumn> ColumnsOf(const std::string& query);
  /// Makes the tables in the schema that is set.
  void CreateTables(const std::vector<Table>& tables);

  duckdb_connection get() const { return connection_; }

 private:
  std::shared_ptr<Database> database_;
  duckdb_connection connection_ = nullptr;
};

/// Fills one table, block by block.
class TableAppender {
 public:
  TableAppender(const Connection& connection, const std::string& schema, const Table& table);
  ~TableAppender();
  TableAppender(const TableAppender&) = delete;
  TableAppender& operator=(const TableAppender&) = delete;

  void Append(BlockReader& block);
  /// Nothing can be appended any more; what was is in the table.
  void Close();

 private:
  [[noreturn]] void Fail() const;

  const Table& table_;
  duckdb_appender appender_ = nullptr;
  duckdb_data_chunk chunk_ = nullptr;
};

/// The result of a query, as it comes.
class ResultReader {
 public:
  /// `columns` are those of the statement.
  ResultReader(const Connection& connection, const std::string& statement,
               const std::vector<Column>& columns);
  ~ResultReader();
  ResultReader(const ResultReader&) = delete;
  ResultReader& operator=(const ResultReader&) = delete;

  /// Works on the query for a moment; whether there are results to fetch.
  bool Work();
  /// The next rows as a block; false at the end.
  bool Next(Bytes* block);

 private:
  void PutColumn(duckdb_vector vector, const Column& column, size_t rows, std::string* out) const;

  const std::vector<Column>& columns_;
  duckdb_prepared_statement statement_ = nullptr;
  duckdb_pending_result pending_ = nullptr;
  duckdb_result result_{};
  bool has_result_ = false;
};

/// `name` in double quotes.
std::string Quoted(std::string_view name);
/// "BIGINT" and the like.
std::string_view SqlNameOf(ColumnType type);

}  // namespace joist::sql

#endif  // JOIST_SQL_DATABASE_H_
