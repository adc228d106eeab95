// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// BlockReader: a file's bytes, decompressed, as a window that moves on: for formats whose records
// say themselves where they end. Belongs to one thread at a time.
//
// Invariants:
//  1. What data() and size() show stays until Consume has passed it or More moves it.
//  2. Memory: 256 KB, or twice the longest record if that is more.

#ifndef JOIST_IO_FILES_BLOCK_READER_H_
#define JOIST_IO_FILES_BLOCK_READER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "joist/base/status.h"
#include "joist/io/files/file_reader.h"

namespace joist::files {

class BlockReader {
 public:
  /// Bytes behind the window that may be read, though their values mean nothing.
  static constexpr size_t kSlack = 64;

  static Result<BlockReader> Open(const std::string& path,
                                  Compression compression = Compression::kAuto, uint64_t offset = 0,
                                  size_t block_bytes = kReadBlock);

  const char* data() const { return memory_.get() + begin_; }
  size_t size() const { return end_ - begin_; }
  /// Whether the window ends where the file does.
  bool at_end() const { return at_end_; }
  /// Of the window's first byte in the file, after decompression.
  uint64_t offset() const { return offset_; }

  void Consume(size_t bytes) {
    begin_ += bytes;
    offset_ += bytes;
  }
  /// Reads on, so that the window is larger than it was, or ends with the file.
  Status More();

  const std::string& path() const { return file_.path(); }
  /// Bytes read from the file as it lies on disk.
  uint64_t raw_position() const { return file_.raw_position(); }

 private:
  BlockReader(FileReader file, uint64_t offset, size_t block_bytes);

  FileReader file_;
  std::unique_ptr<char[]> memory_;
  size_t capacity_;
  size_t begin_ = 0;
  size_t end_ = 0;
  uint64_t offset_;
  bool at_end_ = false;
};

}  // namespace joist::files

#endif  // JOIST_IO_FILES_BLOCK_READER_H_
