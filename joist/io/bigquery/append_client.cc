// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/io/bigquery/append_client.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <thread>
#include <utility>

#include <google/cloud/bigquery/storage/v1/storage.grpc.pb.h>
#include <grpcpp/channel.h>

#include "joist/io/google/service_channel.h"

namespace joist::bigquery {
namespace {

namespace api = ::google::cloud::bigquery::storage::v1;

constexpr std::chrono::seconds kAppendTimeout(60);
constexpr int kAttempts = 10;
/// Rows that are appended together whatever is refused of them.
constexpr int kRowsOfPiece = 500;

void Pause(int attempt) {
  std::this_thread::sleep_for(std::chrono::milliseconds(std::min(50 << attempt, 5'000)));
}

/// One AppendRows call; requests go to one stream.
struct Connection {
  grpc::ClientContext context;
  std::unique_ptr<grpc::ClientReaderWriter<api::AppendRowsRequest, api::AppendRowsResponse>> calls;
  bool has_schema = false;
  uint64_t last_use = 0;

  /// What was sent is answered before.
  void Close() {
    calls->WritesDone();
    calls->Finish().ok();
  }
};

/// The first of the rows that were refused.
std::string FirstRefused(const api::AppendRowsResponse& answer) {
  if (answer.row_errors().empty()) return "";
  const api::RowError& row = answer.row_errors(0);
  return "; row " + std::to_string(row.index()) + ": " + row.message();
}

/// Moves the rows that the answer finds fault with out of `rows`.
void TakeOut(const api::AppendRowsResponse& answer, api::ProtoRows* rows,
             std::vector<RefusedRow>* refused) {
  std::map<int64_t, const std::string*> errors;  // By index; a row may have several.
  for (const api::RowError& error : answer.row_errors()) {
    errors.emplace(error.index(), &error.message());
  }
  auto& all = *rows->mutable_serialized_rows();
  int kept = 0;
  for (int i = 0; i < all.size(); ++i) {
    if (const auto error = errors.find(i); error != errors.end()) {
      refused->push_back({std::move(all[i]), *error->second});
    } else {
      all.SwapElements(i, kept++);
    }
  }
  all.DeleteSubrange(kept, all.size() - kept);
}

}  // namespace

struct AppendClient::Impl {
  std::unique_ptr<api::BigQueryWrite::Stub> stub;
  std::map<std::string, std::unique_ptr<Connection>> connections;  ///< By stream.
  uint64_t uses = 0;

  void CloseOldest() {
    const auto oldest = std::min_element(
        connections.begin(), connections.end(),
        [](const auto& a, const auto& b) { return a.second->last_use < b.second->last_use; });
    oldest->second->Close();
    connections.erase(oldest);
  }

  Connection& ConnectionTo(const std::string& stream) {
    if (connections.size() >= kMostConnections && !connections.contains(stream)) CloseOldest();
    std::unique_ptr<Connection>& connection = connections[stream];
    if (connection == nullptr) {
      connection = std::make_unique<Connection>();
      connection->context.AddMetadata("x-goog-request-params", "write_stream=" + stream);
      connection->calls = stub->AppendRows(&connection->context);
    }
    connection->last_use = ++uses;
    return *connection;
  }

  /// False where the connection has broken; `status` says why.
  bool TryAppend(const std::string& stream, api::AppendRowsRequest* request,
                 const std::string& descriptor, api::AppendRowsResponse* answer,
                 grpc::Status* status) {
    Connection& connection = ConnectionTo(stream);
    if (!connection.has_schema) {
      request->mutable_proto_rows()
          ->mutable_writer_schema()
          ->mutable_proto_descriptor()
          ->ParseFromString(descriptor);
    } else {
      request->mutable_proto_rows()->clear_writer_schema();
    }
    // A server that has gone silent breaks the connection, as the call has no deadline of its own.
    if (connection.calls->Write(*request) && connection.calls->Read(answer)) {
      connection.has_schema = true;
      return true;
    }
    *status = connection.calls->Finish();
    connections.erase(stream);
    return false;
  }

  Result<sink::AppendAnswer> Append(const std::string& stream, std::optional<int64_t> offset,
                                    const std::string& descriptor, api::ProtoRows rows,
                                    std::vector<RefusedRow>* refused);
  /// What is left when some were refused, in pieces: an answer names so many rows, and not more.
  Result<sink::AppendAnswer> AppendLeft(const std::string& stream, std::optional<int64_t> offset,
                                        const std::string& descriptor, api::ProtoRows rows,
                                        std::vector<RefusedRow>* refused);
};

AppendClient::AppendClient(std::shared_ptr<grpc::Channel> channel)
    : impl_(std::make_unique<Impl>()) {
  impl_->stub = api::BigQueryWrite::NewStub(channel);
}

AppendClient::~AppendClient() {
  for (auto& [stream, connection] : impl_->connections) connection->Close();
}

Result<std::string> AppendClient::CreateStream(const std::string& table, StreamType type) {
  api::CreateWriteStreamRequest request;
  request.set_parent(table);
  request.mutable_write_stream()->set_type(
      type == StreamType::kCommitted ? api::WriteStream::COMMITTED : api::WriteStream::BUFFERED);
  for (int attempt = 1;; ++attempt) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + kAppendTimeout);
    context.AddMetadata("x-goog-request-params", "parent=" + table);
    api::WriteStream stream;
    const grpc::Status status = impl_->stub->CreateWriteStream(&context, request, &stream);
    if (status.ok()) return stream.name();
    if (!google::MayBeTriedAgain(static_cast<StatusCode>(status.error_code())) ||
        attempt == kAttempts) {
      return google::FromGrpc(status, "cannot write to " + table);
    }
    Pause(attempt);
  }
}

Result<sink::AppendAnswer> AppendClient::Impl::Append(const std::string& stream,
                                                      std::optional<int64_t> offset,
                                                      const std::string& descriptor,
                                                      api::ProtoRows rows,
                                                      std::vector<RefusedRow>* refused) {
  api::AppendRowsRequest request;
  request.set_write_stream(stream);
  if (offset.has_value()) request.mutable_offset()->set_value(*offset);
  *request.mutable_proto_rows()->mutable_rows() = std::move(rows);
  for (int attempt = 1;; ++attempt) {
    api::AppendRowsResponse answer;
    grpc::Status status;
    if (TryAppend(stream, &request, descriptor, &answer, &status)) {
      if (!answer.has_error()) return sink::AppendAnswer::kAppended;
      if (refused != nullptr && !answer.row_errors().empty()) {
        api::ProtoRows left = std::move(*request.mutable_proto_rows()->mutable_rows());
        const int before = left.serialized_rows_size();
        TakeOut(answer, &left, refused);
        if (left.serialized_rows_size() == before) {
          return Internal(stream + " refuses rows that it was not given");
        }
        return AppendLeft(stream, offset, descriptor, std::move(left), refused);
      }
      status = grpc::Status(static_cast<grpc::StatusCode>(answer.error().code()),
                            answer.error().message() + FirstRefused(answer));
    }
    if (status.error_code() == grpc::StatusCode::ALREADY_EXISTS) {
      return sink::AppendAnswer::kAlreadyExists;
    }
    if (status.error_code() == grpc::StatusCode::OUT_OF_RANGE) {
      return sink::AppendAnswer::kOutOfRange;
    }
    // A call that ends well without an answer was ended by a server that stops.
    const bool again =
        status.ok() || google::MayBeTriedAgain(static_cast<StatusCode>(status.error_code()));
    if (!again || attempt == kAttempts) {
      const Status failed = google::FromGrpc(status, "cannot append to " + stream);
      return failed.ok() ? Status(StatusCode::kUnavailable, stream + " was closed") : failed;
    }
    Pause(attempt);
  }
}

Result<sink::AppendAnswer> AppendClient::Impl::AppendLeft(const std::string& stream,
                                                          std::optional<int64_t> offset,
                                                          const std::string& descriptor,
                                                          api::ProtoRows rows,
                                                          std::vector<RefusedRow>* refused) {
  if (rows.serialized_rows().empty()) return sink::AppendAnswer::kAppended;
  api::ProtoRows second;
  if (const int size = rows.serialized_rows_size(); size > kRowsOfPiece) {
    auto& all = *rows.mutable_serialized_rows();
    for (int i = size / 2; i < size; ++i) second.add_serialized_rows(std::move(all[i]));
    all.DeleteSubrange(size / 2, size - size / 2);
  }
  const auto first_rows = static_cast<int64_t>(rows.serialized_rows_size());
  const size_t refused_before = refused->size();
  auto first = Append(stream, offset, descriptor, std::move(rows), refused);
  if (!first.ok() || *first != sink::AppendAnswer::kAppended || second.serialized_rows().empty()) {
    return first;
  }
  if (offset.has_value()) {
    *offset += first_rows - static_cast<int64_t>(refused->size() - refused_before);
  }
  return Append(stream, offset, descriptor, std::move(second), refused);
}

Result<sink::AppendAnswer> AppendClient::Append(const std::string& stream,
                                                std::optional<int64_t> offset,
                                                const std::string& descriptor,
                                                std::string_view rows,
                                                std::vector<RefusedRow>* refused) {
  api::ProtoRows parsed;
  if (!parsed.ParseFromArray(rows.data(), static_cast<int>(rows.size()))) {
    return Internal("rows for " + stream + " are no ProtoRows");
  }
  return impl_->Append(stream, offset, descriptor, std::move(parsed), refused);
}

Status AppendClient::Flush(const std::string& stream, int64_t end) {
  api::FlushRowsRequest request;
  request.set_write_stream(stream);
  request.mutable_offset()->set_value(end - 1);
  for (int attempt = 1;; ++attempt) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + kAppendTimeout);
    context.AddMetadata("x-goog-request-params", "write_stream=" + stream);
    api::FlushRowsResponse answer;
    const grpc::Status status = impl_->stub->FlushRows(&context, request, &answer);
    // So far and further it was flushed before.
    if (status.ok() || status.error_code() == grpc::StatusCode::ALREADY_EXISTS) return OkStatus();
    if (!google::MayBeTriedAgain(static_cast<StatusCode>(status.error_code())) ||
        attempt == kAttempts) {
      return google::FromGrpc(status, "cannot show the rows of " + stream);
    }
    Pause(attempt);
  }
}

}  // namespace joist::bigquery
