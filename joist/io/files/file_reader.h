// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// FileReader: the bytes of a file in order, decompressed on the way. Belongs to one thread at a
// time.
//
// Files are read with read(2) into the caller's memory. A block of 256 KB that is used again and
// again stays in the second-level cache; mapping the file was slower (693 against 781 MB/s in word
// count) and shows as memory.

#ifndef JOIST_IO_FILES_FILE_READER_H_
#define JOIST_IO_FILES_FILE_READER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "joist/base/status.h"
#include "joist/io/files/compression.h"

namespace joist::files {

/// How much to read at once.
inline constexpr size_t kReadBlock = 256 << 10;

class FileReader {
 public:
  /// Opens `path` at `offset`, which must be 0 for a compressed file.
  static Result<FileReader> Open(std::string path, Compression compression = Compression::kAuto,
                                 uint64_t offset = 0);

  FileReader(FileReader&& other) noexcept;
  FileReader& operator=(FileReader&& other) noexcept;
  ~FileReader();

  /// Fills `buffer` as far as there is something to read: fewer than `size` bytes only at the end,
  /// then 0. A damaged or shortened compressed file is DataLoss that says where.
  Result<size_t> Read(char* buffer, size_t size);

  const std::string& path() const { return path_; }
  Compression compression() const { return compression_; }
  /// Of the file as it lies on disk.
  uint64_t file_size() const { return file_size_; }
  /// What was read of it.
  uint64_t raw_position() const { return raw_offset_; }

 private:
  FileReader() = default;

  Result<size_t> ReadRaw(char* buffer, size_t size);
  Status Damaged(const std::string& phrase) const;

  std::string path_;
  int descriptor_ = -1;
  Compression compression_ = Compression::kNone;
  uint64_t file_size_ = 0;
  uint64_t raw_offset_ = 0;  ///< Of the next byte that ReadRaw reads.

  // Of compressed files.
  std::unique_ptr<Decompressor> decompressor_;
  std::unique_ptr<char[]> input_;
  size_t input_begin_ = 0;
  size_t input_end_ = 0;
};

}  // namespace joist::files

#endif  // JOIST_IO_FILES_FILE_READER_H_
