// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Text files: Read, ReadAll, Write, Words.
//
//   p | "Read"  >> joist::text::Read("logs/*.txt.gz")
//     | "Words" >> joist::text::Words()
//     | …
//     | "Write" >> joist::text::Write("out/counts").WithSuffix(".txt");
//
// Patterns are those of joist/io/files/glob.h, lines those of joist/io/text/line_reader.h: "\n" and
// "\r\n" end a line, a NUL byte is refused. Files named .gz, .zst or .bz2 are decompressed. Large
// files that are not compressed are read by many threads.
//
// Transforms are values; a With… function returns a changed copy.

#ifndef JOIST_IO_TEXT_TEXT_H_
#define JOIST_IO_TEXT_TEXT_H_

#include <cstdint>
#include <memory>
#include <source_location>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "joist/io/files/compression.h"
#include "joist/io/files/file_writer.h"
#include "joist/io/files/glob.h"
#include "joist/io/text/line_reader.h"
#include "joist/io/text/tokenize.h"
#include "joist/model/fields.h"
#include "joist/sdk/par_do.h"
#include "joist/sdk/read.h"

namespace joist::files {
JOIST_ENUM(Compression, kAuto, kNone, kGzip, kZstd, kBzip2)
JOIST_ENUM(EmptyMatch, kRefuse, kAllow)
}  // namespace joist::files

namespace joist::text {

using files::Compression;
using files::EmptyMatch;

/// How text files are read; what Read and ReadAll have in common.
struct ReadSettings {
  Compression compression = Compression::kAuto;
  EmptyMatch empty_match = EmptyMatch::kRefuse;
  uint64_t skip_header_lines = 0;
  bool binary = false;
};
JOIST_ROW(ReadSettings, compression, empty_match, skip_header_lines, binary)

/// The source behind Read: its items are the files, its positions their bytes.
struct LineSource {
  using Element = std::string;

  std::string pattern;
  ReadSettings settings;
  /// What Split has found, for Read.
  mutable std::shared_ptr<const std::vector<files::FileInfo>> files;

  Result<std::vector<SourceRange>> Split(int threads) const;
  Status Read(RangeTracker& tracker, SourceOutput<std::string>& out) const;
  int64_t least_split() const;
};
JOIST_ROW(LineSource, pattern, settings)

/// The lines of the files that match a pattern.
class Read : public Transform {
 public:
  explicit Read(std::string pattern, std::source_location where = std::source_location::current())
      : Transform(where) {
    source_.pattern = std::move(pattern);
  }

  /// Instead of by the files' names.
  Read WithCompression(Compression compression) const;
  /// By default a pattern that matches no file is an error.
  Read WithEmptyMatch(EmptyMatch empty) const;
  /// Leaves out the first lines of every file.
  Read WithSkipHeaderLines(uint64_t lines) const;
  /// Takes lines with NUL bytes, which by default are refused as a sign of a file that is no text.
  Read AllowBinary() const;

  static constexpr std::string_view kKind = "text::Read";
  PCollection<std::string> Expand(const Pipeline& pipeline) const;

 private:
  LineSource source_;
};

/// The lines of the files that match the patterns of a collection. Files are spread over the
/// threads; large ones by pieces of 64 MB.
class ReadAll : public Transform {
 public:
  explicit ReadAll(std::source_location where = std::source_location::current())
      : Transform(where) {}

  ReadAll WithCompression(Compression compression) const;
  ReadAll WithEmptyMatch(EmptyMatch empty) const;
  ReadAll WithSkipHeaderLines(uint64_t lines) const;
  ReadAll AllowBinary() const;

  static constexpr std::string_view kKind = "text::ReadAll";
  PCollection<std::string> Expand(const PCollection<std::string>& patterns) const;

 private:
  ReadSettings settings_;
};

/// How text files are written.
struct WriteSettings {
  std::string prefix;
  std::string suffix;
  std::string header;
  std::string footer;
  Compression compression = Compression::kAuto;
  int32_t shards = 0;  ///< 0: as many as come of themselves.
  bool without_sharding = false;
  std::string id;  ///< Of the run; names its hidden folder.
};
JOIST_ROW(WriteSettings, prefix, suffix, header, footer, compression, shards, without_sharding, id)

/// Writes each element as a line into files prefix-SSSSS-of-NNNNN, with the suffix behind it. Files
/// get their names when all of them are complete: a run that fails or is cancelled leaves nothing,
/// one that succeeds replaces files of the same names. The result holds the files' names.
class Write : public Transform {
 public:
  explicit Write(std::string prefix, std::source_location where = std::source_location::current())
      : Transform(where) {
    settings_.prefix = std::move(prefix);
  }

  /// ".txt", say. A suffix .gz, .zst or .bz2 asks for compression.
  Write WithSuffix(std::string suffix) const;
  /// How many files; by default each thread writes one.
  Write WithNumShards(int32_t shards) const;
  /// One file, whose name is the prefix and the suffix.
  Write WithoutSharding() const;
  /// Compresses, and puts .gz, .zst or .bz2 behind the suffix unless it is there.
  Write WithCompression(Compression compression) const;
  /// A line at the beginning of every file.
  Write WithHeader(std::string header) const;
  /// A line at the end of every file.
  Write WithFooter(std::string footer) const;
  /// Doesn't look, while the pipeline is being built, whether the folder is there and writable.
  Write WithoutValidation() const;

  static constexpr std::string_view kKind = "text::Write";
  PCollection<std::string> Expand(const PCollection<std::string>& lines) const;

 private:
  WriteSettings settings_;
  bool validate_ = true;
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
