// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/io/parquet/sharded_rows.h"

#include <sys/stat.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "joist/io/files/file_writer.h"
#include "joist/io/files/glob.h"
#include "joist/io/parquet/arrow_columns.h"
#include "joist/sdk/read.h"
#include "joist/sdk/side_input.h"

namespace joist::parquet {

// The steps' functions are found by their types' names in another process: so these are in no
// unnamed namespace.
namespace sharded_rows_internal {
namespace {

Status Check(WriteSettings* settings, const Schema& schema, bool validate) {
  JOIST_ASSIGN_OR_RETURN(settings->prefix, files::LocalPath(settings->prefix));
  if (validate) JOIST_RETURN_IF_ERROR(files::CheckPrefix(settings->prefix));
  const auto refuse = [settings](const std::string& why) {
    return InvalidArgument("cannot write " + settings->prefix + ": " + why);
  };
  if (settings->shards < 0) return refuse(std::to_string(settings->shards) + " shards");
  if (settings->group_rows < 1) {
    return refuse("row groups of " + std::to_string(settings->group_rows) + " rows");
  }
  const auto arrow_schema = ArrowSchemaOf(schema);
  return arrow_schema.ok() ? OkStatus() : refuse(arrow_schema.status().message());
}

}  // namespace

/// Gives the finished files their names. May run again after it failed half-way.
struct PublishFiles {
  WriteSettings settings;
  std::string schema;  ///< Serialized, for files that nobody wrote.

  void Process(const Bytes&, SideInput<IterableView<WrittenFile>> written,
               Emit<std::string> emit) const {
    std::vector<WrittenFile> all;
    for (const WrittenFile& file : *written) all.push_back(file);
    AddMissing(&all);
    std::sort(all.begin(), all.end(), [](const WrittenFile& a, const WrittenFile& b) {
      return a.shard != b.shard ? a.shard < b.shard : a.path < b.path;
    });
    for (size_t i = 0; i < all.size(); ++i) {
      const std::string name = files::ShardName(settings.prefix, settings.suffix, i, all.size(),
                                                settings.without_sharding && all.size() == 1);
      struct stat info;
      const bool done_before =
          stat(all[i].path.c_str(), &info) != 0 && stat(name.c_str(), &info) == 0;
      if (!done_before) ThrowIfError(files::Publish(all[i].path, name));
      emit(name);
    }
    ThrowIfError(files::SyncFolder(files::FolderOf(settings.prefix)));
    Result<std::string> folder = files::MakeTemporaryFolder(settings.prefix, settings.id);
    if (folder.ok()) files::Remove(*folder);
  }

 private:
  void AddMissing(std::vector<WrittenFile>* all) const {
    std::vector<bool> there(static_cast<size_t>(std::max(settings.shards, 1)));
    for (const WrittenFile& file : *all) there.at(static_cast<size_t>(file.shard)) = true;
    for (size_t shard = 0; shard < there.size(); ++shard) {
      if (there[shard]) continue;
      const Result<Schema> parsed = Schema::Parse(schema);
      ThrowIfError(parsed.status());
      all->push_back(Finish(*NewFile(settings, *parsed), static_cast<int32_t>(shard)));
    }
  }
};
JOIST_ROW(PublishFiles, settings, schema)

std::shared_ptr<RowFileWriter> NewFile(const WriteSettings& settings, const Schema& schema) {
  Result<std::string> folder = files::MakeTemporaryFolder(settings.prefix, settings.id);
  ThrowIfError(folder.status());
  Result<RowFileWriter> file =
      RowFileWriter::Create(*folder + "/" + files::UniqueName(), settings.prefix, schema,
                            settings.codec, settings.group_rows);
  ThrowIfError(file.status());
  return std::make_shared<RowFileWriter>(std::move(*file));
}

WrittenFile Finish(RowFileWriter& file, int32_t shard) {
  ThrowIfError(file.Close());
  return {shard, file.path()};
}

WriteSettings Prepare(PipelineBuilder& builder, WriteSettings settings, const Schema& schema,
                      bool validate, const std::source_location& where) {
  settings.id = files::UniqueName();
  const Status status = Check(&settings, schema, validate);
  if (!status.ok()) {
    builder.graph().AddFault(
        Status(status.code(), status.message() + " (" + DescribeLocation(where) + ")"));
  }
  // What a run that fails leaves behind.
  const std::string folder = files::FolderOf(settings.prefix);
  const std::string hidden = folder + (folder.ends_with('/') ? "" : "/") +
                             std::string(files::kTemporaryPrefix) + settings.id;
  builder.AtEnd(std::shared_ptr<void>(nullptr, [hidden](void*) { files::Remove(hidden); }));
  return settings;
}

PCollection<std::string> Publish(const PCollection<WrittenFile>& files,
                                 const WriteSettings& settings, const Schema& schema) {
  PipelineBuilder& builder = files.builder();
  const auto once = [&] {
    const PipelineBuilder::Scope scope(&builder, "Once", "", nullptr);
    return AddRoot<Bytes>(builder, MakeStep<CreateStep<Bytes>>(std::vector<Bytes>(1)));
  }();
  return once | "Publish" >> ParDo(PublishFiles{settings, schema.Serialize()}, AsIterable(files));
}

}  // namespace sharded_rows_internal
}  // namespace joist::parquet
