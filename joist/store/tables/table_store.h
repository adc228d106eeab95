// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Datasets and tables in one DuckDB database. A thread of the store's own writes: appends of
// several callers share a transaction, hence an fsync. Queries have connections of their own and
// see what was committed when they began. All functions may be called from any thread.
//
// Invariants: rows of a stream and the stream's next offset are committed in one transaction, so
// that whatever happens to the process, a row is there exactly if its offset is below the next one.
// What is acknowledged is on disk.

#ifndef JOIST_STORE_TABLES_TABLE_STORE_H_
#define JOIST_STORE_TABLES_TABLE_STORE_H_

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <vector>

#include "joist/base/status.h"
#include "joist/store/tables/duck.h"
#include "joist/store/tables/row_batch.h"
#include "joist/store/tables/schema.h"

namespace joist::tables {

/// How a TableStore is opened.
struct TableStoreOptions {
  /// The folder of the database; made if it isn't there.
  std::string folder = {};
  /// Bytes that DuckDB may hold in memory.
  int64_t memory = int64_t{1} << 30;
  /// Threads of a query; 0 is as many as the machine has.
  int threads = 0;
  /// Bytes of rows that wait for being written; more are refused.
  int64_t waiting_bytes = int64_t{256} << 20;
  /// Bytes that the result of one query may have.
  int64_t result_bytes = int64_t{256} << 20;
  /// The longest time of a query, in milliseconds.
  int64_t query_milliseconds = 600'000;
};

/// A dataset, kept apart by project.
struct DatasetName {
  std::string project = {};
  std::string dataset = {};

  /// The name of DuckDB's schema: "project.dataset".
  std::string SchemaName() const { return project + "." + dataset; }
};

/// A table of a dataset.
struct TableName {
  std::string project = {};
  std::string dataset = {};
  std::string table = {};

  DatasetName Dataset() const { return {project, dataset}; }
  /// As BigQuery's messages have it: "project:dataset.table".
  std::string ToString() const { return project + ":" + dataset + "." + table; }
  /// As SQL has it: "project.dataset"."table".
  std::string Sql() const { return Quoted(project + "." + dataset) + "." + Quoted(table); }
};

/// What is known of a dataset.
struct DatasetInfo {
  DatasetName name = {};
  /// What its creator said of it besides: JSON, given back as it is.
  std::string resource = "{}";
  /// Milliseconds since 1970.
  int64_t created = 0;
  int64_t modified = 0;
};

/// What is known of a table or a view.
struct TableInfo {
  TableName name = {};
  std::shared_ptr<const Schema> schema = std::make_shared<const Schema>();
  std::string resource = "{}";
  bool is_view = false;
  int64_t created = 0;
  int64_t modified = 0;
};

/// Kinds of streams, as BigQuery's Storage Write API has them.
enum class StreamType : uint8_t { kDefault = 0, kCommitted = 1, kPending = 2, kBuffered = 3 };

/// What is known of a stream.
struct StreamInfo {
  /// "projects/…/datasets/…/tables/…/streams/…".
  std::string name = {};
  TableName table = {};
  StreamType type = StreamType::kDefault;
  /// The offset of the next row.
  int64_t next = 0;
  /// Rows of a BUFFERED stream below it are in the table.
  int64_t flushed = 0;
  bool finalized = false;
  bool committed = false;
  /// Microseconds since 1970.
  int64_t created = 0;
};

/// What became of an append.
struct AppendAnswer {
  /// ALREADY_EXISTS and OUT_OF_RANGE speak of the offset.
  Status status = {};
  /// Of the first row; -1 without offsets.
  int64_t offset = -1;
};

/// Called once, by the store's thread; it must not block.
using AppendDone = std::function<void(const AppendAnswer&)>;

/// Since the store was opened.
struct TableFigures {
  uint64_t appended_rows = 0;
  uint64_t appended_bytes = 0;
  uint64_t append_commits = 0;
  uint64_t queries = 0;
  uint64_t failed_queries = 0;
};

/// Rows and bytes of one table.
struct TableSize {
  int64_t rows = 0;
  /// Appended since the store was opened.
  int64_t appended_bytes = 0;
};

class TableStore {
 public:
  /// Fails where the folder cannot be written, or another process has the database open.
  static Result<std::unique_ptr<TableStore>> Open(const TableStoreOptions& options);
  TableStore(const TableStore&) = delete;
  TableStore& operator=(const TableStore&) = delete;
  /// What waits is written first.
  ~TableStore();

  const TableStoreOptions& options() const { return options_; }

  /// ALREADY_EXISTS and NOT_FOUND are told apart in all of the following.
  Status CreateDataset(const DatasetName& name, const std::string& resource);
  Result<DatasetInfo> GetDataset(const DatasetName& name) const;
  std::vector<DatasetInfo> ListDatasets(const std::string& project) const;
  /// Of all projects.
  std::vector<DatasetInfo> ListDatasets() const;
  Status UpdateDataset(const DatasetName& name, const std::string& resource);
  /// FAILED_PRECONDITION where it has tables, unless `contents` are to go as well.
  Status DeleteDataset(const DatasetName& name, bool contents);

  Status CreateTable(const TableName& name, const Schema& schema, const std::string& resource);
  Result<TableInfo> GetTable(const TableName& name) const;
  /// By name.
  Result<std::vector<TableInfo>> ListTables(const DatasetName& name) const;
  /// Columns may be added and REQUIRED ones become NULLABLE; see CheckSchemaChange.
  Status UpdateTable(const TableName& name, const Schema& schema, const std::string& resource);
  Status DeleteTable(const TableName& name);
  Result<TableSize> SizeOf(const TableName& name);
  /// Removes all rows.
  Status Truncate(const TableName& name);

  /// Appends rows to the table, or through the stream `stream` ("" is the default one) at `offset`.
  /// RESOURCE_EXHAUSTED where too much waits.
  void Append(const TableName& name, const std::string& stream, std::optional<int64_t> offset,
              std::shared_ptr<RowBatch> rows, AppendDone done);
  /// The same, waited for.
  AppendAnswer AppendAndWait(const TableName& name, std::shared_ptr<RowBatch> rows);
  /// Replaces all rows of the table in one transaction.
  Status Replace(const TableName& name, std::shared_ptr<RowBatch> rows);

  Result<StreamInfo> CreateStream(const TableName& name, StreamType type);
  Result<StreamInfo> GetStream(const std::string& name);
  /// No more rows. Gives how many there are.
  Result<int64_t> FinalizeStream(const std::string& name);
  /// Rows of a BUFFERED stream up to `offset`, with it, get into the table.
  Result<int64_t> FlushStream(const std::string& name, int64_t offset);
  /// Rows of finalized PENDING streams of one table get into it, of all streams or of none. Gives
  /// the time in microseconds since 1970. `culprit` is the stream that is at fault.
  Result<int64_t> CommitStreams(const TableName& name, const std::vector<std::string>& streams,
                                std::string* culprit);

  TableFigures Figures() const;

  /// A connection for a query; it goes back with GiveBack, or is dropped after an error.
  Result<std::unique_ptr<DuckConnection>> TakeConnection();
  void GiveBack(std::unique_ptr<DuckConnection> connection);
  /// Statements that change rows run one after the other.
  std::mutex& dml_mutex() { return dml_mutex_; }
  /// Runs a statement that creates, alters or drops something, between two appends. `search_path`
  /// is DuckDB's setting of that name.
  Status RunDdl(const std::string& search_path, const std::string& sql);
  /// After a statement that may have created, altered or dropped something.
  Status SyncCatalog();
  void CountQuery(bool failed);

 private:
  struct Stream;
  /// An append that waits.
  struct AppendWork {
    TableName table = {};
    std::string stream = {};
    std::optional<int64_t> offset = {};
    std::shared_ptr<RowBatch> rows = nullptr;
    AppendDone done = nullptr;
  };
  struct GroupOfAppends;
  struct TableEntry;
  using Work = std::function<Status(DuckConnection*)>;
  /// What waits for the writer: an append, or something else to do.
  struct Waiting {
    AppendWork append = {};
    std::function<void()> work = nullptr;
  };

  explicit TableStore(const TableStoreOptions& options);

  Status OpenDatabase();
  Status CreateHiddenTables();
  Status LoadCatalog();
  Status LoadStreams();
  /// What is in memory is as on disk again, after a commit that failed.
  void Reload();
  Status SyncCatalogOn(DuckConnection* connection);
  /// Runs `work` in a transaction of the writer's thread. It changes what is in memory last.
  Status InWriter(const Work& work);
  void Write();
  void RunAppends(std::vector<AppendWork>* works);
  Status TryAppends(std::vector<AppendWork>* works, std::vector<AppendAnswer>* answers);
  Status CheckAppend(const AppendWork& work, GroupOfAppends* group, AppendAnswer* answer);
  Result<Stream*> FindStream(const std::string& name);
  Status SaveStream(DuckConnection* connection, const Stream& stream);
  Status MoveRows(DuckConnection* connection, const Stream& stream, int64_t begin, int64_t end);
  Result<std::shared_ptr<const TableEntry>> FindTable(const TableName& name) const;
  Status DropStreamsOf(DuckConnection* connection, const TableName& name);

  const TableStoreOptions options_;
  std::shared_ptr<DuckDatabase> database_;
  std::unique_ptr<DuckConnection> writer_;

  mutable std::shared_mutex catalog_mutex_;
  /// By Lower("project.dataset") and then, of tables, Lower("table").
  std::map<std::string, DatasetInfo> datasets_;
  std::map<std::pair<std::string, std::string>, std::shared_ptr<const TableEntry>> tables_;

  /// Only the writer's thread touches them.
  std::unordered_map<std::string, std::unique_ptr<Stream>> streams_;

  std::mutex dml_mutex_;
  std::mutex connections_mutex_;
  std::vector<std::unique_ptr<DuckConnection>> connections_;

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Waiting> waiting_;
  int64_t waiting_bytes_ = 0;
  bool stop_ = false;
  std::thread thread_;

  std::atomic<uint64_t> appended_rows_ = 0;
  std::atomic<uint64_t> appended_bytes_ = 0;
  std::atomic<uint64_t> append_commits_ = 0;
  std::atomic<uint64_t> queries_ = 0;
  std::atomic<uint64_t> failed_queries_ = 0;
};

/// "project", "dataset" and "table" of "projects/…/datasets/…/tables/…", whatever follows.
Result<TableName> TableNameOfPath(std::string_view path);

}  // namespace joist::tables

#endif  // JOIST_STORE_TABLES_TABLE_STORE_H_
