// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// RowBlocks: rows on their way to tables, put together to blocks, each of one table. Belongs to one
// thread. Bounded: what is open has kMostBytes at the most, of kMostTables tables.

#ifndef JOIST_IO_BIGQUERY_ROW_BLOCKS_H_
#define JOIST_IO_BIGQUERY_ROW_BLOCKS_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "joist/model/fields.h"
#include "joist/model/kv.h"

namespace joist::bigquery {

/// Where a block goes: a table, and one of the ways to it that are gone side by side.
struct Lane {
  std::string table;  ///< "projects/P/datasets/D/tables/T".
  int64_t shard = 0;
};
JOIST_ROW(Lane, table, shard)

/// Rows that are written together.
struct RowBlock {
  int64_t rows = 0;
  Bytes bytes;  ///< A serialized google.cloud.bigquery.storage.v1.ProtoRows.
};
JOIST_ROW(RowBlock, rows, bytes)

class RowBlocks {
 public:
  static constexpr size_t kBlockBytes = 1 << 20;
  static constexpr size_t kMostBytes = 32 << 20;
  static constexpr size_t kMostTables = 500;

  RowBlocks();

  /// Adds a row (EncodeRow) for `table`, in any form that TablePath takes; throws where it is none.
  /// True where Take has blocks to give.
  bool Add(std::string_view table, std::string_view row);
  /// Lets Take give all blocks.
  void Close();
  std::vector<KV<Lane, RowBlock>> Take();
  /// Forgets what was added.
  void Clear();

 private:
  struct Open {
    std::string path;
    RowBlock block;
  };
  void Close(Open* open);

  int64_t shard_;                                  ///< Of this object: for spreading work only.
  std::map<std::string, Open, std::less<>> open_;  ///< By what Add was given.
  size_t bytes_ = 0;                               ///< Of open_.
  std::vector<KV<Lane, RowBlock>> full_;
};

/// The rows of a block, which they refer to.
std::vector<std::string_view> RowsOf(const RowBlock& block);

}  // namespace joist::bigquery

#endif  // JOIST_IO_BIGQUERY_ROW_BLOCKS_H_
