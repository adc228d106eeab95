// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include <chrono>
#include <string_view>
#include <utility>

#include <google/cloud/bigquery/storage/v1/storage.grpc.pb.h>
#include <grpcpp/channel.h>

#include "joist/io/bigquery/columns.h"
#include "joist/io/bigquery/read.h"
#include "joist/io/google/service_channel.h"

namespace joist::bigquery::read_internal {
namespace {

namespace session_api = ::google::cloud::bigquery::storage::v1;

/// Of a session: enough for all threads, whatever their number.
constexpr int kMostStreams = 64;
constexpr std::chrono::seconds kSessionTimeout{120};

/// "user", "place.city": the columns that a row has, those of records each by itself.
void AddSelectedFields(const avro::FieldShape& row, const std::string& before,
                       session_api::ReadSession::TableReadOptions* options) {
  for (const avro::FieldPart& field : row.fields) {
    const avro::FieldShape* shape = field.shape;
    while (shape->part != nullptr) shape = shape->part;
    if (shape->kind == avro::FieldShape::Kind::kRow) {
      AddSelectedFields(*shape, before + field.name + ".", options);
    } else {
      options->add_selected_fields(before + field.name);
    }
  }
}

Result<session_api::ReadSession> MakeSession(const TableToRead& table,
                                             const avro::FieldShape& row) {
  JOIST_ASSIGN_OR_RETURN(const auto channel,
                         google::Connect(google::Service::kBigQueryStorage, table.endpoint));
  const auto stub = session_api::BigQueryRead::NewStub(channel);
  session_api::CreateReadSessionRequest request;
  request.set_parent(table.project.empty() ? table.table.substr(0, table.table.find("/datasets/"))
                                           : "projects/" + table.project);
  request.set_max_stream_count(kMostStreams);
  session_api::ReadSession& wanted = *request.mutable_read_session();
  wanted.set_table(table.table);
  wanted.set_data_format(session_api::AVRO);
  wanted.mutable_read_options()->set_row_restriction(table.row_restriction);
  AddSelectedFields(row, "", wanted.mutable_read_options());
  if (table.snapshot_time.has_value()) {
    const int64_t millis = table.snapshot_time->millis;
    auto* const time = wanted.mutable_table_modifiers()->mutable_snapshot_time();
    time->set_seconds((millis - FloorMod(millis, int64_t{1000})) / 1000);
    time->set_nanos(static_cast<int32_t>(FloorMod(millis, int64_t{1000})) * 1'000'000);
  }
  for (int attempt = 1;; ++attempt) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + kSessionTimeout);
    context.AddMetadata("x-goog-request-params", "read_session.table=" + table.table);
    session_api::ReadSession session;
    const grpc::Status status = stub->CreateReadSession(&context, request, &session);
    if (status.ok()) return session;
    if (!google::MayBeTriedAgain(static_cast<StatusCode>(status.error_code())) ||
        attempt == kReadAttempts) {
      return google::FromGrpc(status, "cannot read " + table.table);
    }
    PauseBeforeReading(attempt);
  }
}

}  // namespace

std::vector<RowStream> StreamsOf(const TableToRead& table, const avro::FieldShape& row) {
  const Result<session_api::ReadSession> session = MakeSession(table, row);
  ThrowIfError(session.status());
  const std::string& schema = session->avro_schema().schema();
  ThrowIfError(PlanOfRows(schema, row, table.table).status());
  std::vector<RowStream> streams;
  for (const session_api::ReadStream& stream : session->streams()) {
    streams.push_back({.what = table.table,
                       .stream = stream.name(),
                       .schema = schema,
                       .endpoint = table.endpoint});
  }
  return streams;
}

TableToRead Checked(TableToRead table, PipelineBuilder* builder) {
  if (Result<std::string> path = TablePath(table.table); path.ok()) {
    table.table = *std::move(path);
  } else {
    builder->AddFault("has a table that is none: " + path.status().message());
  }
  return table;
}

}  // namespace joist::bigquery::read_internal
