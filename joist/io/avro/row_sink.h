// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// RowSink: rows into an Avro file, for joist/io/files/file_sink.h.

#ifndef JOIST_IO_AVRO_ROW_SINK_H_
#define JOIST_IO_AVRO_ROW_SINK_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "joist/base/status.h"
#include "joist/io/avro/block_writer.h"
#include "joist/io/avro/encode.h"
#include "joist/io/files/file_sink.h"
#include "joist/io/files/file_writer.h"
#include "joist/model/fields.h"

namespace joist::avro {

template <class T>
struct RowSink {
  using Element = T;
  static constexpr bool kJoinable = true;  // Blocks of one marker go together.
  Codec codec = Codec::kNull;
  std::string marker;
  uint64_t block_bytes = 0;
  std::string header;
  files::Compression compression = files::Compression::kNone;  ///< Of the file as a whole.

  class File {
   public:
    File(files::FileWriter writer, const RowSink& sink, bool headless)
        : writer_(std::move(writer)), block_(sink.codec, sink.marker, sink.block_bytes) {
      if (!headless) ThrowIfError(writer_.Append(sink.header));
    }
    void Append(const T& row) {
      Put(row, block_.records());
      if (block_.EndRecord()) EndBlock();
    }
    void Close() {
      if (!block_.empty()) EndBlock();
      ThrowIfError(writer_.Close());
    }
    const std::string& path() const { return writer_.path(); }

   private:
    void EndBlock() {
      const Result<std::string_view> finished = block_.Finish();
      ThrowIfError(finished.status());
      ThrowIfError(writer_.Append(*finished));
    }
    files::FileWriter writer_;
    BlockWriter block_;
  };

  std::unique_ptr<File> Open(const files::NewFile& file) const {
    Result<files::FileWriter> writer =
        files::FileWriter::Create(file.path, file.result, compression, file.buffer_bytes);
    ThrowIfError(writer.status());
    return std::make_unique<File>(std::move(*writer), *this, file.headless);
  }
};
template <class T>
constexpr FieldList<RowSink<T>, &RowSink<T>::codec, &RowSink<T>::marker, &RowSink<T>::block_bytes,
                    &RowSink<T>::header, &RowSink<T>::compression>
JoistFields(const RowSink<T>*) {
  return {"RowSink", {"codec", "marker", "block_bytes", "header", "compression"}};
}

}  // namespace joist::avro

#endif  // JOIST_IO_AVRO_ROW_SINK_H_
