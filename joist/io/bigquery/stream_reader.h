// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// StreamReader: the rows of RowStreams as rows of a type that it knows by its shape alone; goes on
// where it is if it is asked to. Belongs to one thread.

#ifndef JOIST_IO_BIGQUERY_STREAM_READER_H_
#define JOIST_IO_BIGQUERY_STREAM_READER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "joist/base/status.h"
#include "joist/io/avro/decoder.h"
#include "joist/io/avro/field_shape.h"
#include "joist/io/avro/plan.h"
#include "joist/io/bigquery/block_source.h"
#include "joist/io/bigquery/row_stream.h"

namespace joist::bigquery {

/// How rows of the Avro schema become rows of that shape. What does not go together is an error
/// that names the column and `what`, the table.
Result<avro::Plan> PlanOfRows(const std::string& schema, const avro::FieldShape& row,
                              const std::string& what);

class StreamReader {
 public:
  /// `row` outlives the reader.
  explicit StreamReader(const avro::FieldShape& row) : row_(row) {}

  /// The row number `offset` of `stream` is the next.
  Status GoTo(const RowStream& stream, int64_t offset);
  int64_t offset() const { return offset_; }
  /// How many rows can be taken without waiting, after having waited for them; 0 at the end.
  Result<int64_t> Ready();
  /// Sets the rows at `rows`, at most as many as are ready. An error names row and column.
  Status Take(void* rows, int64_t count);

 private:
  Status Refuse(const std::string& why, int64_t row) const;

  const avro::FieldShape& row_;
  RowStream stream_;
  std::optional<avro::Plan> plan_;
  std::unique_ptr<BlockSource> source_;
  AvroBlock block_;
  avro::Decoder decoder_;
  int64_t left_ = 0;  ///< Rows of the block that weren't taken.
  int64_t offset_ = 0;
};

}  // namespace joist::bigquery

#endif  // JOIST_IO_BIGQUERY_STREAM_READER_H_
