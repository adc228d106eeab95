// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Text files: Read, ReadAll, Write, Words.
//
//   p | "Read"  >> joist::text::Read("logs/*.txt.gz")
//     | "Words" >> joist::text::Words()
//     | …
//     | "Write" >> joist::text::Write("out/counts").WithSuffix(".txt");
//
// Patterns are those of joist/io/files/glob.h, lines those of joist/io/files/line_reader.h: "\n"
// and
// "\r\n" end a line, a NUL byte is refused. Files named .gz, .zst or .bz2 are decompressed. Large
// files that are not compressed are read by many threads.
//
// Transforms are values; a With… function returns a changed copy.

#ifndef JOIST_IO_TEXT_TEXT_H_
#define JOIST_IO_TEXT_TEXT_H_

#include <cstdint>
#include <source_location>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "joist/io/files/line_reader.h"
#include "joist/io/files/read_files.h"
#include "joist/io/files/sharded_write.h"
#include "joist/io/text/tokenize.h"
#include "joist/model/fields.h"
#include "joist/sdk/par_do.h"

namespace joist::text {

using files::Compression;
using files::EmptyMatch;
using files::LineReader;
using files::LineReaderOptions;

/// How text files are read; what Read and ReadAll have in common.
struct ReadSettings {
  Compression compression = Compression::kAuto;
  EmptyMatch empty_match = EmptyMatch::kRefuse;
  uint64_t skip_header_lines = 0;
  bool binary = false;
};
JOIST_ROW(ReadSettings, compression, empty_match, skip_header_lines, binary)

namespace text_internal {
/// Lines as records (joist/io/files/file_source.h).
struct LineFormat {
  using Element = std::string;
  using Settings = ReadSettings;
  static constexpr std::string_view kRead = "text::Read";
  static constexpr std::string_view kReadAll = "text::ReadAll";
  static constexpr bool kFindsBadRecords = false;
  static consteval bool Check() { return true; }
  static bool IsSplittable(const ReadSettings&) { return true; }
  class Reader {
   public:
    using Item = const std::string_view;
    static Result<Reader> Open(const std::string& path, const ReadSettings& settings,
                               uint64_t begin, uint64_t end, std::vector<files::BadRecord>*);
    Result<bool> Next(std::span<const std::string_view>* items);
    void Extend(uint64_t end) { lines_.Extend(end); }
    uint64_t raw_position() const { return lines_.raw_position(); }

   private:
    explicit Reader(LineReader lines) : lines_(std::move(lines)) {}
    LineReader lines_;
  };

  template <class Self>
  class Options : public files::ReadOptions<Self, LineFormat> {
   public:
    /// Leaves out the first lines of every file.
    Self WithSkipHeaderLines(uint64_t lines) const {
      return this->Changed([&](ReadSettings& settings) { settings.skip_header_lines = lines; });
    }
    /// Takes lines with NUL bytes, which by default are refused as a sign of a file that is no
    /// text.
    Self AllowBinary() const {
      return this->Changed([](ReadSettings& settings) { settings.binary = true; });
    }

   protected:
    using files::ReadOptions<Self, LineFormat>::ReadOptions;
  };
};
}  // namespace text_internal

}  // namespace joist::text

namespace joist::files {
// A program that includes this does not compile them.
extern template PCollection<std::string> ReadPattern<text::text_internal::LineFormat>(
    const Pipeline&, const std::string&, const text::ReadSettings&);
extern template PCollection<std::string> ReadMatching<text::text_internal::LineFormat>(
    const PCollection<std::string>&, const text::ReadSettings&);
}  // namespace joist::files

namespace joist::text {

/// The lines of the files that match a pattern.
using Read = files::ReadFiles<text_internal::LineFormat>;

/// The lines of the files that match the patterns of a collection. Files are spread over the
/// threads; large ones by pieces of 64 MB.
using ReadAll = files::ReadAllFiles<text_internal::LineFormat>;

/// Writes each element as a line into files prefix-SSSSS-of-NNNNN, with the suffix behind it. Files
/// get their names when all of them are complete: a run that fails or is cancelled leaves nothing,
/// one that succeeds replaces files of the same names. The result holds the files' names.
///
/// Keys of KVs are destinations (joist/io/files/sharded_write.h): each has files of its own, with
/// the key behind the prefix.
class Write : public files::WriteTransform<Write> {
 public:
  explicit Write(std::string prefix, std::source_location where = std::source_location::current())
      : WriteTransform(std::move(prefix), where) {}

  /// A line at the beginning of every file.
  Write WithHeader(std::string header) const;
  /// A line at the end of every file.
  Write WithFooter(std::string footer) const;

  static constexpr std::string_view kKind = "text::Write";
  PCollection<std::string> Expand(const PCollection<std::string>& lines) const;
  PCollection<std::string> Expand(const PCollection<KV<std::string, std::string>>& lines) const;
};

/// The words of lines: maximal runs of Unicode letters and apostrophes (joist/io/text/tokenize.h).
class Words : public Transform {
 public:
  explicit Words(std::source_location where = std::source_location::current()) : Transform(where) {}
  static constexpr std::string_view kKind = "text::Words";
  PCollection<std::string> Expand(const PCollection<std::string>& lines) const;
};

/// Emits the words of `text`, which lies in the element that is being processed.
///
///   joist::FlatMap([](std::string_view line, joist::Emit<std::string> emit) {
///     joist::text::EmitWords(line, emit);
///   });
template <class Tag>
void EmitWords(std::string_view text, const Emit<std::string, Tag>& emit) {
  const char* cursor = text.data();
  const char* const end = cursor + text.size();
  while (cursor != end) {
    std::string_view* const room = emit.Room(kLeastWords);
    emit.Advance(TokenizeInto(&cursor, end, room, emit.room()));
  }
}

}  // namespace joist::text

#endif  // JOIST_IO_TEXT_TEXT_H_
