// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/io/files/shards.h"

#include <algorithm>
#include <memory>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include "joist/io/files/file_writer.h"
#include "joist/model/describe.h"
#include "joist/sdk/par_do.h"
#include "joist/sdk/read.h"
#include "joist/sdk/side_input.h"

namespace joist::files {

// The steps' functions are found by their types' names in another process: so these are in no
// unnamed namespace.
namespace shards_internal {

/// Gives the finished files their names. May run again after it failed half-way.
struct PublishPieces {
  WriteSettings settings;

  void Process(const Bytes&, SideInput<IterableView<ShardPiece>> pieces,
               Emit<std::string> emit) const {
    std::vector<ShardPiece> sorted;
    for (const ShardPiece& piece : *pieces) sorted.push_back(piece);
    std::sort(sorted.begin(), sorted.end());
    Result<std::string> folder = MakeTemporaryFolder(settings.prefix, settings.id);
    ThrowIfError(folder.status());

    std::vector<std::pair<std::string, std::string>> names;  // From, to.
    if (sorted.empty() && !settings.by_key) NameShards({}, *folder, &names);
    for (auto from = sorted.begin(), to = from; from != sorted.end(); from = to) {
      to = std::find_if(from, sorted.end(), [&](const ShardPiece& piece) {
        return piece.destination != from->destination;
      });
      NameShards({from, to}, *folder, &names);
    }
    // What can go wrong should do so before the first file has its name.
    std::set<std::string> folders;
    for (const auto& [from, to] : names) {
      if (folders.insert(FolderOf(to)).second && settings.by_key) ThrowIfError(MakeFolders(to));
      ThrowIfError(CheckName(to));
    }
    for (const auto& [from, to] : names) {
      ThrowIfError(Publish(from, to));
      emit(to);
    }
    for (const std::string& written : folders) ThrowIfError(SyncFolder(written));
    Remove(*folder);
  }

 private:
  // Which file gets which name; `pieces` are those of one destination, sorted.
  void NameShards(std::span<ShardPiece> pieces, const std::string& folder,
                  std::vector<std::pair<std::string, std::string>>* names) const {
    const std::string prefix = settings.prefix + (pieces.empty() ? "" : pieces.front().destination);
    if (settings.shards == 0) {
      for (size_t i = 0; i < pieces.size(); ++i) pieces[i].shard = static_cast<int32_t>(i);
    }
    const size_t shards = settings.shards > 0 ? static_cast<size_t>(settings.shards)
                                              : std::max<size_t>(pieces.size(), 1);
    auto piece = pieces.begin();
    for (size_t shard = 0; shard < shards; ++shard) {
      std::vector<std::string> paths;
      for (; piece != pieces.end() && static_cast<size_t>(piece->shard) == shard; ++piece) {
        paths.push_back(piece->path);
      }
      std::string name =
          ShardName(prefix, SuffixOf(settings), shard, shards, settings.without_sharding);
      const bool framed = (settings.shards == 0 || settings.by_key) && !paths.empty();
      const bool has_frame = !settings.header.empty() || !settings.footer.empty();
      if (paths.size() != 1 || (has_frame && !framed)) paths = {Join(paths, folder, name)};
      names->emplace_back(std::move(paths[0]), std::move(name));
    }
  }

  // Makes one file of a shard's pieces, with header and footer.
  std::string Join(const std::vector<std::string>& paths, const std::string& folder,
                   const std::string& name) const {
    Result<FileWriter> whole = FileWriter::Create(folder + "/" + UniqueName(), name);
    ThrowIfError(whole.status());
    // Compressed each as a piece of its own.
    const auto append = [&](std::string text) {
      if (const auto compressor = Compressor::Create(CompressionOf(settings))) {
        std::string compressed;
        ThrowIfError(compressor->Run(text, /*at_end=*/true, &compressed));
        text = std::move(compressed);
      }
      ThrowIfError(whole->Append(text));
    };
    const std::string_view ending = settings.as_lines ? "\n" : "";
    const auto framed = [&](const std::string& text) {
      return text.empty() ? "" : text + std::string(ending);
    };
    if (paths.empty()) {
      append(framed(settings.header) + settings.empty + framed(settings.footer));
    } else {
      if (!settings.header.empty()) append(framed(settings.header));
      for (const std::string& path : paths) ThrowIfError(whole->AppendFile(path));
      if (!settings.footer.empty()) append(framed(settings.footer));
    }
    ThrowIfError(whole->Close());
    return whole->path();
  }
};
JOIST_ROW(PublishPieces, settings)

}  // namespace shards_internal

Compression CompressionOf(const WriteSettings& settings) {
  return ResolveCompression(settings.compression, settings.suffix);
}

std::string SuffixOf(const WriteSettings& settings) {
  const std::string_view ending = CompressionSuffix(CompressionOf(settings));
  return settings.suffix.ends_with(ending) ? settings.suffix
                                           : settings.suffix + std::string(ending);
}

std::string NewPiecePath(const WriteSettings& settings) {
  Result<std::string> folder = MakeTemporaryFolder(settings.prefix, settings.id);
  ThrowIfError(folder.status());
  return *folder + "/" + UniqueName();
}

Status CheckDestination(std::string_view destination, const std::string& prefix) {
  constexpr size_t kMostBytes = 1024;
  const auto refuse = [&](const std::string& why) {
    return InvalidArgument("cannot write " + prefix + ToDescription(destination) +
                           ": a destination " + why);
  };
  if (destination.size() > kMostBytes) return refuse("has at most 1024 bytes");
  if (destination.find('\0') != std::string_view::npos) return refuse("has no NUL bytes");
  for (size_t begin = 0; begin <= destination.size();) {
    const size_t end = std::min(destination.find('/', begin), destination.size());
    const std::string_view part = destination.substr(begin, end - begin);
    if (part.empty()) return refuse("is not empty, nor is a part of it between slashes");
    if (part == "." || part == "..") return refuse("has no parts \".\" and \"..\"");
    begin = end + 1;
  }
  return OkStatus();
}

WriteSettings PrepareShards(PipelineBuilder& builder, WriteSettings settings, bool validate,
                            const std::source_location& where) {
  settings.id = UniqueName();
  if ((settings.by_key || settings.windowed) && settings.shards == 0) settings.shards = 1;
  Result<std::string> path = LocalPath(settings.prefix);
  Status status = path.status();
  if (status.ok()) {
    settings.prefix = *path;
    // A destination completes the names.
    if (validate) status = CheckPrefix(settings.prefix + (settings.by_key ? "x" : ""));
  }
  if (status.ok() && settings.shards < 0) {
    status = InvalidArgument("cannot write " + settings.prefix + ": " +
                             std::to_string(settings.shards) + " shards");
  }
  if (!status.ok()) {
    builder.graph().AddFault(
        Status(status.code(), status.message() + " (" + DescribeLocation(where) + ")"));
  }
  const std::string folder = FolderOf(settings.prefix);
  const std::string hidden =
      folder + (folder.ends_with('/') ? "" : "/") + std::string(kTemporaryPrefix) + settings.id;
  builder.AtEnd([hidden] { Remove(hidden); });
  return settings;
}

PCollection<std::string> PublishShards(const PCollection<ShardPiece>& pieces,
                                       const WriteSettings& settings) {
  PipelineBuilder& builder = pieces.builder();
  const auto once = [&] {
    const PipelineBuilder::Scope scope(&builder, "Once", "", nullptr);
    return AddRoot<Bytes>(builder, MakeStep<CreateStep<Bytes>>(std::vector<Bytes>(1)));
  }();
  return once | "Publish" >> ParDo(shards_internal::PublishPieces{settings}, AsIterable(pieces));
}

}  // namespace joist::files
