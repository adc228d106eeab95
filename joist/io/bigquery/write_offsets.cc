// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Storage Write at offsets: blocks are kept with their offsets, then appended, and seen.

#include <memory>
#include <vector>

#include "joist/io/bigquery/streams.h"
#include "joist/io/bigquery/write_methods.h"
#include "joist/io/sink/offset_addressed.h"
#include "joist/sdk/par_do.h"

namespace joist::bigquery {
namespace {

/// Blocks of up to a mebibyte, so an append is within Google's 10 MB.
constexpr int64_t kBlocksOfAppend = 8;

}  // namespace

namespace write_internal {

/// Gives each lane a stream.
struct ChooseStream {
  struct Stream {};
  TableSettings settings;
  std::shared_ptr<AppendClient> client;  ///< Each copy's own.

  void Setup() { client = ConnectTo(settings); }
  void Process(const KV<Lane, RowBlock>& block, ValueState<std::string, Stream> stream,
               Emit<KV<std::string, RowBlock>> emit) const {
    // A stream that is made by work that has to be done again stays empty.
    if (stream.IsEmpty()) {
      stream.Write(MakeStream(client.get(), settings, block.key.table, StreamType::kCommitted));
    }
    emit(KV<std::string, RowBlock>{stream.ReadOr(""), block.value});
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
    const auto answer =
        client->Append(stream, offset, settings.descriptor.data, rows, /*refused=*/nullptr);
    ThrowIfError(answer.status());
    return *answer;
  }
};
constexpr FieldList<StreamSink, &StreamSink::settings> JoistFields(const StreamSink*) {
  return {"StreamSink", {"settings"}};
}

struct TableOfEnd {
  std::string operator()(const KV<std::string, int64_t>& end) const {
    return TableOfStream(end.key);
  }
};
constexpr FieldList<TableOfEnd> JoistFields(const TableOfEnd*) { return {"TableOfEnd", {}}; }

}  // namespace write_internal

PCollection<std::string> WriteAtStreamOffsets(const Blocks& blocks, const TableSettings& settings,
                                              Duration wait) {
  using write_internal::ChooseStream;
  using write_internal::StreamSink;
  return blocks | "Streams" >> ParDo(ChooseStream{settings, nullptr}) |
         "Append" >> sink::WriteAtOffsets(StreamSink{settings, nullptr})
                         .WithBlockSize(kBlocksOfAppend)
                         .WithMaxBufferingDuration(wait) |
         "Table" >> Map(write_internal::TableOfEnd());
}

}  // namespace joist::bigquery
