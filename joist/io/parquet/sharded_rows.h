// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Parquet files prefix-SSSSS-of-NNNNN that appear when all of them are complete. What
// joist/io/files/sharded_write.h does for records cannot be done here: pieces of Parquet behind
// each other are no Parquet, so a file is written by one thread, from its beginning to its end.

#ifndef JOIST_IO_PARQUET_SHARDED_ROWS_H_
#define JOIST_IO_PARQUET_SHARDED_ROWS_H_

#include <cstdint>
#include <memory>
#include <source_location>
#include <string>

#include "joist/base/status.h"
#include "joist/io/parquet/fields.h"
#include "joist/io/parquet/row_file_writer.h"
#include "joist/model/fields.h"
#include "joist/model/schema.h"
#include "joist/sdk/group_by_key.h"
#include "joist/sdk/par_do.h"
#include "joist/sdk/pcollection.h"

namespace joist::parquet {

/// How files are written.
struct WriteSettings {
  std::string prefix;
  std::string suffix = ".parquet";
  Codec codec = Codec::kSnappy;
  int64_t group_rows = 1 << 20;
  int32_t shards = 0;  ///< 0: as many as come of themselves.
  bool without_sharding = false;
  std::string id;  ///< Of the run; names its hidden folder.
};
JOIST_ROW(WriteSettings, prefix, suffix, codec, group_rows, shards, without_sharding, id)

namespace sharded_rows_internal {

/// A file in the hidden folder.
struct WrittenFile {
  int32_t shard = 0;
  std::string path;
};
JOIST_ROW(WrittenFile, shard, path)

/// A new file of the run. Throws.
std::shared_ptr<RowFileWriter> NewFile(const WriteSettings& settings, const Schema& schema);
/// Closes it. Throws.
WrittenFile Finish(RowFileWriter& file, int32_t shard);

template <class T>
void WriteRow(const T& row, RowFileWriter& file) {
  PutRow(row, file.columns());
  ThrowIfError(file.EndRow());
}

/// Writes a bundle's rows into a file of its own, which vanishes with it unless the bundle
/// finishes.
template <class T>
struct WriteBundle {
  WriteSettings settings;
  std::shared_ptr<RowFileWriter> file;

  void Process(const T& row, [[maybe_unused]] Emit<WrittenFile> emit) {
    if (file == nullptr) file = NewFile(settings, SchemaOf<T>());
    WriteRow(row, *file);
  }
  void FinishBundle(Emit<WrittenFile> emit) {
    if (file == nullptr) return;
    emit(Finish(*file, 0));
    file = nullptr;
  }
};
template <class T>
constexpr FieldList<WriteBundle<T>, &WriteBundle<T>::settings> JoistFields(const WriteBundle<T>*) {
  return {"WriteBundle", {"settings"}};
}

/// Gives rows to shards in turn.
template <class T>
struct DealRows {
  int32_t shards = 1;
  int32_t next = 0;

  void Process(const T& row, Emit<KV<int32_t, T>> emit) {
    emit(KV<int32_t, T>{next, row});
    if (++next == shards) next = 0;
  }
};
template <class T>
constexpr FieldList<DealRows<T>, &DealRows<T>::shards> JoistFields(const DealRows<T>*) {
  return {"DealRows", {"shards"}};
}

template <class T>
struct WriteShard {
  WriteSettings settings;

  void Process(const KV<int32_t, Iterable<T>>& shard, Emit<WrittenFile> emit) const {
    const auto file = NewFile(settings, SchemaOf<T>());
    for (const T& row : shard.value) WriteRow(row, *file);
    emit(Finish(*file, shard.key));
  }
};
template <class T>
constexpr FieldList<WriteShard<T>, &WriteShard<T>::settings> JoistFields(const WriteShard<T>*) {
  return {"WriteShard", {"settings"}};
}

/// The settings with an id; what is wrong with them becomes a fault of the pipeline. Registers the
/// removal of what a failed run leaves.
WriteSettings Prepare(PipelineBuilder& builder, WriteSettings settings, const Schema& schema,
                      bool validate, const std::source_location& where);

/// Gives the files their names, and makes empty ones where shards are missing.
PCollection<std::string> Publish(const PCollection<WrittenFile>& files,
                                 const WriteSettings& settings, const Schema& schema);

}  // namespace sharded_rows_internal

/// Writes the rows; the result holds the files' names.
template <IsRow T>
PCollection<std::string> WriteShardedRows(const PCollection<T>& rows, const WriteSettings& given,
                                          bool validate, const std::source_location& where) {
  namespace internal = sharded_rows_internal;
  const Schema& schema = SchemaOf<T>();
  const WriteSettings settings = internal::Prepare(rows.builder(), given, schema, validate, where);
  if (settings.shards == 0) {
    return internal::Publish(
        rows | "WriteFiles" >> ParDo(internal::WriteBundle<T>{settings, nullptr}), settings,
        schema);
  }
  const auto shards =
      rows | "Deal" >> ParDo(internal::DealRows<T>{settings.shards, 0}) | "Shards" >> GroupByKey();
  return internal::Publish(shards | "WriteFiles" >> ParDo(internal::WriteShard<T>{settings}),
                           settings, schema);
}

}  // namespace joist::parquet

#endif  // JOIST_IO_PARQUET_SHARDED_ROWS_H_
