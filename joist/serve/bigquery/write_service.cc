// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// BigQuery's Storage Write API. Many appends of a connection are on their way at once; answers come
// in the order of the requests.

#include "joist/serve/bigquery/write_service.h"

#include <google/cloud/bigquery/storage/v1/storage.grpc.pb.h>

#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "joist/serve/bigquery/rpc_status.h"
#include "joist/store/tables/proto_rows.h"

namespace joist::serve {

namespace {

namespace storage = google::cloud::bigquery::storage::v1;
using tables::AppendAnswer;
using tables::StreamInfo;
using tables::StreamType;
using tables::TableName;
using tables::TableStore;

/// Appends of one connection that wait for their answers; it reads no more before.
constexpr size_t kMostOnTheirWay = 128;
/// Bytes of them.
constexpr size_t kMostBytesOnTheirWay = size_t{64} << 20;
/// Rows that an answer finds fault with.
constexpr int kMostRowErrors = 100;

/// A stream's name taken apart.
struct StreamPath {
  TableName table = {};
  /// "" is the default stream.
  std::string stream = {};
};

/// projects/…/tables/T/streams/S, or projects/…/tables/T/_default.
Result<StreamPath> ReadStreamName(const std::string& name) {
  StreamPath path;
  JOIST_ASSIGN_OR_RETURN(path.table, tables::TableNameOfPath(name));
  const std::string table_path = "projects/" + path.table.project + "/datasets/" +
                                 path.table.dataset + "/tables/" + path.table.table;
  const std::string rest = name.substr(std::min(name.size(), table_path.size()));
  if (rest == "/_default" || rest == "/streams/_default") return path;
  if (rest.starts_with("/streams/") && rest.size() > 9 && rest.find('/', 9) == std::string::npos) {
    path.stream = name;
    return path;
  }
  return InvalidArgument("\"" + name +
                         "\" is no write stream, as projects/P/datasets/D/tables/T/streams/S is "
                         "one and projects/P/datasets/D/tables/T/streams/_default");
}

storage::StorageError::StorageErrorCode StorageCodeOf(const Status& status) {
  switch (status.code()) {
    case StatusCode::kAlreadyExists: return storage::StorageError::OFFSET_ALREADY_EXISTS;
    case StatusCode::kOutOfRange: return storage::StorageError::OFFSET_OUT_OF_RANGE;
    case StatusCode::kFailedPrecondition: return storage::StorageError::STREAM_FINALIZED;
    case StatusCode::kNotFound: return storage::StorageError::STREAM_NOT_FOUND;
    default: return storage::StorageError::STORAGE_ERROR_CODE_UNSPECIFIED;
  }
}

void PutError(const Status& status, const std::string& stream,
              storage::AppendRowsResponse* response) {
  google::rpc::Status* const error = response->mutable_error();
  error->set_code(static_cast<int>(status.code()));
  error->set_message(status.message());
  if (StorageCodeOf(status) == storage::StorageError::STORAGE_ERROR_CODE_UNSPECIFIED) return;
  storage::StorageError detail;
  detail.set_code(StorageCodeOf(status));
  detail.set_entity(stream);
  detail.set_error_message(status.message());
  error->add_details()->PackFrom(detail);
}

/// One connection. Requests are read by one callback at a time; answers are given to it by the
/// store's thread. It goes when it is done and no append of it is with the store.
class AppendConnection final
    : public grpc::ServerBidiReactor<storage::AppendRowsRequest, storage::AppendRowsResponse> {
 public:
  explicit AppendConnection(TableStore* store) : store_(store) { StartRead(&request_); }

  void OnReadDone(bool ok) override {
    if (!ok) {
      const std::scoped_lock lock(mutex_);
      reading_ = false;
      reads_done_ = true;
      FinishIfDone();
      return;
    }
    const Status status = Take();
    const std::scoped_lock lock(mutex_);
    reading_ = false;
    if (!status.ok()) {
      reads_done_ = true;
      end_ = status;
      FinishIfDone();
    } else {
      ReadOn();
    }
  }

  void OnWriteDone(bool ok) override {
    const std::scoped_lock lock(mutex_);
    writing_ = false;
    if (!ok) broken_ = true;
    bytes_ -= answers_.front().bytes;
    answers_.pop_front();
    WriteOn();
    ReadOn();
    FinishIfDone();
  }

  void OnCancel() override {
    const std::scoped_lock lock(mutex_);
    broken_ = true;
    FinishIfDone();
  }

  void OnDone() override {
    // Whoever called Finish still holds it.
    {
      const std::scoped_lock lock(mutex_);
    }
    delete this;
  }

 private:
  struct Answer {
    bool ready = false;
    size_t bytes = 0;
    storage::AppendRowsResponse response = {};
  };

  ~AppendConnection() override = default;

  /// Hands the request's rows to the store. Fails where the connection is of no use.
  Status Take() {
    if (!request_.write_stream().empty() && request_.write_stream() != stream_name_) {
      JOIST_ASSIGN_OR_RETURN(path_, ReadStreamName(request_.write_stream()));
      stream_name_ = request_.write_stream();
      plan_ = nullptr;
    }
    if (stream_name_.empty()) {
      return InvalidArgument("the first request of a connection needs write_stream");
    }
    if (request_.has_arrow_rows()) {
      return {StatusCode::kUnimplemented, "rows of Arrow aren't taken; send proto_rows"};
    }
    const auto& data = request_.proto_rows();
    if (data.has_writer_schema()) {
      descriptor_ = data.writer_schema().proto_descriptor();
      plan_ = nullptr;
    }
    if (!descriptor_) {
      return InvalidArgument("the first request of a connection needs writer_schema");
    }
    JOIST_ASSIGN_OR_RETURN(const tables::TableInfo table, store_->GetTable(path_.table));
    Answer* const answer = AddAnswer(request_.ByteSizeLong());
    answer->response.set_write_stream(stream_name_);
    if (plan_ == nullptr || plan_->schema() != table.schema) {
      if (plan_ != nullptr) *answer->response.mutable_updated_schema() = ToProto(*table.schema);
      auto plan = tables::ProtoPlan::Compile(table.schema, *descriptor_);
      if (!plan.ok()) {
        PutError(plan.status(), stream_name_, &answer->response);
        SetReady(answer);
        return OkStatus();
      }
      plan_ = std::move(plan).value();
    }
    auto rows = std::make_shared<tables::RowBatch>(plan_->schema());
    if (!Decode(rows.get(), &answer->response)) {
      SetReady(answer);
      return OkStatus();
    }
    std::optional<int64_t> offset;
    if (request_.has_offset()) offset = request_.offset().value();
    store_->Append(path_.table, path_.stream, offset, std::move(rows),
                   [this, answer, stream = stream_name_](const AppendAnswer& done) {
                     if (!done.status.ok()) {
                       PutError(done.status, stream, &answer->response);
                     } else {
                       auto* const result = answer->response.mutable_append_result();
                       if (done.offset >= 0) result->mutable_offset()->set_value(done.offset);
                     }
                     SetReady(answer);
                   });
    return OkStatus();
  }

  /// All rows, or none and what is wrong with them.
  bool Decode(tables::RowBatch* rows, storage::AppendRowsResponse* response) const {
    const auto& serialized = request_.proto_rows().rows().serialized_rows();
    for (int i = 0; i < serialized.size(); ++i) {
      const Status status = plan_->Decode(serialized[i], rows);
      if (status.ok()) continue;
      if (response->row_errors_size() == kMostRowErrors) break;
      auto* const error = response->add_row_errors();
      error->set_index(i);
      error->set_code(storage::RowError::FIELDS_ERROR);
      error->set_message(status.message());
    }
    if (response->row_errors().empty()) return true;
    response->mutable_error()->set_code(static_cast<int>(StatusCode::kInvalidArgument));
    response->mutable_error()->set_message(
        "Errors found while processing rows. Please refer to the row_errors field for details. "
        "The list may not be complete because of the size limitations.");
    return false;
  }

  Answer* AddAnswer(size_t bytes) {
    const std::scoped_lock lock(mutex_);
    bytes_ += bytes;
    answers_.emplace_back();  // A deque's elements stay where they are.
    answers_.back().bytes = bytes;
    return &answers_.back();
  }

  void SetReady(Answer* answer) {
    const std::scoped_lock lock(mutex_);
    answer->ready = true;
    WriteOn();
    FinishIfDone();
  }

  void ReadOn() {
    if (reading_ || reads_done_ || broken_ || answers_.size() >= kMostOnTheirWay ||
        bytes_ >= kMostBytesOnTheirWay) {
      return;
    }
    reading_ = true;
    StartRead(&request_);
  }

  void WriteOn() {
    if (broken_) {
      // Nobody hears the answers: those that have come go.
      while (!writing_ && !answers_.empty() && answers_.front().ready) answers_.pop_front();
      return;
    }
    if (writing_ || answers_.empty() || !answers_.front().ready) return;
    writing_ = true;
    StartWrite(&answers_.front().response);
  }

  /// Under the mutex. A read that waits ends of itself where the peer has gone.
  void FinishIfDone() {
    if (broken_) WriteOn();
    if (finished_ || writing_ || !answers_.empty() || !(reads_done_ || (broken_ && !reading_))) {
      return;
    }
    finished_ = true;
    Finish(ToGrpc(end_));
  }

  TableStore* const store_;
  storage::AppendRowsRequest request_;
  std::string stream_name_;
  StreamPath path_;
  std::optional<google::protobuf::DescriptorProto> descriptor_;
  std::shared_ptr<const tables::ProtoPlan> plan_;

  std::mutex mutex_;
  std::deque<Answer> answers_;
  size_t bytes_ = 0;
  Status end_;
  bool reading_ = true;
  bool writing_ = false;
  bool reads_done_ = false;
  bool broken_ = false;
  bool finished_ = false;
};

storage::WriteStream StreamToProto(const StreamInfo& info) {
  storage::WriteStream stream;
  stream.set_name(info.name);
  stream.set_type(static_cast<storage::WriteStream::Type>(info.type));
  stream.set_write_mode(storage::WriteStream::INSERT);
  stream.set_location("US");
  stream.mutable_create_time()->set_seconds(info.created / 1'000'000);
  stream.mutable_create_time()->set_nanos(static_cast<int32_t>(info.created % 1'000'000 * 1000));
  return stream;
}

class WriteService final : public storage::BigQueryWrite::CallbackService {
 public:
  explicit WriteService(TableStore* store) : store_(store) {}

  grpc::ServerBidiReactor<storage::AppendRowsRequest, storage::AppendRowsResponse>* AppendRows(
      grpc::CallbackServerContext*) override {
    return new AppendConnection(store_);
  }

  grpc::ServerUnaryReactor* CreateWriteStream(grpc::CallbackServerContext* context,
                                              const storage::CreateWriteStreamRequest* request,
                                              storage::WriteStream* response) override {
    return Finish(context, Create(*request, response));
  }

  grpc::ServerUnaryReactor* GetWriteStream(grpc::CallbackServerContext* context,
                                           const storage::GetWriteStreamRequest* request,
                                           storage::WriteStream* response) override {
    return Finish(context, Get(*request, response));
  }

  grpc::ServerUnaryReactor* FinalizeWriteStream(
      grpc::CallbackServerContext* context, const storage::FinalizeWriteStreamRequest* request,
      storage::FinalizeWriteStreamResponse* response) override {
    const auto rows = store_->FinalizeStream(request->name());
    if (rows.ok()) response->set_row_count(*rows);
    return Finish(context, rows.status());
  }

  grpc::ServerUnaryReactor* FlushRows(grpc::CallbackServerContext* context,
                                      const storage::FlushRowsRequest* request,
                                      storage::FlushRowsResponse* response) override {
    const auto offset = store_->FlushStream(request->write_stream(), request->offset().value());
    if (offset.ok()) response->set_offset(*offset);
    return Finish(context, offset.status());
  }

  grpc::ServerUnaryReactor* BatchCommitWriteStreams(
      grpc::CallbackServerContext* context, const storage::BatchCommitWriteStreamsRequest* request,
      storage::BatchCommitWriteStreamsResponse* response) override {
    return Finish(context, Commit(*request, response));
  }

 private:
  static grpc::ServerUnaryReactor* Finish(grpc::CallbackServerContext* context,
                                          const Status& status) {
    grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
    reactor->Finish(ToGrpc(status));
    return reactor;
  }

  Status Create(const storage::CreateWriteStreamRequest& request, storage::WriteStream* response) {
    JOIST_ASSIGN_OR_RETURN(const TableName table, tables::TableNameOfPath(request.parent()));
    const auto type = request.write_stream().type();
    if (type != storage::WriteStream::COMMITTED && type != storage::WriteStream::PENDING &&
        type != storage::WriteStream::BUFFERED) {
      return InvalidArgument("a stream's type must be COMMITTED, PENDING or BUFFERED");
    }
    JOIST_ASSIGN_OR_RETURN(const StreamInfo info,
                           store_->CreateStream(table, static_cast<StreamType>(type)));
    return Describe(info, true, response);
  }

  Status Get(const storage::GetWriteStreamRequest& request, storage::WriteStream* response) {
    JOIST_ASSIGN_OR_RETURN(const StreamPath path, ReadStreamName(request.name()));
    const bool full = request.view() == storage::FULL;
    if (path.stream.empty()) {
      StreamInfo info;
      info.name = request.name();
      info.table = path.table;
      info.type = StreamType::kCommitted;
      return Describe(info, full, response);
    }
    JOIST_ASSIGN_OR_RETURN(const StreamInfo info, store_->GetStream(request.name()));
    return Describe(info, full, response);
  }

  Status Describe(const StreamInfo& info, bool full, storage::WriteStream* response) {
    JOIST_ASSIGN_OR_RETURN(const tables::TableInfo table, store_->GetTable(info.table));
    *response = StreamToProto(info);
    if (full) *response->mutable_table_schema() = ToProto(*table.schema);
    return OkStatus();
  }

  Status Commit(const storage::BatchCommitWriteStreamsRequest& request,
                storage::BatchCommitWriteStreamsResponse* response) {
    JOIST_ASSIGN_OR_RETURN(const TableName table, tables::TableNameOfPath(request.parent()));
    std::string culprit;
    const auto time = store_->CommitStreams(
        table, {request.write_streams().begin(), request.write_streams().end()}, &culprit);
    if (!time.ok() && culprit.empty()) return time.status();
    if (!time.ok()) {
      auto* const error = response->add_stream_errors();
      error->set_entity(culprit);
      error->set_error_message(time.status().message());
      const StatusCode code = time.status().code();
      error->set_code(
          code == StatusCode::kNotFound        ? storage::StorageError::STREAM_NOT_FOUND
          : code == StatusCode::kAlreadyExists ? storage::StorageError::STREAM_ALREADY_COMMITTED
          : code == StatusCode::kFailedPrecondition ? storage::StorageError::INVALID_STREAM_STATE
                                                    : storage::StorageError::INVALID_STREAM_TYPE);
      return OkStatus();
    }
    response->mutable_commit_time()->set_seconds(*time / 1'000'000);
    response->mutable_commit_time()->set_nanos(static_cast<int32_t>(*time % 1'000'000 * 1000));
    return OkStatus();
  }

  TableStore* const store_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeBigQueryWrite(TableStore* store) {
  return std::make_unique<WriteService>(store);
}

}  // namespace joist::serve
