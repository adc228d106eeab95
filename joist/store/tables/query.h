// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#ifndef JOIST_STORE_TABLES_QUERY_H_
#define JOIST_STORE_TABLES_QUERY_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "joist/base/status.h"
#include "joist/store/tables/duck.h"
#include "joist/store/tables/sql_rewrite.h"
#include "joist/store/tables/table_store.h"

namespace joist::tables {

/// A value for @name, or for the next `?`.
struct QueryParameter {
  /// "" for `?`.
  std::string name = {};
  /// REPEATED for an array; no RECORDs.
  Field type = {};
  /// The value as a text, or those of an array; nothing is NULL.
  std::vector<std::optional<std::string>> values = {};
};

/// What to run, and within what.
struct QueryRequest {
  std::string sql = {};
  std::string project = {};
  /// The dataset of names without one; "" is none.
  std::string dataset = {};
  std::vector<QueryParameter> parameters = {};
  /// Rows of a SELECT go there instead.
  std::optional<TableName> destination = {};
  /// What is in `destination` goes, or stays.
  bool truncate = true;
  /// A table of that name is made for the rows of a SELECT; it goes again if the query fails.
  std::optional<TableName> new_table = {};
  /// Says the schema and runs nothing.
  bool dry_run = false;
  /// At most so long; 0 is as long as the store allows.
  int64_t milliseconds = 0;
  /// Ends the query once it is true; may be null.
  std::shared_ptr<std::atomic<bool>> cancelled = nullptr;
};

/// What came of it.
struct QueryResult {
  std::string statement_type = {};
  Schema schema = {};
  std::vector<Chunk> chunks = {};  ///< Of a SELECT whose rows go nowhere else.
  int64_t rows = 0;                ///< In `chunks` or in the new table.
  /// Rows that DML changed; -1 for what isn't DML.
  int64_t affected = -1;
};

/// Runs one statement of BigQuery's SQL. NOT_FOUND for tables that aren't there, DEADLINE_EXCEEDED,
/// CANCELLED, RESOURCE_EXHAUSTED for results that are too large, INVALID_ARGUMENT for the rest.
Result<QueryResult> RunQuery(TableStore* store, const QueryRequest& request);

/// A query whose rows are taken as they come.
class QueryStream {
 public:
  /// `sql` is DuckDB's.
  static Result<std::unique_ptr<QueryStream>> Open(TableStore* store, const std::string& sql);
  const Schema& schema() const { return schema_; }
  /// Without rows at the end.
  Result<Chunk> Next() { return result_.Next(); }
  duckdb_connection connection() const { return connection_->get(); }

 private:
  QueryStream() = default;

  std::unique_ptr<DuckConnection> connection_;
  DuckResult result_;
  Schema schema_;
};

}  // namespace joist::tables

#endif  // JOIST_STORE_TABLES_QUERY_H_
