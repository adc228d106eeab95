// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// The writer's thread of TableStore: it takes what waits, commits many appends in one transaction,
// and answers them when that is on disk.

#include <algorithm>
#include <future>
#include <set>
#include <utility>

#include "joist/base/one_line.h"
#include "joist/store/tables/store_state.h"

namespace joist::tables {

namespace {

/// Appends in one transaction.
constexpr size_t kMostAppends = 512;
/// Rows after which a transaction takes no more appends.
constexpr size_t kManyRows = 200'000;

/// DuckDB's appender into some columns of one table.
class RowAppender {
 public:
  static Result<std::unique_ptr<RowAppender>> Open(DuckConnection* connection,
                                                   const std::string& schema_name,
                                                   const std::string& table, const Schema& schema,
                                                   bool with_offsets) {
    std::unique_ptr<RowAppender> rows(new RowAppender);
    if (duckdb_appender_create_ext(connection->get(), nullptr, schema_name.c_str(), table.c_str(),
                                   &rows->appender_) == DuckDBError) {
      return rows->Error();
    }
    for (const Field& field : schema.fields) {
      rows->types_.push_back(DuckTypeOf(field));
      if (duckdb_appender_add_column(rows->appender_, field.name.c_str()) == DuckDBError) {
        return rows->Error();
      }
    }
    rows->with_offsets_ = with_offsets;
    if (!with_offsets) return rows;
    rows->types_.emplace_back(duckdb_create_logical_type(DUCKDB_TYPE_BIGINT));
    const std::string name(kOffsetColumn);
    if (duckdb_appender_add_column(rows->appender_, name.c_str()) == DuckDBError) {
      return rows->Error();
    }
    return rows;
  }
  RowAppender(const RowAppender&) = delete;
  RowAppender& operator=(const RowAppender&) = delete;
  ~RowAppender() {
    if (appender_ == nullptr) return;
    // What was not closed is not to be written; the transaction is rolled back as well.
    duckdb_appender_clear(appender_);
    duckdb_appender_destroy(&appender_);
  }

  Status Append(const RowBatch& rows, int64_t offset) {
    for (const Chunk& chunk : rows.chunks()) {
      if (chunk.rows() == 0) continue;
      if (!with_offsets_) {
        JOIST_RETURN_IF_ERROR(Append(chunk));
        continue;
      }
      const Chunk wider(types_);
      for (size_t i = 0; i < chunk.columns(); ++i) {
        duckdb_vector_reference_vector(wider.column(i), chunk.column(i));
      }
      auto* const offsets =
          static_cast<int64_t*>(duckdb_vector_get_data(wider.column(chunk.columns())));
      for (size_t i = 0; i < chunk.rows(); ++i) offsets[i] = offset++;
      duckdb_data_chunk_set_size(wider.get(), chunk.rows());
      JOIST_RETURN_IF_ERROR(Append(wider));
    }
    return OkStatus();
  }

  Status Close() { return duckdb_appender_close(appender_) == DuckDBError ? Error() : OkStatus(); }

 private:
  RowAppender() = default;
  Status Append(const Chunk& chunk) {
    return duckdb_append_data_chunk(appender_, chunk.get()) == DuckDBError ? Error() : OkStatus();
  }
  Status Error() {
    const char* error = appender_ == nullptr ? nullptr : duckdb_appender_error(appender_);
    return InvalidArgument(OneLine(error == nullptr ? "DuckDB cannot append" : error));
  }

  duckdb_appender appender_ = nullptr;
  std::vector<DuckType> types_;
  bool with_offsets_ = false;
};

}  // namespace

/// The appends that share a transaction.
struct TableStore::GroupOfAppends {
  /// By DuckDB's schema and table, and by the columns.
  std::map<std::tuple<std::string, std::string, const Schema*>, std::unique_ptr<RowAppender>>
      appenders = {};
  std::set<Stream*> streams = {};
};

void TableStore::Append(const TableName& name, const std::string& stream,
                        std::optional<int64_t> offset, std::shared_ptr<RowBatch> rows,
                        AppendDone done) {
  rows->Finish();
  const auto bytes = static_cast<int64_t>(rows->bytes());
  {
    const std::scoped_lock lock(mutex_);
    if (waiting_bytes_ == 0 || waiting_bytes_ + bytes <= options_.waiting_bytes) {
      waiting_bytes_ += bytes;
      waiting_.push_back({{name, stream, offset, std::move(rows), std::move(done)}, nullptr});
      wake_.notify_one();
      return;
    }
  }
  done({{StatusCode::kResourceExhausted,
         "too many rows wait for being written to the tables; try again"},
        -1});
}

AppendAnswer TableStore::AppendAndWait(const TableName& name, std::shared_ptr<RowBatch> rows) {
  std::promise<AppendAnswer> promise;
  std::future<AppendAnswer> answer = promise.get_future();
  Append(name, "", std::nullopt, std::move(rows),
         [&promise](const AppendAnswer& done) { promise.set_value(done); });
  return answer.get();
}

Status TableStore::Replace(const TableName& name, std::shared_ptr<RowBatch> rows) {
  rows->Finish();
  return InWriter([&](DuckConnection* connection) -> Status {
    JOIST_ASSIGN_OR_RETURN(const auto entry, FindTable(name));
    const TableName& stored = entry->info.name;
    JOIST_RETURN_IF_ERROR(connection->Execute("DELETE FROM " + stored.Sql()));
    JOIST_ASSIGN_OR_RETURN(const auto appender,
                           RowAppender::Open(connection, stored.Dataset().SchemaName(),
                                             stored.table, rows->schema(), false));
    JOIST_RETURN_IF_ERROR(appender->Append(*rows, 0));
    JOIST_RETURN_IF_ERROR(appender->Close());
    appended_rows_ += rows->rows();
    appended_bytes_ += rows->bytes();
    return OkStatus();
  });
}

Status TableStore::InWriter(const Work& work) {
  std::promise<Status> promise;
  std::future<Status> answer = promise.get_future();
  {
    const std::scoped_lock lock(mutex_);
    waiting_.push_back({{}, [&] {
                          DuckTransaction transaction(writer_.get());
                          Status status = transaction.Begin();
                          if (status.ok()) status = work(writer_.get());
                          if (status.ok()) {
                            status = transaction.Commit();
                            if (!status.ok()) Reload();
                          }
                          promise.set_value(std::move(status));
                        }});
  }
  wake_.notify_one();
  return answer.get();
}

void TableStore::Reload() {
  {
    const std::unique_lock lock(catalog_mutex_);
    tables_.clear();
    datasets_.clear();
    (void)LoadCatalog();  // Where the disk is gone, every call says so.
  }
  streams_.clear();
  (void)LoadStreams();
}

void TableStore::Write() {
  std::vector<AppendWork> appends;
  while (true) {
    std::function<void()> work;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return stop_ || !waiting_.empty(); });
      if (waiting_.empty()) return;
      size_t rows = 0;
      while (!waiting_.empty() && waiting_.front().work == nullptr &&
             appends.size() < kMostAppends && rows < kManyRows) {
        rows += waiting_.front().append.rows->rows();
        appends.push_back(std::move(waiting_.front().append));
        waiting_.pop_front();
      }
      if (appends.empty()) {
        work = std::move(waiting_.front().work);
        waiting_.pop_front();
      }
    }
    if (work != nullptr) {
      work();
      continue;
    }
    RunAppends(&appends);
    int64_t bytes = 0;
    for (const AppendWork& append : appends) bytes += static_cast<int64_t>(append.rows->bytes());
    appends.clear();
    const std::scoped_lock lock(mutex_);
    waiting_bytes_ -= bytes;
  }
}

void TableStore::RunAppends(std::vector<AppendWork>* works) {
  std::vector<AppendAnswer> answers(works->size());
  const Status status = TryAppends(works, &answers);
  if (!status.ok() && works->size() > 1) {
    // One of them is at fault; the others are not to suffer.
    for (size_t i = 0; i < works->size(); ++i) {
      std::vector<AppendWork> alone;
      alone.push_back((*works)[i]);
      std::vector<AppendAnswer> answer(1);
      if (const Status failure = TryAppends(&alone, &answer); !failure.ok()) {
        answer[0] = {failure, -1};
      }
      answers[i] = answer[0];
    }
  } else if (!status.ok()) {
    answers[0] = {status, -1};
  }
  for (size_t i = 0; i < works->size(); ++i) {
    const AppendWork& work = (*works)[i];
    if (answers[i].status.ok()) {
      appended_rows_ += work.rows->rows();
      appended_bytes_ += work.rows->bytes();
      if (const auto entry = FindTable(work.table); entry.ok()) {
        *(*entry)->appended_bytes += static_cast<int64_t>(work.rows->bytes());
      }
    }
    work.done(answers[i]);
  }
}

/// All that are in order are committed; the answers of the others say why not. Fails as a whole
/// where DuckDB does; nothing is then written.
Status TableStore::TryAppends(std::vector<AppendWork>* works, std::vector<AppendAnswer>* answers) {
  DuckTransaction transaction(writer_.get());
  GroupOfAppends group;
  JOIST_RETURN_IF_ERROR(transaction.Begin());
  const auto run = [&]() -> Status {
    for (size_t i = 0; i < works->size(); ++i) {
      JOIST_RETURN_IF_ERROR(CheckAppend((*works)[i], &group, &(*answers)[i]));
    }
    for (const auto& [key, appender] : group.appenders) JOIST_RETURN_IF_ERROR(appender->Close());
    for (Stream* stream : group.streams) {
      const int64_t next = std::exchange(stream->info.next, stream->tentative);
      const Status saved = SaveStream(writer_.get(), *stream);
      stream->info.next = next;
      JOIST_RETURN_IF_ERROR(saved);
    }
    return transaction.Commit();
  };
  const Status status = run();
  for (Stream* stream : group.streams) {
    if (status.ok()) {
      stream->info.next = stream->tentative;
    } else {
      stream->tentative = stream->info.next;
    }
  }
  group.appenders.clear();  // Before the transaction is rolled back.
  if (status.ok()) ++append_commits_;
  return status;
}

/// Gives the rows to DuckDB where the append is in order; says in the answer why it isn't.
Status TableStore::CheckAppend(const AppendWork& work, GroupOfAppends* group,
                               AppendAnswer* answer) {
  const auto entry = FindTable(work.table);
  if (!entry.ok() || (*entry)->info.is_view) {
    answer->status =
        entry.ok()
            ? InvalidArgument(work.table.ToString() + " is a view, to which no rows can be added")
            : entry.status();
    return OkStatus();
  }
  const TableName& name = (*entry)->info.name;
  std::string schema_name = name.Dataset().SchemaName();
  std::string table = name.table;
  Stream* stream = nullptr;
  if (!work.stream.empty()) {
    const Result<Stream*> found = FindStream(work.stream);
    if (!found.ok()) {
      answer->status = found.status();
      return OkStatus();
    }
    stream = *found;
    if (stream->info.finalized) {
      answer->status = {StatusCode::kFailedPrecondition,
                        "the stream " + work.stream + " is finalized: it takes no more rows"};
      return OkStatus();
    }
    const int64_t next = stream->tentative;
    if (work.offset && *work.offset != next) {
      const std::string what = "The offset is " +
                               std::string(*work.offset < next ? "within" : "beyond") +
                               " stream, expected offset " + std::to_string(next) + ", received " +
                               std::to_string(*work.offset);
      answer->status = {*work.offset < next ? StatusCode::kAlreadyExists : StatusCode::kOutOfRange,
                        what};
      return OkStatus();
    }
    answer->offset = next;
    if (!stream->rows_table.empty()) {
      schema_name = kHiddenSchema;
      table = stream->rows_table;
    }
  } else if (work.offset) {
    answer->status = InvalidArgument("the default stream has no offsets; leave it out");
    return OkStatus();
  }
  if (work.rows->rows() == 0) return OkStatus();
  auto& appender = group->appenders[{schema_name, table, &work.rows->schema()}];
  if (appender == nullptr) {
    JOIST_ASSIGN_OR_RETURN(appender, RowAppender::Open(writer_.get(), schema_name, table,
                                                       work.rows->schema(), table != name.table));
  }
  JOIST_RETURN_IF_ERROR(appender->Append(*work.rows, answer->offset));
  if (stream != nullptr) {
    stream->tentative += static_cast<int64_t>(work.rows->rows());
    group->streams.insert(stream);
  }
  return OkStatus();
}

}  // namespace joist::tables
