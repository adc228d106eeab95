// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/io/bigquery/streams.h"

#include <utility>

#include "joist/io/bigquery/make_table.h"
#include "joist/io/google/service_channel.h"

namespace joist::bigquery {

std::shared_ptr<AppendClient> ConnectTo(const TableSettings& settings) {
  auto channel = google::Connect(google::Service::kBigQueryStorage, settings.endpoint);
  ThrowIfError(channel.status());
  return std::make_shared<AppendClient>(*std::move(channel));
}

Status MakeTableOf(TableSettings settings, const std::string& table) {
  settings.table = table;
  return MakeTable(settings);
}

std::string MakeStream(AppendClient* client, const TableSettings& settings,
                       const std::string& table, StreamType type) {
  Result<std::string> stream = client->CreateStream(table, type);
  if (stream.status().code() == StatusCode::kNotFound &&
      settings.create == CreateDisposition::kCreateIfNeeded) {
    ThrowIfError(MakeTableOf(settings, table));
    stream = client->CreateStream(table, type);
  }
  ThrowIfError(stream.status());
  return *std::move(stream);
}

std::string TableOfStream(const std::string& stream) {
  return stream.substr(0, stream.rfind("/streams/"));
}

}  // namespace joist::bigquery
