// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// RowFileWriter: a Parquet file of rows that are put into its columns. Values are encoded some
// thousand rows at a time; what a row group's columns have come to is kept until the group is
// written. The file lies under a temporary name and is removed unless it is closed
// (joist/io/files/file_writer.h). Belongs to one thread at a time.

#ifndef JOIST_IO_PARQUET_ROW_FILE_WRITER_H_
#define JOIST_IO_PARQUET_ROW_FILE_WRITER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "joist/base/status.h"
#include "joist/io/parquet/column_builder.h"
#include "joist/model/fields.h"
#include "joist/model/schema.h"

namespace joist::parquet {

/// How pages are compressed.
enum class Codec : uint8_t { kNone, kSnappy, kZstd };
JOIST_ENUM(Codec, kNone, kSnappy, kZstd)

/// The bytes of a file without rows.
Result<std::string> EmptyFile(const Schema& schema);

class RowFileWriter {
 public:
  /// Values are encoded when there are so many rows or bytes of them.
  static constexpr size_t kBlockRows = 8 << 10;
  static constexpr size_t kBlockBytes = 16 << 20;
  /// A row group ends when its values take so much memory before encoding.
  static constexpr size_t kGroupBytes = 512 << 20;

  /// Makes the file `path`, which must not exist; errors speak of `result`, which the user knows.
  static Result<RowFileWriter> Create(std::string path, std::string result, const Schema& schema,
                                      Codec codec, int64_t group_rows);
  RowFileWriter(RowFileWriter&&) noexcept;
  RowFileWriter& operator=(RowFileWriter&&) noexcept;
  ~RowFileWriter();

  /// The columns, into each of which a row's field is put.
  std::span<ColumnBuilder> columns() { return columns_; }
  /// After each row.
  Status EndRow() {
    ++rows_;
    // A look at the memory is a walk over all columns.
    if (rows_ % 64 != 0) return OkStatus();
    return rows_ >= kBlockRows || bytes() >= kBlockBytes ? Flush() : OkStatus();
  }
  Status Close();

  const std::string& path() const;

 private:
  struct File;
  explicit RowFileWriter(std::unique_ptr<File> file);
  size_t bytes() const;
  Status Flush();

  std::unique_ptr<File> file_;
  std::vector<ColumnBuilder> columns_;
  size_t rows_ = 0;  ///< In the columns.
};

}  // namespace joist::parquet

#endif  // JOIST_IO_PARQUET_ROW_FILE_WRITER_H_
