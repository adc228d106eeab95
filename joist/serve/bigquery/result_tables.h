// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// ResultTables: tables for the rows of queries that name none, as BigQuery has them: each of a name
// that nobody else has, in a dataset that lists leave out. Kept for a day, while they are not too
// many; also over a restart, since somebody may be reading. Any number of threads.

#ifndef JOIST_SERVE_BIGQUERY_RESULT_TABLES_H_
#define JOIST_SERVE_BIGQUERY_RESULT_TABLES_H_

#include <cstdint>
#include <deque>
#include <mutex>
#include <string>

#include "joist/base/status.h"
#include "joist/store/tables/table_store.h"

namespace joist::serve {

class ResultTables {
 public:
  /// The name of their dataset.
  static constexpr char kDataset[] = "_joist_results";

  /// `store` outlives this. Takes those over that a server of before has left.
  explicit ResultTables(tables::TableStore* store);
  ResultTables(const ResultTables&) = delete;
  ResultTables& operator=(const ResultTables&) = delete;

  /// A table that isn't there yet. Drops those that have to go.
  Result<tables::TableName> NewName(const std::string& project);
  /// It has been made, with so many rows.
  void Add(const tables::TableName& name, int64_t rows);

 private:
  struct Kept {
    tables::TableName name = {};
    int64_t rows = 0;
    int64_t created = 0;  ///< Milliseconds since 1970.
  };
  void Forget();

  tables::TableStore* const store_;
  std::mutex mutex_;
  std::deque<Kept> kept_;  ///< The oldest first.
  int64_t rows_ = 0;
};

}  // namespace joist::serve

#endif  // JOIST_SERVE_BIGQUERY_RESULT_TABLES_H_
