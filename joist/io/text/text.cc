// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/io/text/text.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <utility>

#include "joist/sdk/group_by_key.h"
#include "joist/sdk/side_input.h"

namespace joist::text {
namespace {

using files::FileInfo;
using files::FileWriter;

// What a thread claims of a file at once; ranges are not split below it.
constexpr int64_t kClaim = 1 << 20;
// Of a large file for ReadAll.
constexpr uint64_t kPiece = 64 << 20;
// For each thread and file, to begin with; the engine splits further where a thread runs dry.
constexpr int64_t kRangesOfThread = 4;

bool IsSplittable(const FileInfo& file, const ReadSettings& settings) {
  return files::ResolveCompression(settings.compression, file.path) == Compression::kNone;
}

LineReaderOptions OptionsOf(const ReadSettings& settings) {
  LineReaderOptions options;
  options.compression = settings.compression;
  options.skip_lines = settings.skip_header_lines;
  options.binary = settings.binary;
  return options;
}

// --- Reading ------------------------------------------------------------------------------------

/// Calls take(lines) for all lines of a compressed file (or of a pipe, whose size nobody knows),
/// claiming the file's bytes as they are read.
template <class Take>
Status ReadWhole(const std::string& path, const LineReaderOptions& options, RangeTracker& tracker,
                 Take take) {
  int64_t begin = 0;
  int64_t claimed = 0;
  JOIST_ASSIGN_OR_RETURN(LineReader reader, LineReader::Open(path, options));
  while (!tracker.cancelled()) {
    JOIST_ASSIGN_OR_RETURN(const auto lines, reader.Next());
    const bool at_end = lines.empty();
    const auto read = static_cast<int64_t>(reader.raw_position());
    if (at_end || read > claimed) {
      tracker.Claim(at_end ? INT64_MAX : read - claimed, &begin, &claimed);
    }
    if (at_end) break;
    take(lines);
  }
  return OkStatus();
}

}  // namespace

// The steps' functions are found by their types' names in another process: so these are in no
// unnamed namespace.
namespace text_internal {

/// One piece of a file, for ReadAll.
struct FilePiece {
  std::string path;
  uint64_t begin = 0;
  uint64_t end = 0;
};
JOIST_ROW(FilePiece, path, begin, end)

struct MatchFiles {
  ReadSettings settings;

  void Process(std::string_view pattern, Emit<FilePiece> emit) const {
    Result<std::vector<FileInfo>> found = files::Match(pattern, settings.empty_match);
    ThrowIfError(found.status());
    for (const FileInfo& file : *found) {
      const bool splittable = IsSplittable(file, settings) && file.size > 0;
      for (uint64_t begin = 0; splittable && begin < file.size; begin += kPiece) {
        emit(FilePiece{file.path, begin, std::min(begin + kPiece, file.size)});
      }
      if (!splittable) emit(FilePiece{file.path, 0, UINT64_MAX});
    }
  }
};
JOIST_ROW(MatchFiles, settings)

struct ReadPiece {
  ReadSettings settings;

  void Process(const FilePiece& piece, Emit<std::string> emit) const {
    LineReaderOptions options = OptionsOf(settings);
    options.begin = piece.begin;
    options.end = piece.end;
    Result<LineReader> reader = LineReader::Open(piece.path, options);
    ThrowIfError(reader.status());
    for (;;) {
      const auto lines = reader->Next();
      ThrowIfError(lines.status());
      if (lines->empty()) return;
      for (const std::string_view line : *lines) emit(line);
    }
  }
};
JOIST_ROW(ReadPiece, settings)

struct SplitWords {
  void operator()(const Batch<std::string>& lines, Emit<std::string> emit) const {
    const std::string_view* line = lines.values.data();
    const std::string_view* const end = line + lines.size();
    // Lines as Read gives them lie behind each other, and a line's ending is no letter: so blocks
    // are tokenized, not lines.
    while (line != end) {
      const char* const text = line->data();
      const char* text_end = text + line->size();
      for (++line; line != end && Follows(text_end, line->data()); ++line) {
        text_end = line->data() + line->size();
      }
      EmitWords({text, static_cast<size_t>(text_end - text)}, emit);
    }
  }

 private:
  // Whether nothing but a line's ending is between the two.
  static bool Follows(const char* end, const char* next) {
    const uintptr_t between = reinterpret_cast<uintptr_t>(next) - reinterpret_cast<uintptr_t>(end);
    return (between == 1 && end[0] == '\n') || (between == 2 && end[0] == '\r' && end[1] == '\n');
  }
};

}  // namespace text_internal

Result<std::vector<SourceRange>> LineSource::Split(int threads) const {
  JOIST_ASSIGN_OR_RETURN(std::vector<FileInfo> found, files::Match(pattern, settings.empty_match));
  std::vector<SourceRange> ranges;
  for (size_t i = 0; i < found.size(); ++i) {
    const auto item = static_cast<uint32_t>(i);
    const auto size = static_cast<int64_t>(found[i].size);
    if (!IsSplittable(found[i], settings) || size == 0) {
      // An empty range has no lines; what has no size may be a pipe.
      ranges.push_back({item, 0, std::max<int64_t>(size, 1), /*divisible=*/false});
      continue;
    }
    const int64_t step = std::max(kClaim, size / (kRangesOfThread * threads) + 1);
    for (int64_t begin = 0; begin < size; begin += step) {
      ranges.push_back({item, begin, std::min(begin + step, size), /*divisible=*/true});
    }
  }
  files = std::make_shared<const std::vector<FileInfo>>(std::move(found));
  return ranges;
}

int64_t LineSource::least_split() const { return kClaim; }

Status LineSource::Read(RangeTracker& tracker, SourceOutput<std::string>& out) const {
  const SourceRange range = tracker.Remaining();
  const FileInfo& file = (*files)[range.item];
  LineReaderOptions options = OptionsOf(settings);
  const auto push = [&](std::span<const std::string_view> lines) {
    out.PushColumn(ColumnView<std::string>(lines.data()), lines.size());
  };
  if (!range.divisible) return ReadWhole(file.path, options, tracker, push);

  options.begin = options.end = static_cast<uint64_t>(range.begin);
  JOIST_ASSIGN_OR_RETURN(LineReader reader, LineReader::Open(file.path, options));
  int64_t begin = 0;
  int64_t end = 0;
  while (tracker.Claim(kClaim, &begin, &end)) {
    reader.Extend(static_cast<uint64_t>(end));
    for (;;) {
      JOIST_ASSIGN_OR_RETURN(const auto lines, reader.Next());
      if (lines.empty() || tracker.cancelled()) break;
      push(lines);
    }
  }
  return OkStatus();
}

Read Read::WithCompression(Compression compression) const {
  Read changed = *this;
  changed.source_.settings.compression = compression;
  return changed;
}
Read Read::WithEmptyMatch(EmptyMatch empty) const {
  Read changed = *this;
  changed.source_.settings.empty_match = empty;
  return changed;
}
Read Read::WithSkipHeaderLines(uint64_t lines) const {
  Read changed = *this;
  changed.source_.settings.skip_header_lines = lines;
  return changed;
}
Read Read::AllowBinary() const {
  Read changed = *this;
  changed.source_.settings.binary = true;
  return changed;
}
PCollection<std::string> Read::Expand(const Pipeline& pipeline) const {
  return AddRoot<std::string>(pipeline.builder(),
                              std::make_shared<SourceStep<LineSource>>(source_));
}

ReadAll ReadAll::WithCompression(Compression compression) const {
  ReadAll changed = *this;
  changed.settings_.compression = compression;
  return changed;
}
ReadAll ReadAll::WithEmptyMatch(EmptyMatch empty) const {
  ReadAll changed = *this;
  changed.settings_.empty_match = empty;
  return changed;
}
ReadAll ReadAll::WithSkipHeaderLines(uint64_t lines) const {
  ReadAll changed = *this;
  changed.settings_.skip_header_lines = lines;
  return changed;
}
ReadAll ReadAll::AllowBinary() const {
  ReadAll changed = *this;
  changed.settings_.binary = true;
  return changed;
}
PCollection<std::string> ReadAll::Expand(const PCollection<std::string>& patterns) const {
  return patterns | "Match" >> ParDo(text_internal::MatchFiles{settings_}) |
         "Spread" >> Reshuffle() | "Read" >> ParDo(text_internal::ReadPiece{settings_});
}

PCollection<std::string> Words::Expand(const PCollection<std::string>& lines) const {
  return lines | "Split" >> MapBatches(text_internal::SplitWords());
}

// --- Writing ------------------------------------------------------------------------------------

namespace text_internal {

/// A file in the hidden folder that is a shard or a piece of one.
struct ShardPiece {
  int32_t shard = 0;
  std::string path;
};
JOIST_ROW(ShardPiece, shard, path)

Compression CompressionOf(const WriteSettings& settings) {
  return files::ResolveCompression(settings.compression, settings.suffix);
}

std::string SuffixOf(const WriteSettings& settings) {
  const std::string_view ending = files::CompressionSuffix(CompressionOf(settings));
  return settings.suffix.ends_with(ending) ? settings.suffix
                                           : settings.suffix + std::string(ending);
}

// Different for every run, thread and attempt.
std::string UniqueName() {
  static std::atomic<uint64_t> count = 0;
  const auto now = std::chrono::system_clock::now().time_since_epoch().count();
  return std::to_string(now) + "-" + std::to_string(getpid()) + "-" + std::to_string(++count);
}

/// Writes a bundle's lines into files of its own, which vanish with it unless the bundle finishes.
struct WritePieces {
  WriteSettings settings;
  std::vector<std::shared_ptr<FileWriter>> writers;
  size_t next = 0;

  void Process(std::string_view line, [[maybe_unused]] Emit<ShardPiece> emit) {
    if (writers.empty()) Open();
    ThrowIfError(writers[next]->AppendLine(line));
    if (++next == writers.size()) next = 0;
  }

  void FinishBundle(Emit<ShardPiece> emit) {
    for (size_t i = 0; i < writers.size(); ++i) {
      // With a number of shards given, pieces of many bundles become one shard with one frame.
      if (settings.shards == 0 && !settings.footer.empty()) {
        ThrowIfError(writers[i]->AppendLine(settings.footer));
      }
      ThrowIfError(writers[i]->Close());
      emit(ShardPiece{static_cast<int32_t>(i), writers[i]->path()});
    }
    writers.clear();
    next = 0;
  }

 private:
  static constexpr size_t kBufferOfAll = 4 << 20;

  void Open() {
    Result<std::string> folder = files::MakeTemporaryFolder(settings.prefix, settings.id);
    ThrowIfError(folder.status());
    const auto count = static_cast<size_t>(std::max(settings.shards, 1));
    const size_t buffer = std::clamp<size_t>(kBufferOfAll / count, 4096, FileWriter::kBufferBytes);
    std::vector<std::shared_ptr<FileWriter>> opened;
    for (size_t i = 0; i < count; ++i) {
      Result<FileWriter> writer = FileWriter::Create(*folder + "/" + UniqueName(), settings.prefix,
                                                     CompressionOf(settings), buffer);
      ThrowIfError(writer.status());
      opened.push_back(std::make_shared<FileWriter>(std::move(*writer)));
      if (settings.shards == 0 && !settings.header.empty()) {
        ThrowIfError(opened.back()->AppendLine(settings.header));
      }
    }
    writers = std::move(opened);
  }
};
JOIST_ROW(WritePieces, settings)

/// Gives the finished files their names. May run again after it failed half-way.
struct PublishShards {
  WriteSettings settings;

  void Process(const Bytes&, SideInput<IterableView<ShardPiece>> pieces,
               Emit<std::string> emit) const {
    std::vector<ShardPiece> sorted;
    for (const ShardPiece& piece : *pieces) sorted.push_back(piece);
    std::sort(sorted.begin(), sorted.end(), [](const ShardPiece& a, const ShardPiece& b) {
      return a.shard != b.shard ? a.shard < b.shard : a.path < b.path;
    });
    if (settings.shards == 0) {
      for (size_t i = 0; i < sorted.size(); ++i) sorted[i].shard = static_cast<int32_t>(i);
    }
    Result<std::string> folder = files::MakeTemporaryFolder(settings.prefix, settings.id);
    ThrowIfError(folder.status());

    const size_t shards = settings.shards > 0 ? static_cast<size_t>(settings.shards)
                                              : std::max<size_t>(sorted.size(), 1);
    auto piece = sorted.begin();
    std::vector<std::pair<std::string, std::string>> names;  // From, to.
    for (size_t shard = 0; shard < shards; ++shard) {
      std::vector<std::string> paths;
      for (; piece != sorted.end() && static_cast<size_t>(piece->shard) == shard; ++piece) {
        paths.push_back(piece->path);
      }
      std::string name = files::ShardName(settings.prefix, SuffixOf(settings), shard, shards,
                                          settings.without_sharding);
      const bool framed = settings.shards == 0 && !paths.empty();
      const bool has_frame = !settings.header.empty() || !settings.footer.empty();
      if (paths.size() != 1 || (has_frame && !framed)) paths = {Join(paths, *folder, name)};
      names.emplace_back(std::move(paths[0]), std::move(name));
    }
    for (const auto& [from, to] : names) {
      struct stat info;
      const bool done_before = stat(from.c_str(), &info) != 0 && stat(to.c_str(), &info) == 0;
      if (!done_before) ThrowIfError(files::Publish(from, to));
      emit(to);
    }
    ThrowIfError(files::SyncFolder(files::FolderOf(settings.prefix)));
    files::Remove(*folder);
  }

 private:
  // Makes one file of a shard's pieces, with header and footer.
  std::string Join(const std::vector<std::string>& paths, const std::string& folder,
                   const std::string& name) const {
    Result<FileWriter> whole = FileWriter::Create(folder + "/" + UniqueName(), name);
    ThrowIfError(whole.status());
    const auto append = [&](std::string_view line, bool even_if_empty) {
      if (line.empty() && !even_if_empty) return;
      std::string text(line);
      if (!line.empty()) text += '\n';
      // As a compressed piece of its own.
      if (const auto compressor = files::Compressor::Create(CompressionOf(settings))) {
        std::string compressed;
        ThrowIfError(compressor->Run(text, /*at_end=*/true, &compressed));
        text = std::move(compressed);
      }
      ThrowIfError(whole->Append(text));
    };
    append(settings.header, /*even_if_empty=*/paths.empty());
    for (const std::string& path : paths) ThrowIfError(whole->AppendFile(path));
    append(settings.footer, /*even_if_empty=*/false);
    ThrowIfError(whole->Close());
    return whole->path();
  }
};
JOIST_ROW(PublishShards, settings)

}  // namespace text_internal

namespace {

Status Validate(const WriteSettings& settings) {
  const std::string folder = files::FolderOf(settings.prefix);
  struct stat info;
  if (settings.prefix.empty() || settings.prefix.ends_with('/')) {
    return InvalidArgument("cannot write \"" + settings.prefix +
                           "\": a prefix ends with the beginning of the files' names");
  }
  if (stat(folder.c_str(), &info) != 0) {
    return FromErrno(errno, "cannot write " + settings.prefix + ": folder " + folder);
  }
  if (!S_ISDIR(info.st_mode)) {
    return InvalidArgument("cannot write " + settings.prefix + ": " + folder + " is no folder");
  }
  if (access(folder.c_str(), W_OK | X_OK) != 0) {
    return FromErrno(errno, "cannot write " + settings.prefix + ": folder " + folder);
  }
  return OkStatus();
}

}  // namespace

Write Write::WithSuffix(std::string suffix) const {
  Write changed = *this;
  changed.settings_.suffix = std::move(suffix);
  return changed;
}
Write Write::WithNumShards(int32_t shards) const {
  Write changed = *this;
  changed.settings_.shards = shards;
  return changed;
}
Write Write::WithoutSharding() const {
  Write changed = *this;
  changed.settings_.shards = 1;
  changed.settings_.without_sharding = true;
  return changed;
}
Write Write::WithCompression(Compression compression) const {
  Write changed = *this;
  changed.settings_.compression = compression;
  return changed;
}
Write Write::WithHeader(std::string header) const {
  Write changed = *this;
  changed.settings_.header = std::move(header);
  return changed;
}
Write Write::WithFooter(std::string footer) const {
  Write changed = *this;
  changed.settings_.footer = std::move(footer);
  return changed;
}
Write Write::WithoutValidation() const {
  Write changed = *this;
  changed.validate_ = false;
  return changed;
}

PCollection<std::string> Write::Expand(const PCollection<std::string>& lines) const {
  PipelineBuilder& builder = lines.builder();
  WriteSettings settings = settings_;
  settings.id = text_internal::UniqueName();
  Result<std::string> path = files::LocalPath(settings.prefix);
  Status status = path.status();
  if (status.ok()) {
    settings.prefix = *path;
    if (validate_) status = Validate(settings);
  }
  if (status.ok() && settings.shards < 0) {
    status = InvalidArgument("cannot write " + settings.prefix + ": " +
                             std::to_string(settings.shards) + " shards");
  }
  if (!status.ok()) {
    builder.graph().AddFault(
        Status(status.code(), status.message() + " (" + DescribeLocation(where) + ")"));
  }

  // What a run that fails leaves behind.
  const std::string folder = files::FolderOf(settings.prefix);
  const std::string hidden = folder + (folder.ends_with('/') ? "" : "/") +
                             std::string(files::kTemporaryPrefix) + settings.id;
  builder.AtEnd(std::shared_ptr<void>(nullptr, [hidden](void*) { files::Remove(hidden); }));

  const auto pieces = lines | "WritePieces" >> ParDo(text_internal::WritePieces{settings, {}, 0});
  const auto once = [&] {
    const PipelineBuilder::Scope scope(&builder, "Once", "", nullptr);
    return AddRoot<Bytes>(builder, std::make_shared<CreateStep<Bytes>>(std::vector<Bytes>(1)));
  }();
  return once | "Publish" >> ParDo(text_internal::PublishShards{settings}, AsIterable(pieces));
}

}  // namespace joist::text
