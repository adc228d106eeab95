// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// BigQuery: writes rows to tables, of Google, of an emulator, or of `joist serve`; without any, of
// tables inside of this process (joist/io/google/service_channel.h).
//
//   struct Count { std::string user; int64_t events; };
//   JOIST_ROW(Count, user, events)
//   counts | joist::bigquery::WriteRows<Count>("shop.reports.counts")
//
// Exactly once, through Storage Write: rows are encoded and put together, a block gets its offset
// in a stream, both are kept in a checkpoint, and only then is it appended; what is appended again
// is the same at the same offset, and the service has it already. Rows are visible when they are
// appended. Each step has streams of its own.
//
// A table that is not there is made (kCreateIfNeeded), with the columns of the row
// (joist/io/bigquery/columns.h); one that is there may have more, which get NULL. Making tables
// goes over HTTP, without TLS: at Google itself they have to be there.

#ifndef JOIST_IO_BIGQUERY_BIGQUERY_H_
#define JOIST_IO_BIGQUERY_BIGQUERY_H_

#include <cstdint>
#include <source_location>
#include <string>
#include <string_view>
#include <utility>

#include "joist/io/bigquery/columns.h"
#include "joist/io/bigquery/encode_row.h"
#include "joist/io/bigquery/read.h"
#include "joist/sdk/par_do.h"

namespace joist::bigquery {

enum class CreateDisposition : uint8_t { kCreateIfNeeded, kCreateNever };
JOIST_ENUM(CreateDisposition, kCreateIfNeeded, kCreateNever)

/// A table that is written to, and what its rows look like.
struct TableSettings {
  std::string table;          ///< "projects/P/datasets/D/tables/T".
  std::string endpoint;       ///< As joist::google::Connect takes it.
  std::string http_endpoint;  ///< "http://HOST:PORT"; "" as `endpoint` says.
  CreateDisposition create = CreateDisposition::kCreateIfNeeded;
  Bytes descriptor;    ///< As DescriptorOf makes it.
  std::string schema;  ///< As SchemaJson makes it.
};
JOIST_ROW(TableSettings, table, endpoint, http_endpoint, create, descriptor, schema)

/// Rows that are appended together.
struct RowBlock {
  int64_t rows = 0;
  Bytes bytes;  ///< A serialized google.cloud.bigquery.storage.v1.ProtoRows.
};
JOIST_ROW(RowBlock, rows, bytes)

/// Appends blocks, whose keys spread them over streams; gives the names of streams, and where each
/// ends then. What is wrong with the settings is a fault.
PCollection<KV<std::string, int64_t>> WriteBlocks(const PCollection<KV<int64_t, RowBlock>>& blocks,
                                                  const TableSettings& settings, Duration wait);

namespace bigquery_internal {

/// Of this process; for spreading work only.
int64_t AnyShard();

/// Puts a bundle's rows together.
template <IsRow T>
struct EncodeRows {
  static constexpr size_t kBlockBytes = 1 << 20;
  int64_t unused = 0;  ///< Of state nothing travels.
  int64_t shard = 0;
  RowBlock block;
  std::string row;

  void Setup() { shard = AnyShard(); }
  void StartBundle() { block = {}; }
  void Process(const T& element, Emit<KV<int64_t, RowBlock>> emit) {
    row.clear();
    EncodeRow(element, &row);
    encode_internal::PutText(1, row, &block.bytes.data);
    ++block.rows;
    if (block.bytes.size() >= kBlockBytes) Flush(emit);
  }
  void FinishBundle(Emit<KV<int64_t, RowBlock>> emit) { Flush(emit); }

 private:
  void Flush(const Emit<KV<int64_t, RowBlock>>& emit) {
    if (block.rows > 0) emit(KV<int64_t, RowBlock>{shard, std::exchange(block, {})});
  }
};
template <IsRow T>
constexpr FieldList<EncodeRows<T>, &EncodeRows<T>::unused> JoistFields(const EncodeRows<T>*) {
  return {"EncodeRows", {"unused"}};
}

}  // namespace bigquery_internal

template <IsRow T>
class WriteRows : public Transform {
 public:
  static constexpr std::string_view kKind = "bigquery::WriteRows";
  /// "PROJECT.DATASET.TABLE" or "PROJECT:DATASET.TABLE".
  explicit WriteRows(std::string table,
                     std::source_location where = std::source_location::current())
      : Transform(where) {
    settings_.table = std::move(table);
  }
  /// "google", "local" or "HOST:PORT"; by default what the environment says.
  WriteRows WithEndpoint(std::string endpoint) && {
    settings_.endpoint = std::move(endpoint);
    return std::move(*this);
  }
  /// Where the REST API is, if it is elsewhere.
  WriteRows WithHttpEndpoint(std::string url) && {
    settings_.http_endpoint = std::move(url);
    return std::move(*this);
  }
  WriteRows WithCreateDisposition(CreateDisposition create) && {
    settings_.create = create;
    return std::move(*this);
  }
  /// For how long a stream's rows wait for others; they are appended after the checkpoint that
  /// follows.
  WriteRows WithMaxBufferingDuration(Duration most) && {
    wait_ = most;
    return std::move(*this);
  }

  PCollection<KV<std::string, int64_t>> Expand(const PCollection<T>& rows) const {
    TableSettings settings = settings_;
    const std::vector<Column> columns = ColumnsOf<T>();
    settings.descriptor = Bytes(DescriptorOf(columns));
    settings.schema = SchemaJson(columns);
    return WriteBlocks(rows | "Encode" >> ParDo(bigquery_internal::EncodeRows<T>()), settings,
                       wait_);
  }

 private:
  TableSettings settings_;
  Duration wait_ = Duration::Millis(200);
};

}  // namespace joist::bigquery

#endif  // JOIST_IO_BIGQUERY_BIGQUERY_H_
