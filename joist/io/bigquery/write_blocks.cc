// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include <memory>
#include <random>
#include <utility>
#include <vector>

#include "joist/io/bigquery/append_client.h"
#include "joist/io/bigquery/bigquery.h"
#include "joist/io/bigquery/make_table.h"
#include "joist/io/google/service_channel.h"
#include "joist/io/sink/offset_addressed.h"

namespace joist::bigquery {

namespace bigquery_internal {

constexpr int64_t kShards = 2;
/// Blocks of a bundle each: of up to a mebibyte, so an append is within Google's 10 MB.
constexpr int64_t kBlocksOfAppend = 8;

int64_t AnyShard() {
  std::random_device device;
  return static_cast<int64_t>(device() % kShards);
}

std::shared_ptr<AppendClient> ConnectTo(const TableSettings& settings) {
  auto channel = google::Connect(google::Service::kBigQueryStorage, settings.endpoint);
  ThrowIfError(channel.status());
  return std::make_shared<AppendClient>(*std::move(channel));
}

/// Gives each shard a stream.
struct ChooseStream {
  struct Stream {};
  TableSettings settings;
  std::shared_ptr<AppendClient> client;  ///< Each copy's own.

  void Setup() { client = ConnectTo(settings); }
  void Process(const KV<int64_t, RowBlock>& block, ValueState<std::string, Stream> stream,
               Emit<KV<std::string, RowBlock>> emit) const {
    // A stream that is made by work that has to be done again stays empty.
    if (stream.IsEmpty()) stream.Write(MakeStream());
    emit(KV<std::string, RowBlock>{stream.ReadOr(""), block.value});
  }

 private:
  std::string MakeStream() const {
    Result<std::string> stream = client->CreateStream(settings.table);
    if (stream.status().code() == StatusCode::kNotFound &&
        settings.create == CreateDisposition::kCreateIfNeeded) {
      ThrowIfError(MakeTable(settings));
      stream = client->CreateStream(settings.table);
    }
    ThrowIfError(stream.status());
    return *std::move(stream);
  }
};
constexpr FieldList<ChooseStream, &ChooseStream::settings> JoistFields(const ChooseStream*) {
  return {"ChooseStream", {"settings"}};
}

struct StreamSink {
  using Element = RowBlock;
  TableSettings settings;
  std::shared_ptr<AppendClient> client;  ///< Each copy's own.

  void Setup() { client = ConnectTo(settings); }
  static int64_t RowsOf(const RowBlock& block) { return block.rows; }
  sink::AppendAnswer Append(const std::string& stream, int64_t offset,
                            const std::vector<RowBlock>& blocks) const {
    // ProtoRows one after the other are ProtoRows.
    std::string rows;
    for (const RowBlock& block : blocks) rows += block.bytes.view();
    const auto answer = client->Append(stream, offset, settings.descriptor.data, rows);
    ThrowIfError(answer.status());
    return *answer;
  }
};
constexpr FieldList<StreamSink, &StreamSink::settings> JoistFields(const StreamSink*) {
  return {"StreamSink", {"settings"}};
}

}  // namespace bigquery_internal

PCollection<KV<std::string, int64_t>> WriteBlocks(const PCollection<KV<int64_t, RowBlock>>& blocks,
                                                  const TableSettings& settings, Duration wait) {
  using bigquery_internal::ChooseStream;
  using bigquery_internal::StreamSink;
  TableSettings checked = settings;
  if (Result<std::string> path = TablePath(settings.table); path.ok()) {
    checked.table = *std::move(path);
  } else {
    blocks.builder().AddFault("has a table that is none: " + path.status().message());
  }
  if (wait <= Duration::Zero()) {
    blocks.builder().AddFault("has a buffering duration that is not positive");
  }
  return sink::InAllWindows(blocks) | "Streams" >> ParDo(ChooseStream{checked, nullptr}) |
         "Append" >> sink::WriteAtOffsets(StreamSink{checked, nullptr})
                         .WithBlockSize(bigquery_internal::kBlocksOfAppend)
                         .WithMaxBufferingDuration(wait);
}

}  // namespace joist::bigquery
