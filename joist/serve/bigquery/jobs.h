// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// BigQuery's jobs: queries, loads and copies run by a few threads. Finished ones are remembered
// with their rows until there are too many. Any number of threads.

#ifndef JOIST_SERVE_BIGQUERY_JOBS_H_
#define JOIST_SERVE_BIGQUERY_JOBS_H_

#include <atomic>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "joist/serve/bigquery/rest_answers.h"
#include "joist/serve/bigquery/result_tables.h"
#include "joist/store/tables/query.h"

namespace joist::serve {

/// A job. `mutex` guards what is below it; `result` doesn't change once it is done.
struct Job {
  std::string project = {};
  std::string id = {};
  /// The resource's `configuration`.
  Json configuration = {};
  int64_t created = 0;
  std::shared_ptr<std::atomic<bool>> cancelled = std::make_shared<std::atomic<bool>>(false);

  std::mutex mutex = {};
  bool done = false;
  Status status = {};
  int64_t ended = 0;
  tables::QueryResult result = {};
  /// Where the rows of `result` are, if not in itself.
  std::optional<tables::TableName> rows_table = {};
  /// Rows that a load has written.
  int64_t loaded_rows = 0;
  /// Told once it is done, or has taken too long for them.
  std::vector<std::function<void()>> waiting = {};
};

using JobPtr = std::shared_ptr<Job>;

/// Where the rows of a query go that names no table.
enum class RowsOfQuery : uint8_t { kInMemory, kInTable };

class Jobs {
 public:
  explicit Jobs(tables::TableStore* store) : store_(store), result_tables_(store) {}
  Jobs(const Jobs&) = delete;
  Jobs& operator=(const Jobs&) = delete;
  /// Jobs at work are cancelled and waited for.
  ~Jobs();

  /// Starts a job of that configuration. `media` is the file of a load. `id` may be "".
  Result<JobPtr> Start(const std::string& project, const std::string& id, Json configuration,
                       std::string media, RowsOfQuery rows);
  Result<JobPtr> Find(const std::string& project, const std::string& id);
  /// Forgets a job, which must be done.
  Status Remove(const JobPtr& job);
  /// The newest first.
  std::vector<JobPtr> List(const std::string& project);
  /// Calls `then` when the job is done, or after so long.
  void WaitFor(const JobPtr& job, int64_t milliseconds, std::function<void()> then);

 private:
  void Run(const JobPtr& job, const std::string& media, RowsOfQuery rows);
  Status RunQueryJob(Job* job, RowsOfQuery rows);
  Status RunLoad(Job* job, const std::string& media);
  Status RunCopy(Job* job);
  void Forget();

  tables::TableStore* const store_;
  ResultTables result_tables_;
  std::mutex mutex_;
  std::map<std::pair<std::string, std::string>, JobPtr> jobs_;
  /// The oldest first.
  std::deque<JobPtr> order_;
  uint64_t next_id_ = 0;
  boost::asio::thread_pool threads_{4};
  boost::asio::thread_pool timers_{1};
};

/// The job as jobs.get gives it.
Json JobResource(Job* job);

}  // namespace joist::serve

#endif  // JOIST_SERVE_BIGQUERY_JOBS_H_
