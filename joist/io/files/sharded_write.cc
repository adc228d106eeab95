// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/io/files/sharded_write.h"

#include <sys/stat.h>

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "joist/io/files/file_writer.h"
#include "joist/sdk/par_do.h"
#include "joist/sdk/read.h"
#include "joist/sdk/side_input.h"

namespace joist::files {

// The steps' functions are found by their types' names in another process: so these are in no
// unnamed namespace.
namespace sharded_write_internal {

/// A file in the hidden folder that is a shard or a piece of one.
struct ShardPiece {
  int32_t shard = 0;
  std::string path;
};
JOIST_ROW(ShardPiece, shard, path)

Compression CompressionOf(const WriteSettings& settings) {
  return ResolveCompression(settings.compression, settings.suffix);
}

std::string SuffixOf(const WriteSettings& settings) {
  const std::string_view ending = CompressionSuffix(CompressionOf(settings));
  return settings.suffix.ends_with(ending) ? settings.suffix
                                           : settings.suffix + std::string(ending);
}

/// Writes a bundle's records into files of its own, which vanish with it unless the bundle
/// finishes.
struct WritePieces {
  WriteSettings settings;
  std::vector<std::shared_ptr<FileWriter>> writers;
  size_t next = 0;

  void Process(std::string_view record, [[maybe_unused]] Emit<ShardPiece> emit) {
    if (writers.empty()) Open();
    ThrowIfError(settings.as_lines ? writers[next]->AppendLine(record)
                                   : writers[next]->Append(record));
    if (++next == writers.size()) next = 0;
  }

  void FinishBundle(Emit<ShardPiece> emit) {
    for (size_t i = 0; i < writers.size(); ++i) {
      // With a number of shards given, pieces of many bundles become one shard with one frame.
      if (settings.shards == 0 && !settings.footer.empty()) {
        ThrowIfError(AppendFrame(settings.footer, *writers[i]));
      }
      ThrowIfError(writers[i]->Close());
      emit(ShardPiece{static_cast<int32_t>(i), writers[i]->path()});
    }
    writers.clear();
    next = 0;
  }

 private:
  static constexpr size_t kBufferOfAll = 4 << 20;

  Status AppendFrame(std::string_view text, FileWriter& writer) const {
    return settings.as_lines ? writer.AppendLine(text) : writer.Append(text);
  }

  void Open() {
    Result<std::string> folder = MakeTemporaryFolder(settings.prefix, settings.id);
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
        ThrowIfError(AppendFrame(settings.header, *opened.back()));
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
    Result<std::string> folder = MakeTemporaryFolder(settings.prefix, settings.id);
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
      std::string name =
          ShardName(settings.prefix, SuffixOf(settings), shard, shards, settings.without_sharding);
      const bool framed = settings.shards == 0 && !paths.empty();
      const bool has_frame = !settings.header.empty() || !settings.footer.empty();
      if (paths.size() != 1 || (has_frame && !framed)) paths = {Join(paths, *folder, name)};
      names.emplace_back(std::move(paths[0]), std::move(name));
    }
    for (const auto& [from, to] : names) {
      struct stat info;
      const bool done_before = stat(from.c_str(), &info) != 0 && stat(to.c_str(), &info) == 0;
      if (!done_before) ThrowIfError(Publish(from, to));
      emit(to);
    }
    ThrowIfError(SyncFolder(FolderOf(settings.prefix)));
    Remove(*folder);
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
      if (!line.empty() && settings.as_lines) text += '\n';
      // As a compressed piece of its own.
      if (const auto compressor = Compressor::Create(CompressionOf(settings))) {
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

}  // namespace sharded_write_internal

PCollection<std::string> WriteSharded(const PCollection<std::string>& records,
                                      WriteSettings settings, bool validate,
                                      const std::source_location& where) {
  PipelineBuilder& builder = records.builder();
  settings.id = UniqueName();
  Result<std::string> path = LocalPath(settings.prefix);
  Status status = path.status();
  if (status.ok()) {
    settings.prefix = *path;
    if (validate) status = CheckPrefix(settings.prefix);
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
  const std::string folder = FolderOf(settings.prefix);
  const std::string hidden =
      folder + (folder.ends_with('/') ? "" : "/") + std::string(kTemporaryPrefix) + settings.id;
  builder.AtEnd(std::shared_ptr<void>(nullptr, [hidden](void*) { Remove(hidden); }));

  const auto pieces =
      records | "WritePieces" >> ParDo(sharded_write_internal::WritePieces{settings, {}, 0});
  const auto once = [&] {
    const PipelineBuilder::Scope scope(&builder, "Once", "", nullptr);
    return AddRoot<Bytes>(builder, std::make_shared<CreateStep<Bytes>>(std::vector<Bytes>(1)));
  }();
  return once |
         "Publish" >> ParDo(sharded_write_internal::PublishShards{settings}, AsIterable(pieces));
}

}  // namespace joist::files
