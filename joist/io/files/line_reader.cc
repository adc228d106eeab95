// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/io/files/line_reader.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#ifdef __AVX2__
#include <immintrin.h>
#endif

namespace joist::files {
namespace {

// Readable bytes behind a block's end, so that vectors need not stop short of it.
constexpr size_t kStride = 64;
constexpr size_t kSlack = LineReader::kSlack;
constexpr size_t kSmallestBlock = 8;  // Holds a byte order mark.
constexpr uint64_t kBehindRange = 16 << 10;
constexpr uint64_t kLookForDamage = 64 << 20;
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

std::unique_ptr<char[]> NewBlock(size_t size) {
  auto block = std::make_unique_for_overwrite<char[]>(1 + size + kSlack);
  block[0] = '\0';
  return block;
}

// The line from `begin` to its newline.
inline std::string_view LineTo(const char* begin, const char* newline) {
  // The byte before an empty line is no "\r": it is the newline before, or no text.
  return {begin, static_cast<size_t>(newline - begin) - (newline[-1] == '\r' ? 1 : 0)};
}

#ifdef __AVX2__
struct Masks {
  uint64_t newline;
  uint64_t nul;
};

// One bit a byte of the 64 bytes at `text`.
inline Masks MasksOf(const char* text) {
  const auto* at = reinterpret_cast<const __m256i*>(text);
  const __m256i low = _mm256_loadu_si256(at);
  const __m256i high = _mm256_loadu_si256(at + 1);
  const auto bits = [](__m256i a, __m256i b) {
    return static_cast<uint32_t>(_mm256_movemask_epi8(a)) |
           static_cast<uint64_t>(static_cast<uint32_t>(_mm256_movemask_epi8(b))) << 32;
  };
  const __m256i newline = _mm256_set1_epi8('\n');
  const __m256i zero = _mm256_setzero_si256();
  return {bits(_mm256_cmpeq_epi8(low, newline), _mm256_cmpeq_epi8(high, newline)),
          bits(_mm256_cmpeq_epi8(low, zero), _mm256_cmpeq_epi8(high, zero))};
}
#endif

}  // namespace

Result<LineReader> LineReader::Open(const std::string& path, const LineReaderOptions& options) {
  if (options.skip_lines == 0) return OpenAt(path, options);
  LineReaderOptions from_beginning = options;
  from_beginning.begin = 0;
  JOIST_ASSIGN_OR_RETURN(LineReader reader, OpenAt(path, from_beginning));
  for (uint64_t i = 0; i < options.skip_lines; ++i) JOIST_RETURN_IF_ERROR(reader.SkipLine());
  if (reader.position() < options.begin) return OpenAt(path, options);
  return reader;
}

Result<LineReader> LineReader::OpenAt(const std::string& path, const LineReaderOptions& options) {
  const bool compressed = ResolveCompression(options.compression, path) != Compression::kNone;
  JOIST_CHECK(!compressed || options.begin == 0);
  // The byte before the range tells whether a line begins with it.
  const uint64_t offset = options.begin == 0 ? 0 : options.begin - 1;
  JOIST_ASSIGN_OR_RETURN(FileReader file, FileReader::Open(path, options.compression, offset));
  LineReader reader(std::move(file), options);
  JOIST_RETURN_IF_ERROR(reader.Fill());
  JOIST_RETURN_IF_ERROR(options.begin == 0 ? reader.SkipByteOrderMark() : reader.SkipLine());
  return reader;
}

LineReader::LineReader(FileReader file, const LineReaderOptions& options)
    : file_(std::move(file)),
      end_(file_.compression() == Compression::kNone ? options.end : UINT64_MAX),
      longest_line_(options.longest_line),
      binary_(options.binary),
      memory_(NewBlock(std::max(options.block_bytes, kSmallestBlock))),
      capacity_(std::max(options.block_bytes, kSmallestBlock)),
      data_offset_(options.begin == 0 ? 0 : options.begin - 1),
      line_(data()),
      searched_(line_),
      data_end_(line_),
      lines_(std::make_unique<std::string_view[]>(kBatch)) {}

Status LineReader::SkipByteOrderMark() {
  if (std::string_view(line_, data_end_).starts_with(kByteOrderMark)) {
    line_ += kByteOrderMark.size();
    searched_ = line_;
    // The first line counts as beginning at 0, the next one begins at 4 or later.
    least_end_ = kByteOrderMark.size() + 1;
    if (end_ > 0) end_ = std::max(end_, least_end_);
  }
  return OkStatus();
}

Status LineReader::SkipLine() {
  for (;;) {
    const auto* newline =
        static_cast<const char*>(std::memchr(line_, '\n', static_cast<size_t>(data_end_ - line_)));
    line_ = searched_ = newline != nullptr ? newline + 1 : data_end_;
    if (newline != nullptr || at_end_) return OkStatus();
    JOIST_RETURN_IF_ERROR(Fill());
  }
}

Status LineReader::Fill() {
  const size_t kept = static_cast<size_t>(data_end_ - line_);
  const size_t searched = static_cast<size_t>(searched_ - line_);
  if (kept > longest_line_) {
    return InvalidArgument(file_.path() + ": the line at byte " + std::to_string(position()) +
                           " is longer than " + std::to_string(longest_line_) +
                           " bytes; is this a text file?");
  }
  data_offset_ = position();
  if (kept > capacity_ / 2) {
    // A long line: room for it and as much again.
    capacity_ *= 2;
    std::unique_ptr<char[]> larger = NewBlock(capacity_);
    std::memcpy(larger.get() + 1, line_, kept);
    memory_ = std::move(larger);
  } else if (kept > 0) {
    std::memmove(memory_.get() + 1, line_, kept);
  }
  // Behind the range only the rest of one line is of interest.
  uint64_t wanted = capacity_ - kept;
  if (end_ < UINT64_MAX - kBehindRange) {
    const uint64_t next = data_offset_ + kept;
    const uint64_t behind = std::max<uint64_t>(kept, kBehindRange);
    wanted = std::min(wanted, (next < end_ ? end_ - next : 0) + behind);
  }
  JOIST_ASSIGN_OR_RETURN(const size_t count, file_.Read(memory_.get() + 1 + kept, wanted));
  at_end_ = count < wanted;
  line_ = data();
  searched_ = line_ + searched;
  data_end_ = line_ + kept + count;
  return OkStatus();
}

Result<std::span<const std::string_view>> LineReader::Next() {
  for (;;) {
    if (position() >= end_) return std::span<const std::string_view>();
    JOIST_ASSIGN_OR_RETURN(size_t count, Scan());
    if (count == 0 && at_end_) {
      // What is left has no ending.
      if (line_ < data_end_) {
        lines_[count++] = std::string_view(line_, static_cast<size_t>(data_end_ - line_));
        line_ = data_end_;
      }
      return std::span<const std::string_view>(lines_.get(), count);
    }
    if (count > 0) return std::span<const std::string_view>(lines_.get(), count);
    if (position() < end_) JOIST_RETURN_IF_ERROR(Fill());
  }
}

Result<size_t> LineReader::Scan() {
  std::string_view* out = lines_.get();
  const char* text = searched_;
  const char* line = line_;
  const char* first_nul = nullptr;
  // A newline before the range's end ends a line that begins there too.
  const auto size = static_cast<size_t>(data_end_ - data());
  const char* const limit = end_ - data_offset_ < size ? data() + (end_ - data_offset_) : data_end_;
#ifdef __AVX2__
  constexpr int kWithoutLooking = 2;
  const std::string_view* const full = out + kBatch - kStride - kWithoutLooking;
  while (text < limit && out <= full) {
    Masks masks = MasksOf(text);
    const auto left = static_cast<size_t>(limit - text);
    if (left < kStride) {
      const uint64_t inside = (uint64_t{1} << left) - 1;
      masks.newline &= inside;
      masks.nul &= inside;
    }
    if (masks.nul != 0 && first_nul == nullptr) first_nul = text + std::countr_zero(masks.nul);
    const int count = std::popcount(masks.newline);
    const char* const last = text + (64 - std::countl_zero(masks.newline));
    // Most strides hold few newlines: writing a fixed number costs less than a wrong guess.
    int i = 0;
    const char* begin = line;
    const auto take_one = [&] {
      const char* const newline = text + std::countr_zero(masks.newline);
      out[i] = LineTo(begin, newline);
      begin = newline + 1;
      masks.newline &= masks.newline - 1;
    };
    for (; i < kWithoutLooking; ++i) take_one();
    for (; i < count; ++i) take_one();
    if (count > 0) line = last;
    out += count;
    text += left < kStride ? left : kStride;
  }
#else
  while (text < limit && out < lines_.get() + kBatch - 1) {
    const auto* newline =
        static_cast<const char*>(std::memchr(text, '\n', static_cast<size_t>(limit - text)));
    text = newline == nullptr ? limit : newline + 1;
    if (newline == nullptr) break;
    *out++ = LineTo(line, newline);
    line = text;
  }
  if (text > searched_) {
    first_nul = static_cast<const char*>(
        std::memchr(searched_, '\0', static_cast<size_t>(text - searched_)));
  }
#endif
  if (text >= limit && limit < data_end_ && OffsetOf(line) < end_) {
    // The range's last line ends behind it.
    const auto left = static_cast<size_t>(data_end_ - text);
    const auto* newline = static_cast<const char*>(std::memchr(text, '\n', left));
    const char* const behind = newline == nullptr ? data_end_ : newline;
    if (first_nul == nullptr) {
      first_nul =
          static_cast<const char*>(std::memchr(text, '\0', static_cast<size_t>(behind - text)));
    }
    text = behind;
    if (newline != nullptr) {
      *out++ = LineTo(line, newline);
      line = text = newline + 1;
    }
  }
  searched_ = text;
  line_ = line;
  if (first_nul != nullptr && !binary_) return Refuse(first_nul);
  return static_cast<size_t>(out - lines_.get());
}

Status LineReader::Refuse(const char* nul) {
  std::string message =
      file_.path() + " is not a text file: byte " + std::to_string(OffsetOf(nul)) + " is NUL";
  if (file_.compression() != Compression::kNone) {
    // Damaged data may show NULs before its checksum comes.
    message.append(" after decompression");
    for (uint64_t read = 0; read < kLookForDamage; read += capacity_) {
      JOIST_ASSIGN_OR_RETURN(const size_t count, file_.Read(memory_.get(), capacity_));
      if (count < capacity_) break;
    }
    return InvalidArgument(std::move(message));
  }
  // Of what kind the file is may be plain to see.
  Result<FileReader> again = FileReader::Open(file_.path(), Compression::kNone);
  char first[4] = {};
  if (again.ok() && again->Read(first, sizeof(first)).ok()) {
    const std::string_view magic(first, sizeof(first));
    std::string_view kind;
    if (magic.starts_with("\x1F\x8B")) kind = "gzip";
    if (magic == "\x28\xB5\x2F\xFD") kind = "zstd";
    if (magic.starts_with("BZh")) kind = "bzip2";
    if (!kind.empty()) {
      message.append("; it looks like ")
          .append(kind)
          .append(" data without the ending of the name");
    }
  }
  return InvalidArgument(std::move(message));
}

}  // namespace joist::files
