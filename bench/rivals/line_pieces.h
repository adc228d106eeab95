// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// A file of lines for several threads, by hand: pieces of 256 KB, which stay in the L2 cache, are
// taken from a counter. A piece's lines are those that begin in it; it is read with a byte before
// it and a line's length behind it, so that nobody waits for anybody.

#ifndef JOIST_BENCH_RIVALS_LINE_PIECES_H_
#define JOIST_BENCH_RIVALS_LINE_PIECES_H_

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>

namespace joist::bench {

class LinePieces {
 public:
  /// Bytes before and behind the lines that are readable.
  static constexpr size_t kBeforeBytes = 8;
  static constexpr size_t kBehindBytes = 64;

  explicit LinePieces(const std::string& path) : file_(open(path.c_str(), O_RDONLY)) {
    struct stat status;
    if (file_ < 0 || fstat(file_, &status) != 0) throw std::runtime_error("cannot read " + path);
    size_ = static_cast<size_t>(status.st_size);
  }
  LinePieces(const LinePieces&) = delete;
  LinePieces& operator=(const LinePieces&) = delete;
  ~LinePieces() { close(file_); }

  /// Calls take(begin, end), where lines begin and end, for the pieces that this thread gets. Every
  /// line must end with a newline and have at most kLongestLine bytes. Throws.
  template <typename Take>
  void ForEach(Take take) {
    const auto buffer = std::make_unique_for_overwrite<char[]>(kBeforeBytes + 1 + kPieceBytes +
                                                               kLongestLine + kBehindBytes);
    char* const text = buffer.get() + kBeforeBytes;
    for (size_t begin; (begin = next_piece_.fetch_add(kPieceBytes)) < size_;) {
      const size_t before = begin == 0 ? 0 : 1;
      const size_t wanted = std::min(before + kPieceBytes + kLongestLine, size_ - begin + before);
      for (size_t got = 0; got < wanted;) {
        const ssize_t count =
            pread(file_, text + got, wanted - got, static_cast<off_t>(begin - before + got));
        if (count <= 0) throw std::runtime_error("a file could not be read");
        got += static_cast<size_t>(count);
      }
      // From behind the first newline to behind the one after the piece's last byte.
      const char* first = before == 0 ? text : Behind(text, text + wanted);
      const char* last = text + wanted;
      if (before + kPieceBytes < wanted) last = Behind(text + before + kPieceBytes - 1, last);
      take(first, last);
    }
  }

 private:
  static constexpr size_t kPieceBytes = 256 << 10;
  static constexpr size_t kLongestLine = 4 << 10;

  static const char* Behind(const char* at, const char* end) {
    const void* newline = std::memchr(at, '\n', static_cast<size_t>(end - at));
    if (newline == nullptr) throw std::runtime_error("a line is too long");
    return static_cast<const char*>(newline) + 1;
  }

  int file_;
  size_t size_ = 0;
  std::atomic<size_t> next_piece_ = 0;
};

}  // namespace joist::bench

#endif  // JOIST_BENCH_RIVALS_LINE_PIECES_H_
