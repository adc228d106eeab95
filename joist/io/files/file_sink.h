// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Writing a collection into shards (joist/io/files/shards.h). How an element goes into a file, says
// a sink, which travels (JOIST_ROW):
//
//   using Element = T;
//   // Whether headless files put behind each other are one. If not, the elements of a number of
//   // shards are grouped by shard, which costs a pass over all of them; so are those of windows.
//   static constexpr bool kJoinable;
//   class File {
//    public:
//     void Append(const View<T>& element);   // Throws, like the others.
//     void Close();
//     const std::string& path() const;
//   };                                        // Removes what is not closed.
//   std::unique_ptr<File> Open(const NewFile& file) const;   // The sink outlives it.

#ifndef JOIST_IO_FILES_FILE_SINK_H_
#define JOIST_IO_FILES_FILE_SINK_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "joist/io/files/file_writer.h"
#include "joist/io/files/shards.h"
#include "joist/io/files/windowed_files.h"
#include "joist/model/fields.h"
#include "joist/model/pane.h"
#include "joist/model/window.h"
#include "joist/sdk/group_by_key.h"
#include "joist/sdk/par_do.h"
#include "joist/sdk/window_into.h"

namespace joist::files {

/// What a sink is to open.
struct NewFile {
  std::string path;    ///< Nothing is there yet.
  std::string result;  ///< What errors call it, since the user knows no other name.
  bool headless = false;
  size_t buffer_bytes = FileWriter::kBufferBytes;
};

namespace file_sink_internal {

/// All that comes until the end together, whatever its windows and triggers: a file is complete
/// when nothing can come any more.
template <class T>
PCollection<T> InOneWindow(const PCollection<T>& in) {
  const Collection& collection = in.builder().graph().collections()[in.id()];
  if (!collection.is_bounded) {
    in.builder().AddFault(
        "writes a collection without end, whose files would never be complete; add "
        ".WithWindowedWrites()");
  }
  if (collection.windowing == WindowingStrategy()) return in;
  return in | "AllWindows" >>
                  WindowInto(GlobalWindows()).Triggering(Trigger::Never()).DiscardingFiredPanes();
}

/// A destination, "" where there are none, and one of its shards.
using ShardKey = KV<std::string, int32_t>;

template <class T>
using Dealt = KV<KV<std::string_view, int32_t>, std::remove_cvref_t<View<T>>>;

/// Gives elements to shards in turn.
template <class T>
struct Deal {
  int32_t shards = 1;
  int32_t next = 0;

  void Process(const View<T>& element, Emit<KV<ShardKey, T>> emit) {
    emit(Dealt<T>{{"", next}, element});
    if (++next == shards) next = 0;
  }
};
template <class T>
constexpr FieldList<Deal<T>, &Deal<T>::shards> JoistFields(const Deal<T>*) {
  return {"Deal", {"shards"}};
}

/// Gives values to the shards of their keys in turn.
template <class T>
struct DealByKey {
  int32_t shards = 1;
  int32_t next = 0;

  void Process(const View<KV<std::string, T>>& element, Emit<KV<ShardKey, T>> emit) {
    emit(Dealt<T>{{element.key, next}, element.value});
    if (++next == shards) next = 0;
  }
};
template <class T>
constexpr FieldList<DealByKey<T>, &DealByKey<T>::shards> JoistFields(const DealByKey<T>*) {
  return {"DealByKey", {"shards"}};
}

/// Writes a bundle's elements into files of its own, which vanish with it unless the bundle
/// finishes: a piece of each shard, or a file if there is no number of shards.
template <class Sink>
struct WriteBundle {
  WriteSettings settings;
  Sink sink;
  std::vector<std::shared_ptr<typename Sink::File>> files;
  size_t next = 0;

  void Process(const View<typename Sink::Element>& element,
               [[maybe_unused]] Emit<ShardPiece> emit) {
    if (files.empty()) Open();
    files[next]->Append(element);
    if (++next == files.size()) next = 0;
  }
  void FinishBundle(Emit<ShardPiece> emit) {
    for (size_t i = 0; i < files.size(); ++i) {
      files[i]->Close();
      emit(ShardPiece{"", static_cast<int32_t>(i), files[i]->path()});
    }
    files.clear();
    next = 0;
  }

 private:
  static constexpr size_t kBufferOfAll = 4 << 20;

  void Open() {
    const auto count = static_cast<size_t>(std::max(settings.shards, 1));
    const size_t buffer = std::clamp<size_t>(kBufferOfAll / count, 4096, FileWriter::kBufferBytes);
    std::vector<std::shared_ptr<typename Sink::File>> opened;
    for (size_t i = 0; i < count; ++i) {
      opened.push_back(sink.Open({.path = NewPiecePath(settings),
                                  .result = settings.prefix,
                                  .headless = settings.shards > 0,
                                  .buffer_bytes = buffer}));
    }
    files = std::move(opened);
  }
};
template <class Sink>
constexpr FieldList<WriteBundle<Sink>, &WriteBundle<Sink>::settings, &WriteBundle<Sink>::sink>
JoistFields(const WriteBundle<Sink>*) {
  return {"WriteBundle", {"settings", "sink"}};
}

template <class Sink>
struct WriteShard {
  WriteSettings settings;
  Sink sink;

  void Process(const KV<ShardKey, Iterable<typename Sink::Element>>& shard,
               Emit<ShardPiece> emit) const {
    const std::string& destination = shard.key.key;
    if (settings.by_key) ThrowIfError(CheckDestination(destination, settings.prefix));
    const auto file =
        sink.Open({.path = NewPiecePath(settings), .result = settings.prefix + destination});
    for (const auto& element : shard.value) file->Append(element);
    file->Close();
    emit(ShardPiece{destination, shard.key.value, file->path()});
  }
};
template <class Sink>
constexpr FieldList<WriteShard<Sink>, &WriteShard<Sink>::settings, &WriteShard<Sink>::sink>
JoistFields(const WriteShard<Sink>*) {
  return {"WriteShard", {"settings", "sink"}};
}

/// Writes what a shard has of a pane.
template <class Sink>
struct WriteShardOfPane {
  WriteSettings settings;
  Sink sink;

  void Process(const KV<ShardKey, Iterable<typename Sink::Element>>& shard, Window window,
               PaneInfo pane, Emit<CompleteFile> emit) const {
    const std::string& destination = shard.key.key;
    if (settings.by_key) ThrowIfError(CheckDestination(destination, settings.prefix));
    const std::string name =
        WindowedShardName(settings, destination, window, pane, shard.key.value);
    std::unique_ptr<typename Sink::File> file;
    for (const auto& element : shard.value) {
      if (file == nullptr) file = Open(name);
      file->Append(element);
    }
    if (file == nullptr) return;  // As in Beam, an empty pane has no file.
    file->Close();
    emit(CompleteFile{file->path(), name});
  }

 private:
  std::unique_ptr<typename Sink::File> Open(const std::string& name) const {
    ThrowIfError(CheckName(name));
    return sink.Open({.path = NewPiecePath(settings), .result = name});
  }
};
template <class Sink>
constexpr FieldList<WriteShardOfPane<Sink>, &WriteShardOfPane<Sink>::settings,
                    &WriteShardOfPane<Sink>::sink>
JoistFields(const WriteShardOfPane<Sink>*) {
  return {"WriteShardOfPane", {"settings", "sink"}};
}

template <class Sink>
PCollection<std::string> WriteDealt(const PCollection<KV<ShardKey, typename Sink::Element>>& dealt,
                                    const Sink& sink, const WriteSettings& settings) {
  const auto shards = dealt | "Shards" >> GroupByKey();
  if (settings.windowed) {
    return PublishFiles(shards | "WriteShards" >> ParDo(WriteShardOfPane<Sink>{settings, sink}));
  }
  return PublishShards(shards | "WriteShards" >> ParDo(WriteShard<Sink>{settings, sink}), settings);
}

}  // namespace file_sink_internal

/// Writes the elements; the result holds the files' names. `settings` are PrepareShards'.
template <class Sink>
PCollection<std::string> WriteFiles(const PCollection<typename Sink::Element>& elements,
                                    const Sink& sink, const WriteSettings& settings) {
  namespace internal = file_sink_internal;
  const auto all = settings.windowed ? elements : internal::InOneWindow(elements);
  if (settings.windowed || (!Sink::kJoinable && settings.shards > 0)) {
    const auto dealt =
        all | "Deal" >> ParDo(internal::Deal<typename Sink::Element>{settings.shards, 0});
    return internal::WriteDealt(dealt, sink, settings);
  }
  return PublishShards(
      all | "WritePieces" >> ParDo(internal::WriteBundle<Sink>{settings, sink, {}, 0}), settings);
}

/// The same with keys as destinations; `settings` are PrepareShards' with `by_key`.
template <class Sink>
PCollection<std::string> WriteFilesByKey(
    const PCollection<KV<std::string, typename Sink::Element>>& elements, const Sink& sink,
    const WriteSettings& settings) {
  namespace internal = file_sink_internal;
  const auto dealt =
      (settings.windowed ? elements : internal::InOneWindow(elements)) |
      "Deal" >> ParDo(internal::DealByKey<typename Sink::Element>{settings.shards, 0});
  return internal::WriteDealt(dealt, sink, settings);
}

}  // namespace joist::files

#endif  // JOIST_IO_FILES_FILE_SINK_H_
