// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// BlockSource: the rows of a RowStream as blocks of Avro's binary form: of Storage Read, or made of
// the pages of a query's results. Belongs to one thread.

#ifndef JOIST_IO_BIGQUERY_BLOCK_SOURCE_H_
#define JOIST_IO_BIGQUERY_BLOCK_SOURCE_H_

#include <cstdint>
#include <memory>
#include <string>

#include "joist/base/status.h"
#include "joist/io/bigquery/row_stream.h"

namespace joist::bigquery {

struct AvroBlock {
  std::string bytes;  ///< Some more follow that mean nothing: avro::Decoder::kSlack.
  size_t size = 0;    ///< Of the rows.
  int64_t rows = 0;   ///< One or more.
};

class BlockSource {
 public:
  virtual ~BlockSource() = default;
  /// The next rows; false at the end. What a broken connection leaves open is tried again.
  virtual Result<bool> Next(AvroBlock* block) = 0;
};

/// From the row number `offset` on.
Result<std::unique_ptr<BlockSource>> OpenStorageStream(const RowStream& stream, int64_t offset);
Result<std::unique_ptr<BlockSource>> OpenResultPages(const RowStream& stream, int64_t offset);

/// Before the call that follows number `attempt`, which is 1 or more.
void PauseBeforeReading(int attempt);
/// Calls without any success between.
inline constexpr int kReadAttempts = 10;

}  // namespace joist::bigquery

#endif  // JOIST_IO_BIGQUERY_BLOCK_SOURCE_H_
