// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// RowGroupReader: the columns of the row groups that begin in a part of a Parquet file, some
// thousand rows at a time. It reads the columns that are wanted and no others, skips row groups
// in which, by their statistics, no row can satisfy the predicate, and names the rows that do in
// the others. Memory: a read buffer and some pages for each column, never a whole row group.
//
// A row group belongs to the part in which its first column begins, so that any cut of a file into
// parts gives each row group to one of them. Belongs to one thread at a time.
//
// Metrics, counters named "parquet": row_groups_read, row_groups_skipped, bytes_read (of the wanted
// columns of the row groups that were read, as they lie on disk).

#ifndef JOIST_IO_PARQUET_ROW_GROUP_READER_H_
#define JOIST_IO_PARQUET_ROW_GROUP_READER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "joist/base/status.h"
#include "joist/io/parquet/column_data.h"
#include "joist/io/parquet/predicate.h"
#include "joist/model/schema.h"

namespace joist::parquet {

class RowGroupReader {
 public:
  /// Rows at most in a block, and in a slice of one.
  static constexpr size_t kBlockRows = 16 << 10;
  static constexpr size_t kSliceRows = 1024;

  /// Some rows: row i is at position `selected[i]` of the columns, or at `first + i` where nothing
  /// was selected. Valid until the next call.
  struct Slice {
    std::span<const ColumnData> columns;  ///< In the order of the wanted fields.
    const uint32_t* selected = nullptr;
    size_t first = 0;
    size_t rows = 0;

    size_t PositionOf(size_t i) const { return selected != nullptr ? selected[i] : first + i; }
  };

  /// Reads the row groups that begin in [begin, end).
  static Result<RowGroupReader> Open(const std::string& path, const Schema& wanted,
                                     const Predicate& where, uint64_t begin, uint64_t end);
  RowGroupReader(RowGroupReader&&) noexcept;
  RowGroupReader& operator=(RowGroupReader&&) noexcept;
  ~RowGroupReader();

  /// The next rows, one at least; false after the last.
  Result<bool> Next(Slice* slice);
  /// Moves the part's end on.
  void Extend(uint64_t end);
  /// Where the row group that was read last begins.
  uint64_t position() const;

  /// What is wrong with a value of the last slice.
  Status Describe(const Fault& fault) const;

 private:
  struct File;
  explicit RowGroupReader(std::unique_ptr<File> file);
  std::unique_ptr<File> file_;
};

}  // namespace joist::parquet

#endif  // JOIST_IO_PARQUET_ROW_GROUP_READER_H_
