// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// What the sources of TableStore share.

#ifndef JOIST_STORE_TABLES_STORE_STATE_H_
#define JOIST_STORE_TABLES_STORE_STATE_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "joist/store/tables/table_store.h"

namespace joist::tables {

/// The schema of the tables that SQL must not reach.
inline constexpr std::string_view kHiddenSchema = "joist_hidden";
/// In rows that wait for a flush or a commit; a name that no field has.
inline constexpr std::string_view kOffsetColumn = "row offset";

/// A table, and what was appended to it.
struct TableStore::TableEntry {
  TableInfo info = {};
  /// Survives changes of the schema.
  std::shared_ptr<std::atomic<int64_t>> appended_bytes = std::make_shared<std::atomic<int64_t>>(0);
};

/// A stream with the offset that it will have when the transaction at work is committed.
struct TableStore::Stream {
  StreamInfo info = {};
  int64_t tentative = 0;
  /// The hidden table of the rows of a PENDING or BUFFERED stream.
  std::string rows_table = {};
};

/// Milliseconds since 1970.
int64_t NowMilliseconds();
/// Microseconds since 1970.
int64_t NowMicroseconds();
/// The key of a dataset: small letters.
std::string KeyOf(const DatasetName& name);
/// The key of a table.
std::pair<std::string, std::string> KeyOf(const TableName& name);
/// "no dataset p:d".
Status NoDataset(const DatasetName& name);
Status NoTable(const TableName& name);

}  // namespace joist::tables

#endif  // JOIST_STORE_TABLES_STORE_STATE_H_
