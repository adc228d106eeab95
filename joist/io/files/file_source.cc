// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/io/files/file_source.h"

#include "joist/sdk/group_by_key.h"
#include "joist/sdk/pipeline.h"

namespace joist::files {
namespace {

// Of a large file, for each element that a thread takes.
constexpr uint64_t kPiece = 64 << 20;
// For each thread and file, to begin with; the engine splits further where a thread runs dry.
constexpr int64_t kRangesOfThread = 4;

bool MayCut(const FileInfo& file, Compression compression, bool splittable) {
  return splittable && file.size > 0 &&
         ResolveCompression(compression, file.path) == Compression::kNone;
}

}  // namespace

namespace file_source_internal {

/// The pieces of the files that match a pattern.
struct MatchPieces {
  Compression compression = Compression::kAuto;
  EmptyMatch empty_match = EmptyMatch::kRefuse;
  bool splittable = true;

  void Process(std::string_view pattern, Emit<FilePiece> emit) const {
    Result<std::vector<FileInfo>> found = Match(pattern, empty_match);
    ThrowIfError(found.status());
    for (const FileInfo& file : *found) {
      const bool cut = MayCut(file, compression, splittable);
      for (uint64_t begin = 0; cut && begin < file.size; begin += kPiece) {
        emit(FilePiece{file.path, begin, std::min(begin + kPiece, file.size)});
      }
      if (!cut) emit(FilePiece{file.path, 0, UINT64_MAX});
    }
  }
};
JOIST_ROW(MatchPieces, compression, empty_match, splittable)

}  // namespace file_source_internal

Result<std::vector<SourceRange>> SplitFiles(std::string_view pattern, EmptyMatch empty,
                                            Compression compression, bool splittable, int threads,
                                            std::shared_ptr<const std::vector<FileInfo>>* files) {
  JOIST_ASSIGN_OR_RETURN(std::vector<FileInfo> found, Match(pattern, empty));
  std::vector<SourceRange> ranges;
  for (size_t i = 0; i < found.size(); ++i) {
    const auto item = static_cast<uint32_t>(i);
    const auto size = static_cast<int64_t>(found[i].size);
    if (!MayCut(found[i], compression, splittable)) {
      // An empty range has no records; what has no size may be a pipe.
      ranges.push_back({item, 0, std::max<int64_t>(size, 1), /*divisible=*/false});
      continue;
    }
    const int64_t step = std::max(kClaim, size / (kRangesOfThread * threads) + 1);
    for (int64_t begin = 0; begin < size; begin += step) {
      ranges.push_back({item, begin, std::min(begin + step, size), /*divisible=*/true});
    }
  }
  *files = std::make_shared<const std::vector<FileInfo>>(std::move(found));
  return ranges;
}

PCollection<FilePiece> SpreadPieces(const PCollection<std::string>& patterns,
                                    Compression compression, EmptyMatch empty, bool splittable) {
  return patterns |
         "Match" >> ParDo(file_source_internal::MatchPieces{compression, empty, splittable}) |
         "Spread" >> Reshuffle();
}

PCollection<std::string> OnePattern(const Pipeline& pipeline, const std::string& pattern) {
  return pipeline | "Pattern" >> Create<std::string>({pattern});
}

}  // namespace joist::files
