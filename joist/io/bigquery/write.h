// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// WriteRows: rows to tables of BigQuery.
//
//   counts | joist::bigquery::WriteRows<Count>("shop.reports.counts")
//
//   auto result = clicks | joist::bigquery::WriteRows<Click>()
//                              .To([](const Click& click) { return "shop.clicks." + click.country;
//                              }) .WithFailedRows();
//   result.failed_rows() | …
//
// | Method                 | input   | each row is there                                     |
// |------------------------|---------|-------------------------------------------------------|
// | kStorageWriteApi       | any     | exactly once; seen after the checkpoint that has it   |
// | kStorageApiAtLeastOnce | any     | at least once; seen at once                           |
// | kStreamingInserts      | any     | at least once; what is sent again within a minute or  |
// |                        |         | so is known to the service by its insertId            |
// | kFileLoads             | bounded | exactly once, all of a table's rows at the same time  |
//
// kStorageWriteApi: a block of rows gets its offset in a stream of the service, both are kept in a
// checkpoint, and only then it is appended; what is appended again is the same at the same offset,
// and the service has it already. With WithFailedRows() rows are appended unseen instead, without
// those that the service refuses, and a checkpoint has how far each stream is good before it is
// shown so far; what of a stream was appended by work that was done again is never shown.
//
// kFileLoads: rows are uploaded into tables beside the destination (TABLE_joist_…), which are then
// copied into it by one job and deleted. Jobs have names that the retried work has again, so each
// runs once, as long as the service knows its jobs: Google does for months, `joist serve` until it
// ends. A job that dies may leave such tables behind. A destination takes 1,200 uploads of
// 16 MiB.
//
// A table that is not there is made (kCreateIfNeeded), with the columns of the row
// (joist/io/bigquery/columns.h); one that is there may have more, which get NULL.

#ifndef JOIST_IO_BIGQUERY_WRITE_H_
#define JOIST_IO_BIGQUERY_WRITE_H_

#include <source_location>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "joist/io/bigquery/columns.h"
#include "joist/io/bigquery/encode_row.h"
#include "joist/io/bigquery/row_blocks.h"
#include "joist/io/bigquery/write_blocks.h"
#include "joist/sdk/par_do.h"

namespace joist::bigquery {

namespace write_internal {

/// All rows go to the table of the settings.
struct OneTable {
  std::string table;
  template <class T>
  const std::string& operator()(const T&) const {
    return table;
  }
};
JOIST_ROW(OneTable, table)

/// Puts a bundle's rows together. `F` gives the table of a row.
template <IsRow T, class F>
struct EncodeRows {
  [[no_unique_address]] F table_of;
  RowBlocks blocks;
  std::string row;

  void Setup() { blocks = RowBlocks(); }
  void StartBundle() { blocks.Clear(); }
  void Process(const T& element, Emit<KV<Lane, RowBlock>> emit) {
    row.clear();
    EncodeRow(element, &row);
    if (blocks.Add(table_of(element), row)) GiveOut(emit);
  }
  void FinishBundle(Emit<KV<Lane, RowBlock>> emit) {
    blocks.Close();
    GiveOut(emit);
  }

 private:
  void GiveOut(const Emit<KV<Lane, RowBlock>>& emit) {
    for (KV<Lane, RowBlock>& block : blocks.Take()) emit(std::move(block));
  }
};

}  // namespace write_internal
}  // namespace joist::bigquery

/// Of EncodeRows the function travels.
template <class T, class F>
  requires(joist::kTravels<F>)
struct joist::Coder<joist::bigquery::write_internal::EncodeRows<T, F>> {
  using Function = joist::bigquery::write_internal::EncodeRows<T, F>;
  static constexpr bool kDeterministic = false;
  static CoderSpec Spec() { return MakeCoderSpec(kBytesCoder); }
  static void Encode(const Function& value, std::string* out, bool nested) {
    if constexpr (!kIsStateless<F>) Coder<F>::Encode(value.table_of, out, nested);
  }
  static bool Decode(ByteReader* in, Function* value, bool nested) {
    if constexpr (kIsStateless<F>) {
      return true;
    } else {
      return Coder<F>::Decode(in, &value->table_of, nested);
    }
  }
};

namespace joist::bigquery {

/// Gives a WriteResult. A value; a With… function returns a changed copy.
template <IsRow T, class F = write_internal::OneTable>
class WriteRows : public Transform {
 public:
  static constexpr std::string_view kKind = "bigquery::WriteRows";
  /// To be followed by To().
  explicit WriteRows(std::source_location where = std::source_location::current())
      : Transform(where) {}
  /// "PROJECT.DATASET.TABLE" or "PROJECT:DATASET.TABLE".
  explicit WriteRows(std::string table,
                     std::source_location where = std::source_location::current())
    requires std::is_same_v<F, write_internal::OneTable>
      : Transform(where), table_of_{std::move(table)} {
    settings_.table = table_of_.table;
  }
  WriteRows(F table_of, TableSettings settings, Duration wait, std::source_location where)
      : Transform(where),
        table_of_(std::move(table_of)),
        settings_(std::move(settings)),
        wait_(wait) {}

  /// `table_of(row)` is the row's table, in a form that WriteRows takes. There may be many.
  template <class G>
  WriteRows<T, G> To(G table_of) const {
    TableSettings settings = settings_;
    settings.table.clear();
    return WriteRows<T, G>(std::move(table_of), std::move(settings), wait_, where);
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
  WriteRows WithMethod(Method method) && {
    settings_.method = method;
    return std::move(*this);
  }
  WriteRows WithCreateDisposition(CreateDisposition create) && {
    settings_.create = create;
    return std::move(*this);
  }
  WriteRows WithWriteDisposition(WriteDisposition write) && {
    settings_.write = write;
    return std::move(*this);
  }
  /// A row that the service refuses for what is in it goes to WriteResult::failed_rows(); else it
  /// ends the job. Not for kFileLoads.
  WriteRows WithFailedRows() && {
    settings_.with_failed_rows = true;
    return std::move(*this);
  }
  /// For how long a stream's rows wait for others; they are appended after the checkpoint that
  /// follows.
  WriteRows WithMaxBufferingDuration(Duration most) && {
    wait_ = most;
    return std::move(*this);
  }

  WriteResult Expand(const PCollection<T>& rows) const {
    TableSettings settings = settings_;
    const std::vector<Column> columns = ColumnsOf<T>();
    settings.descriptor = Bytes(DescriptorOf(columns));
    settings.schema = SchemaJson(columns);
    if (std::is_same_v<F, write_internal::OneTable> && settings.table.empty()) {
      rows.builder().AddFault("has no table: name one, or give To() a function that does");
    }
    return WriteBlocks(
        rows | "Encode" >> ParDo(write_internal::EncodeRows<T, F>{table_of_, {}, {}}), settings,
        wait_);
  }

 private:
  [[no_unique_address]] F table_of_;
  TableSettings settings_;
  Duration wait_ = Duration::Millis(200);
};

}  // namespace joist::bigquery

#endif  // JOIST_IO_BIGQUERY_WRITE_H_
