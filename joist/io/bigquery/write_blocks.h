// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// WriteBlocks: what of joist::bigquery::WriteRows does not depend on the rows' type. Rows come
// encoded and put together (joist/io/bigquery/row_blocks.h).

#ifndef JOIST_IO_BIGQUERY_WRITE_BLOCKS_H_
#define JOIST_IO_BIGQUERY_WRITE_BLOCKS_H_

#include <cstdint>
#include <string>

#include "joist/io/bigquery/row_blocks.h"
#include "joist/model/fields.h"
#include "joist/sdk/pcollection.h"

namespace joist::bigquery {

/// What becomes of a table that is not there.
enum class CreateDisposition : uint8_t { kCreateIfNeeded, kCreateNever };
JOIST_ENUM(CreateDisposition, kCreateIfNeeded, kCreateNever)

/// What becomes of the rows that a table has. Others than kAppend are for kFileLoads.
enum class WriteDisposition : uint8_t {
  kAppend,
  kTruncate,  ///< The new rows replace them, all at once.
  kEmpty,     ///< The job fails where there are any.
};
JOIST_ENUM(WriteDisposition, kAppend, kTruncate, kEmpty)

/// How rows get into a table; joist/io/bigquery/write.h says what each guarantees.
enum class Method : uint8_t {
  kStorageWriteApi,
  kStorageApiAtLeastOnce,
  kStreamingInserts,
  kFileLoads,
};
JOIST_ENUM(Method, kStorageWriteApi, kStorageApiAtLeastOnce, kStreamingInserts, kFileLoads)

/// How tables are written to, and what their rows look like.
struct TableSettings {
  std::string table;          ///< "projects/P/datasets/D/tables/T"; "" where rows say it.
  std::string endpoint;       ///< As joist::google::Connect takes it.
  std::string http_endpoint;  ///< "http://HOST:PORT"; "" as `endpoint` says.
  Method method = Method::kStorageWriteApi;
  CreateDisposition create = CreateDisposition::kCreateIfNeeded;
  WriteDisposition write = WriteDisposition::kAppend;
  bool with_failed_rows = false;
  Bytes descriptor;    ///< As DescriptorOf makes it.
  std::string schema;  ///< As SchemaJson makes it.
};
JOIST_ROW(TableSettings, table, endpoint, http_endpoint, method, create, write, with_failed_rows,
          descriptor, schema)

/// A row that its table refused for what is in it.
struct FailedRow {
  std::string table;  ///< "projects/P/datasets/D/tables/T".
  std::string row;    ///< As a JSON object, as insertAll takes it; no UTF-8 is U+FFFD.
  std::string error;  ///< What the service says.
};
JOIST_ROW(FailedRow, table, row, error)

/// What writing gives.
class WriteResult {
 public:
  WriteResult(PCollection<std::string> written, PCollection<FailedRow> failed, bool has_failed)
      : written_(written), failed_(failed), has_failed_(has_failed) {}

  /// The table ("projects/P/datasets/D/tables/T") of each append, insert or load, when it is done.
  const PCollection<std::string>& written() const { return written_; }
  /// The rows that were refused. A fault without WithFailedRows().
  const PCollection<FailedRow>& failed_rows() const;

 private:
  PCollection<std::string> written_;
  PCollection<FailedRow> failed_;
  bool has_failed_;
};

/// Writes blocks, whose keys say where they go. What is wrong with the settings is a fault. `wait`
/// is for how long a stream's rows wait for others.
WriteResult WriteBlocks(const PCollection<KV<Lane, RowBlock>>& blocks,
                        const TableSettings& settings, Duration wait);

}  // namespace joist::bigquery

#endif  // JOIST_IO_BIGQUERY_WRITE_BLOCKS_H_
