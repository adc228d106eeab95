// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/io/files/windowed_files.h"

#include <set>

#include "joist/io/files/file_writer.h"
#include "joist/sdk/group_by_key.h"
#include "joist/sdk/par_do.h"

namespace joist::files {

// The steps' functions are found by their types' names in another process: so these are in no
// unnamed namespace.
namespace windowed_files_internal {

/// May run again after it failed half-way. A file that has its name has it for good, so a
/// checkpoint must know of it before.
struct PublishCompleteFiles {
  static constexpr bool kRequiresStableInput = true;
  std::set<std::string> folders;

  void Process(const CompleteFile& file, Emit<std::string> emit) {
    if (folders.insert(FolderOf(file.name)).second) ThrowIfError(MakeFolders(file.name));
    ThrowIfError(Publish(file.path, file.name));
    emit(file.name);
  }
  void FinishBundle() {
    for (const std::string& folder : folders) ThrowIfError(SyncFolder(folder));
    folders.clear();
  }
};
constexpr FieldList<PublishCompleteFiles> JoistFields(const PublishCompleteFiles*) {
  return {"PublishCompleteFiles", {}};
}

}  // namespace windowed_files_internal

std::string WindowedShardName(const WriteSettings& settings, std::string_view destination,
                              const Window& window, const PaneInfo& pane, int32_t shard) {
  std::string name = settings.prefix;
  name.append(destination).append("-");
  name +=
      window.is_global() ? "GlobalWindow" : window.start.ToString() + "-" + window.end.ToString();
  name += "-pane-" + std::to_string(pane.index);
  if (pane.timing == PaneTiming::kLate) name += "-late";
  if (pane.is_last) name += "-last";
  return ShardName(name, SuffixOf(settings), static_cast<size_t>(shard),
                   static_cast<size_t>(settings.shards), settings.without_sharding);
}

PCollection<std::string> PublishFiles(const PCollection<CompleteFile>& files) {
  return files | "Publish" >> ParDo(windowed_files_internal::PublishCompleteFiles());
}

}  // namespace joist::files
