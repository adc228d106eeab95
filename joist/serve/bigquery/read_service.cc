// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// BigQuery's Storage Read API. A session's streams share the table's rows by their row ids, so that
// each stream gives the same rows again from any offset as long as none are deleted; rows that are
// added after the session was made are in none of them.

#include "joist/serve/bigquery/read_service.h"

#include <google/cloud/bigquery/storage/v1/storage.grpc.pb.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <chrono>
#include <random>
#include <string>
#include <utility>

#include "joist/serve/bigquery/arrow_rows.h"
#include "joist/serve/bigquery/read_sessions.h"
#include "joist/serve/bigquery/rpc_status.h"
#include "joist/serve/bigquery/selected_fields.h"
#include "joist/store/tables/column_reader.h"
#include "joist/store/tables/query.h"

namespace joist::serve {

namespace {

namespace storage = google::cloud::bigquery::storage::v1;
using tables::Chunk;
using tables::QueryStream;
using tables::TableInfo;
using tables::TableName;
using tables::TableStore;

/// Streams of a session.
constexpr int kMostStreams = 100;
/// Rows that a stream should have at least.
constexpr int64_t kLeastRowsOfStream = 10'000;

int64_t NumberIn(TableStore* store, const std::string& sql) {
  auto rows = QueryStream::Open(store, sql);
  if (!rows.ok()) return 0;
  const auto chunk = (*rows)->Next();
  if (!chunk.ok() || chunk->rows() == 0) return 0;
  const tables::ColumnReader column((*rows)->schema().fields[0], chunk->column(0));
  return column.has(0) ? static_cast<int64_t>(column.Integer(0)) : 0;
}

std::string RandomId() {
  std::random_device device;
  return std::to_string(device()) + std::to_string(device());
}

/// The answers to one ReadRows; each is made by a thread of the pool once the one before has gone.
class RowsWriter final : public grpc::ServerWriteReactor<storage::ReadRowsResponse> {
 public:
  RowsWriter(TableStore* store, boost::asio::thread_pool* threads, ReadSession session,
             const RowRange& range, int64_t offset)
      : store_(store),
        threads_(threads),
        session_(std::move(session)),
        range_(range),
        offset_(offset) {
    boost::asio::post(*threads_, [this] { Begin(); });
  }
  explicit RowsWriter(const Status& status) { Finish(ToGrpc(status)); }

  void OnWriteDone(bool ok) override {
    if (!ok) return Finish({grpc::StatusCode::CANCELLED, "the reader has gone"});
    boost::asio::post(*threads_, [this] { Next(); });
  }
  void OnDone() override { delete this; }

 private:
  ~RowsWriter() override = default;

  void Begin() {
    auto rows = QueryStream::Open(store_, session_.Sql(range_, offset_));
    if (!rows.ok()) return Finish(ToGrpc(rows.status()));
    rows_ = std::move(rows).value();
    Next();
  }

  void Next() {
    const Result<bool> more = Fill();
    if (!more.ok()) return Finish(ToGrpc(more.status()));
    if (!*more) {
      rows_.reset();
      return Finish(grpc::Status::OK);
    }
    StartWrite(&response_);
  }

  /// False at the end.
  Result<bool> Fill() {
    JOIST_ASSIGN_OR_RETURN(const Chunk chunk, rows_->Next());
    if (chunk.rows() == 0) return false;
    response_.Clear();
    response_.set_row_count(static_cast<int64_t>(chunk.rows()));
    const double whole = std::max<double>(1, static_cast<double>(range_.end - range_.begin));
    auto* const progress = response_.mutable_stats()->mutable_progress();
    progress->set_at_response_start(std::min(1.0, static_cast<double>(sent_) / whole));
    sent_ += static_cast<int64_t>(chunk.rows());
    progress->set_at_response_end(std::min(1.0, static_cast<double>(sent_) / whole));
    if (!session_.avro) {
      JOIST_ASSIGN_OR_RETURN(
          *response_.mutable_arrow_record_batch()->mutable_serialized_record_batch(),
          ArrowBatchOf(*rows_, chunk));
      if (first_) {
        JOIST_ASSIGN_OR_RETURN(*response_.mutable_arrow_schema()->mutable_serialized_schema(),
                               ArrowSchemaOf(*rows_));
      }
    } else {
      std::string* const out = response_.mutable_avro_rows()->mutable_serialized_binary_rows();
      std::vector<tables::ColumnReader> columns;
      for (size_t i = 0; i < session_.schema.fields.size(); ++i) {
        columns.emplace_back(session_.schema.fields[i], chunk.column(i));
      }
      for (size_t row = 0; row < chunk.rows(); ++row) {
        for (const tables::ColumnReader& column : columns) tables::AppendAvro(column, row, out);
      }
      if (first_)
        response_.mutable_avro_schema()->set_schema(tables::AvroSchemaOf(session_.schema));
    }
    first_ = false;
    return true;
  }

  TableStore* const store_ = nullptr;
  boost::asio::thread_pool* const threads_ = nullptr;
  const ReadSession session_;
  const RowRange range_;
  const int64_t offset_ = 0;
  std::unique_ptr<QueryStream> rows_;
  storage::ReadRowsResponse response_;
  int64_t sent_ = 0;
  bool first_ = true;
};

class ReadService final : public storage::BigQueryRead::CallbackService {
 public:
  explicit ReadService(TableStore* store)
      : store_(store), sessions_(store->options().folder + "/read_sessions") {}
  ~ReadService() override { threads_.join(); }

  grpc::ServerUnaryReactor* CreateReadSession(grpc::CallbackServerContext* context,
                                              const storage::CreateReadSessionRequest* request,
                                              storage::ReadSession* response) override {
    grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
    boost::asio::post(threads_, [=, this] { reactor->Finish(ToGrpc(Create(*request, response))); });
    return reactor;
  }

  grpc::ServerWriteReactor<storage::ReadRowsResponse>* ReadRows(
      grpc::CallbackServerContext*, const storage::ReadRowsRequest* request) override {
    auto found = sessions_.Find(request->read_stream());
    if (!found.ok()) return new RowsWriter(found.status());
    if (request->offset() < 0) {
      return new RowsWriter(InvalidArgument("an offset is 0 or more"));
    }
    return new RowsWriter(store_, &threads_, std::move(found->first), found->second,
                          request->offset());
  }

  grpc::ServerUnaryReactor* SplitReadStream(grpc::CallbackServerContext* context,
                                            const storage::SplitReadStreamRequest* request,
                                            storage::SplitReadStreamResponse* response) override {
    grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
    const double fraction = request->fraction() == 0 ? 0.5 : request->fraction();
    if (fraction <= 0 || fraction >= 1) {
      reactor->Finish({grpc::StatusCode::INVALID_ARGUMENT, "fraction lies between 0 and 1"});
      return reactor;
    }
    const auto halves = sessions_.Split(request->name(), fraction);
    if (halves.ok() && !halves->first.empty()) {
      response->mutable_primary_stream()->set_name(halves->first);
      response->mutable_remainder_stream()->set_name(halves->second);
    }
    reactor->Finish(ToGrpc(halves.status()));
    return reactor;
  }

 private:
  Status Create(const storage::CreateReadSessionRequest& request, storage::ReadSession* response) {
    const storage::ReadSession& wanted = request.read_session();
    JOIST_ASSIGN_OR_RETURN(const TableName name, tables::TableNameOfPath(wanted.table()));
    JOIST_ASSIGN_OR_RETURN(const TableInfo info, store_->GetTable(name));
    if (wanted.table_modifiers().has_snapshot_time()) {
      return {StatusCode::kUnimplemented, "tables as they were before (snapshot_time) aren't kept"};
    }
    ReadSession session;
    session.avro = wanted.data_format() != storage::ARROW;
    session.is_view = info.is_view;
    const auto& selected = wanted.read_options().selected_fields();
    JOIST_ASSIGN_OR_RETURN(SelectedFields fields,
                           SelectFields(*info.schema, {selected.begin(), selected.end()}));
    session.select = "SELECT " + fields.columns + " FROM " + info.name.Sql();
    session.schema = std::move(fields.schema);
    const tables::SqlNames names{name.project, "",
                                 [this](const std::string& project, const std::string& dataset) {
                                   return store_->GetDataset({project, dataset}).ok();
                                 },
                                 nullptr};
    session.where = "true";
    if (!wanted.read_options().row_restriction().empty()) {
      JOIST_ASSIGN_OR_RETURN(
          const std::string restriction,
          tables::RewriteExpression(wanted.read_options().row_restriction(), names));
      session.where = "(" + restriction + ")";
    }
    const std::string project =
        request.parent().starts_with("projects/") ? request.parent() : "projects/" + name.project;
    session.name = project + "/locations/us/sessions/" + RandomId();
    const int64_t end =
        info.is_view ? 0 : NumberIn(store_, "SELECT max(rowid) + 1 FROM " + info.name.Sql());
    const int64_t rows = NumberIn(store_, "SELECT count(*) FROM " + info.name.Sql());
    JOIST_ASSIGN_OR_RETURN(
        const auto probe,
        QueryStream::Open(store_, session.select + " WHERE " + session.where + " LIMIT 0"));
    *response = wanted;
    AddStreams(request.max_stream_count(), end, rows, &session, response);
    response->set_name(session.name);
    response->set_estimated_row_count(rows);
    if (session.avro) {
      response->set_data_format(storage::AVRO);
      response->mutable_avro_schema()->set_schema(tables::AvroSchemaOf(session.schema));
    } else {
      JOIST_ASSIGN_OR_RETURN(*response->mutable_arrow_schema()->mutable_serialized_schema(),
                             ArrowSchemaOf(*probe));
    }
    response->mutable_expire_time()->set_seconds(
        std::chrono::duration_cast<std::chrono::seconds>(
            std::chrono::system_clock::now().time_since_epoch())
            .count() +
        ReadSessions::kLongestMillis / 1000);
    return sessions_.Add(std::move(session));
  }

  /// An empty table has no streams.
  static void AddStreams(int most, int64_t end, int64_t rows, ReadSession* session,
                         storage::ReadSession* response) {
    if (rows == 0) return;
    int64_t count = most <= 0 ? 1 : std::min(most, kMostStreams);
    count = std::clamp<int64_t>(end / kLeastRowsOfStream, 1, count);
    if (session->is_view) count = 1;
    for (int64_t i = 0; i < count; ++i) {
      const std::string name = session->name + "/streams/" + std::to_string(i);
      session->streams[name] = {end / count * i, i + 1 == count ? end : end / count * (i + 1)};
      response->add_streams()->set_name(name);
    }
  }

  TableStore* const store_;
  ReadSessions sessions_;
  boost::asio::thread_pool threads_{4};
};

}  // namespace

std::unique_ptr<grpc::Service> MakeBigQueryRead(TableStore* store) {
  return std::make_unique<ReadService>(store);
}

}  // namespace joist::serve
