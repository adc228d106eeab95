// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Reading the records of all files that match a pattern, whatever a record is. A connector says
// that with a Format, a struct without state (joist/io/files/read_files.h makes transforms of it):
//
//   using Element = T;              // Of the collection.
//   using Settings = S;             // A row (JOIST_ROW) with `compression` and `empty_match`.
//   static bool IsSplittable(const Settings&);   // May a file that isn't compressed be cut?
//   class Reader {
//     using Item = …;             // Of the column, const where it need not be changed.
//     // Reads the records that begin in [begin, end). With `bad` not null, records that are
//     // malformed go there; otherwise the first of them is the error of Next.
//     static Result<Reader> Open(const std::string& path, const Settings&, uint64_t begin,
//                                uint64_t end, std::vector<BadRecord>* bad);
//     // The next records in order, at most kBatchSize, as the items of a column; false after the
//     // last. Valid until the next call; may be empty where all were bad.
//     Result<bool> Next(std::span<Item>* items);
//     void Extend(uint64_t end);            // Moves the range's end on.
//     uint64_t raw_position() const;        // Bytes read of the file as it lies on disk.
//   };

#ifndef JOIST_IO_FILES_FILE_SOURCE_H_
#define JOIST_IO_FILES_FILE_SOURCE_H_

#include <algorithm>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "joist/io/files/bad_record.h"
#include "joist/io/files/glob.h"
#include "joist/io/files/settings.h"
#include "joist/model/fields.h"
#include "joist/sdk/par_do.h"
#include "joist/sdk/read.h"

namespace joist::files {

/// What a thread claims of a file at once; ranges are not split below it.
inline constexpr int64_t kClaim = 1 << 20;

/// Finds the files of `pattern` and cuts those that may be cut into ranges for `threads`.
Result<std::vector<SourceRange>> SplitFiles(std::string_view pattern, EmptyMatch empty,
                                            Compression compression, bool splittable, int threads,
                                            std::shared_ptr<const std::vector<FileInfo>>* files);

/// One piece of a file, for transforms that find their files in a collection.
struct FilePiece {
  std::string path;
  uint64_t begin = 0;
  uint64_t end = 0;
};
JOIST_ROW(FilePiece, path, begin, end)

/// The pieces of the files that match `patterns`, spread over the threads. Not templates, like the
/// next: a program that includes a connector does not compile them.
PCollection<FilePiece> SpreadPieces(const PCollection<std::string>& patterns,
                                    Compression compression, EmptyMatch empty, bool splittable);
/// A collection of one pattern.
PCollection<std::string> OnePattern(const Pipeline& pipeline, const std::string& pattern);

/// Reads a pattern's files; its items are the files, its positions their bytes.
template <class Format>
struct FileSource {
  using Element = typename Format::Element;
  using Item = typename Format::Reader::Item;

  std::string pattern;
  typename Format::Settings settings;
  /// What Split has found, for Read.
  mutable std::shared_ptr<const std::vector<FileInfo>> files;

  Result<std::vector<SourceRange>> Split(int threads) const {
    return SplitFiles(pattern, settings.empty_match, settings.compression,
                      Format::IsSplittable(settings), threads, &files);
  }
  int64_t least_split() const { return kClaim; }

  Status Read(RangeTracker& tracker, SourceOutput<Element>& out) const {
    using Reader = typename Format::Reader;
    const SourceRange range = tracker.Remaining();
    const std::string& path = (*files)[range.item].path;
    const auto start = range.divisible ? static_cast<uint64_t>(range.begin) : 0;
    JOIST_ASSIGN_OR_RETURN(
        Reader reader,
        Reader::Open(path, settings, start, range.divisible ? start : UINT64_MAX, nullptr));
    int64_t begin = 0;
    int64_t end = 0;
    std::span<Item> items;
    if (!range.divisible) {
      // A compressed file, or a pipe whose size nobody knows: its bytes are claimed as they are
      // read.
      while (!tracker.cancelled()) {
        JOIST_ASSIGN_OR_RETURN(const bool more, reader.Next(&items));
        const auto read = static_cast<int64_t>(reader.raw_position());
        if (!more || read > end) tracker.Claim(more ? read - end : INT64_MAX, &begin, &end);
        if (!more) break;
        out.PushColumn(ColumnView<Element>(items.data()), items.size());
      }
      return OkStatus();
    }
    while (tracker.Claim(kClaim, &begin, &end)) {
      reader.Extend(static_cast<uint64_t>(end));
      for (;;) {
        JOIST_ASSIGN_OR_RETURN(const bool more, reader.Next(&items));
        if (!more || tracker.cancelled()) break;
        out.PushColumn(ColumnView<Element>(items.data()), items.size());
      }
    }
    return OkStatus();
  }
};
template <class Format>
constexpr FieldList<FileSource<Format>, &FileSource<Format>::pattern, &FileSource<Format>::settings>
JoistFields(const FileSource<Format>*) {
  return {"FileSource", {"pattern", "settings"}};
}

namespace file_source_internal {

/// Reads one piece and calls take(items) for its records, then bad(record) for those of them that
/// were bad, batch by batch. Throws.
template <class Format, class Take, class Bad>
void ReadPiece(const FilePiece& piece, const typename Format::Settings& settings,
               std::vector<BadRecord>* collected, Take take, Bad bad) {
  using Reader = typename Format::Reader;
  Result<Reader> reader = Reader::Open(piece.path, settings, piece.begin, piece.end, collected);
  ThrowIfError(reader.status());
  std::span<typename Reader::Item> items;
  for (bool at_end = false; !at_end;) {
    const Result<bool> more = reader->Next(&items);
    ThrowIfError(more.status());
    at_end = !*more;
    if (!at_end) take(items);
    if (collected == nullptr) continue;
    for (BadRecord& record : *collected) bad(std::move(record));
    collected->clear();
  }
}

/// Emits a batch's items. Text is copied, since the reader's next block takes its place; rows are
/// exchanged for old ones, so that both keep the memory that they have.
template <class T, class Item>
void EmitItems(std::span<Item> items, const Emit<T>& emit) {
  for (Item& item : items) {
    if constexpr (std::is_same_v<T, std::string>) {
      emit(item);
    } else {
      std::swap(*emit.Room(1), item);
      emit.Advance(1);
    }
  }
}

}  // namespace file_source_internal

/// The records of file pieces.
template <class Format>
struct ReadPieces {
  typename Format::Settings settings;

  void Process(const FilePiece& piece, Emit<typename Format::Element> emit) const {
    file_source_internal::ReadPiece<Format>(
        piece, settings, nullptr, [&](auto items) { file_source_internal::EmitItems(items, emit); },
        [](const BadRecord&) {});
  }
};
template <class Format>
constexpr FieldList<ReadPieces<Format>, &ReadPieces<Format>::settings> JoistFields(
    const ReadPieces<Format>*) {
  return {"ReadPieces", {"settings"}};
}

/// The records of file pieces, and apart from them those that are malformed.
template <class Format>
struct ReadGoodPieces {
  typename Format::Settings settings;

  void Process(const FilePiece& piece, Emit<typename Format::Element> emit,
               Emit<BadRecord, Errors> errors) const {
    std::vector<BadRecord> collected;
    file_source_internal::ReadPiece<Format>(
        piece, settings, &collected,
        [&](auto items) { file_source_internal::EmitItems(items, emit); },
        [&](BadRecord bad) { errors(std::move(bad)); });
  }
};
template <class Format>
constexpr FieldList<ReadGoodPieces<Format>, &ReadGoodPieces<Format>::settings> JoistFields(
    const ReadGoodPieces<Format>*) {
  return {"ReadGoodPieces", {"settings"}};
}

/// The records of the files that match a pattern. Large files are read by all threads.
template <class Format>
PCollection<typename Format::Element> ReadPattern(const Pipeline& pipeline,
                                                  const std::string& pattern,
                                                  const typename Format::Settings& settings) {
  using Element = typename Format::Element;
  return AddRoot<Element>(pipeline.builder(), MakeStep<SourceStep<FileSource<Format>>>(
                                                  FileSource<Format>{pattern, settings, {}}));
}

/// The records of the files that match the patterns of a collection. Files are spread over the
/// threads; large ones by pieces of 64 MB.
template <class Format>
PCollection<typename Format::Element> ReadMatching(const PCollection<std::string>& patterns,
                                                   const typename Format::Settings& settings) {
  return SpreadPieces(patterns, settings.compression, settings.empty_match,
                      Format::IsSplittable(settings)) |
         "Read" >> ParDo(ReadPieces<Format>{settings});
}

/// The same with outputs Main and Errors.
template <class Format>
auto ReadMatchingWithErrors(const PCollection<std::string>& patterns,
                            const typename Format::Settings& settings) {
  return SpreadPieces(patterns, settings.compression, settings.empty_match,
                      Format::IsSplittable(settings)) |
         "Read" >> ParDo(ReadGoodPieces<Format>{settings});
}

}  // namespace joist::files

#endif  // JOIST_IO_FILES_FILE_SOURCE_H_
