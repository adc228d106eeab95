// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// RowSink: rows into a Parquet file, for joist/io/files/file_sink.h.

#ifndef JOIST_IO_PARQUET_ROW_SINK_H_
#define JOIST_IO_PARQUET_ROW_SINK_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "joist/base/status.h"
#include "joist/io/files/file_sink.h"
#include "joist/io/parquet/fields.h"
#include "joist/io/parquet/row_file_writer.h"
#include "joist/model/fields.h"

namespace joist::parquet {

template <class T>
struct RowSink {
  using Element = T;
  static constexpr bool kJoinable = false;
  Codec codec = Codec::kSnappy;
  int64_t group_rows = 1 << 20;

  class File {
   public:
    explicit File(RowFileWriter writer) : writer_(std::move(writer)) {}
    void Append(const T& row) {
      PutRow(row, writer_.columns());
      ThrowIfError(writer_.EndRow());
    }
    void Close() { ThrowIfError(writer_.Close()); }
    const std::string& path() const { return writer_.path(); }

   private:
    RowFileWriter writer_;
  };

  std::unique_ptr<File> Open(const files::NewFile& file) const {
    Result<RowFileWriter> writer =
        RowFileWriter::Create(file.path, file.result, SchemaOf<T>(), codec, group_rows);
    ThrowIfError(writer.status());
    return std::make_unique<File>(std::move(*writer));
  }
};
template <class T>
constexpr FieldList<RowSink<T>, &RowSink<T>::codec, &RowSink<T>::group_rows> JoistFields(
    const RowSink<T>*) {
  return {"RowSink", {"codec", "group_rows"}};
}

}  // namespace joist::parquet

#endif  // JOIST_IO_PARQUET_ROW_SINK_H_
