// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// ResultTables: tables for the rows of queries that name none, as BigQuery has them: each of a name
// that nobody else has, in a dataset that lists leave out. Kept for a day, while they are not too
// many; also over a restart, since somebody may be reading. Any number of threads.

#ifndef JOIST_SERVE_BIGQUERY_RESULT_TABLES_H_
#define JOIST_SERVE_BIGQUERY_RESULT_TABLES_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <string>

#include "joist/base/status.h"
#include "joist/store/tables/store_state.h"
#include "joist/store/tables/table_store.h"

namespace joist::serve {

class ResultTables {
 public:
  /// The name of their dataset.
  static constexpr char kDataset[] = "_joist_results";

  /// Milliseconds since 1970.
  using Clock = std::function<int64_t()>;
  /// Rows of all of them.
  static constexpr int64_t kMostRows = 100'000'000;
  static constexpr int64_t kLongestMillis = int64_t{24} * 3'600'000;

  /// `store` outlives this. Takes those over that a server of before has left.
  explicit ResultTables(tables::TableStore* store, Clock now = tables::NowMilliseconds);
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
  const Clock now_;
  std::mutex mutex_;
  std::deque<Kept> kept_;  ///< The oldest first.
  int64_t rows_ = 0;
};

}  // namespace joist::serve

#endif  // JOIST_SERVE_BIGQUERY_RESULT_TABLES_H_
