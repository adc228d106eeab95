// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// LineReader: the lines of a text file, or of a range of it, in batches of views. Belongs to one
// thread at a time.
//
// Lines end with "\n" or "\r\n", as in Beam's Python and Go SDKs; the ending is not part of the
// line (a "\r" elsewhere is; Beam's Java SDK ends lines there). The last line needs no ending. A
// UTF-8 byte order mark at the file's beginning is skipped. Other bytes are passed on as they are,
// valid UTF-8 or not, but a NUL byte is refused, since no text holds one and most other files do.
//
// Invariants:
//  1. A range [begin, end) holds the lines whose first byte lies in it. So the lines of ranges that
//     cover a file without overlap are the file's lines, whatever the cuts.
//  2. Views live until the next call.
//  3. Memory: one block of 256 KB, or twice the longest line if that is more.

#ifndef JOIST_IO_FILES_LINE_READER_H_
#define JOIST_IO_FILES_LINE_READER_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "joist/base/status.h"
#include "joist/io/files/file_reader.h"

namespace joist::files {

struct LineReaderOptions {
  Compression compression = Compression::kAuto;
  /// The range, for files that are not compressed.
  uint64_t begin = 0;
  uint64_t end = UINT64_MAX;
  /// Lines at the file's beginning that are in no range.
  uint64_t skip_lines = 0;
  /// A longer line is refused.
  size_t longest_line = size_t{256} << 20;
  /// Whether lines may hold NUL bytes.
  bool binary = false;
  size_t block_bytes = kReadBlock;
};

class LineReader {
 public:
  /// Lines in a batch at the most.
  static constexpr size_t kBatch = 1024;
  /// Bytes behind a line that may be read, though their values mean nothing.
  static constexpr size_t kSlack = 64;

  static Result<LineReader> Open(const std::string& path, const LineReaderOptions& options = {});

  /// The next lines in order: at least one, and none only after the last.
  Result<std::span<const std::string_view>> Next();

  /// Where the line that Next returns next begins, of a file that is not compressed; at the end of
  /// the range or behind it when there is none.
  uint64_t position() const { return OffsetOf(line_); }

  /// Goes on to `end`, which isn't less than the range's end so far.
  void Extend(uint64_t end) { end_ = std::max({end_, end, end > 0 ? least_end_ : 0}); }

  /// Where a line that Next has returned begins in the file, after decompression. Until the next
  /// call.
  uint64_t OffsetOf(const char* at) const {
    return data_offset_ + static_cast<uint64_t>(at - data());
  }

  /// Bytes read from the file as it lies on disk.
  uint64_t raw_position() const { return file_.raw_position(); }

 private:
  LineReader(FileReader file, const LineReaderOptions& options);

  const char* data() const { return memory_.get() + 1; }

  static Result<LineReader> OpenAt(const std::string& path, const LineReaderOptions& options);
  Status SkipByteOrderMark();
  Status SkipLine();
  /// Moves the unfinished line to the block's beginning and reads on behind it.
  Status Fill();
  /// Takes whole lines of the block that begin in the range, as many as a batch holds.
  Result<size_t> Scan();
  Status Refuse(const char* nul);

  FileReader file_;
  uint64_t end_;
  uint64_t least_end_ = 0;  ///< Of a range that isn't empty.
  size_t longest_line_;
  bool binary_;
  bool at_end_ = false;  ///< Nothing follows data_end_ in the file.

  /// The block, with a byte before it and a vector's worth behind it that may be read.
  std::unique_ptr<char[]> memory_;
  size_t capacity_;
  uint64_t data_offset_;            ///< Of the block's first byte in the file.
  const char* line_ = nullptr;      ///< Where the next line begins.
  const char* searched_ = nullptr;  ///< There is no newline from line_ to here.
  const char* data_end_ = nullptr;
  std::unique_ptr<std::string_view[]> lines_;
};

}  // namespace joist::files

#endif  // JOIST_IO_FILES_LINE_READER_H_
