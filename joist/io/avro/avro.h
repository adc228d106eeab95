// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Avro files (avro.apache.org/docs/1.11.1/specification, "object container files") as rows, and
// rows as Avro files.
//
//   struct Click {
//     std::string user;
//     joist::Timestamp time;
//     std::optional<std::string> page;
//   };
//   JOIST_ROW(Click, user, time, page)
//
//   p | "Read"  >> joist::avro::Read<Click>("clicks/*.avro")
//     | …
//     | "Write" >> joist::avro::Write("out/clicks")
//                      .WithCompression(joist::avro::Codec::kZstandard);
//
// A file's schema is resolved against the row by the fields' names. Fields of the file that the
// row doesn't have are passed over; a field that is missing there is an error unless the row's is a
// std::optional. Types go together as Avro has it, and no others; what doesn't is an error that
// names the file, the field and both types. A type that contains itself is refused.
//
// | field                              | is written as              | takes                      |
// |------------------------------------|----------------------------|----------------------------|
// | bool                               | boolean                    | the same                   |
// | int8_t … int32_t, uint8_t, char,   | int                        | the same, within the       |
// | uint16_t                           |                            | field's range              |
// | uint32_t, int64_t                  | long                       | int, long                  |
// | uint64_t                           | decimal(20, 0)             | int, long, decimal         |
// | float, double                      | float, double              | int, long, float; double;  |
// |                                    |                            | double: decimal            |
// | std::string                        | string                     | string, bytes, enum;       |
// |                                    |                            | decimal as its digits      |
// | Bytes, vectors of bytes            | bytes                      | bytes, string, fixed       |
// | enums                              | their names, or a number   | enum, string; or a number  |
// | Timestamp                          | timestamp-millis           | timestamps, date; cut to   |
// |                                    |                            | milliseconds               |
// | Duration                           | long                       | the same, time-…           |
// | std::optional                      | a union with null          | the same, or without null  |
// | vectors, sets                      | array                      | array                      |
// | maps whose keys are text; others   | map; array of key, value   | both; vectors of KV, too   |
// | rows, KV, pairs, tuples            | record                     | record, by fields' names   |
//
// A union goes together with a field if one of its branches does; a record with another one is
// wrong. Text is passed on as it is, UTF-8 or not.
//
// A record that is wrong, and a block that is damaged, end the job with one line that says which
// and why; after WithErrors() they go to the output Errors instead (joist/io/avro/row_reader.h says
// what their offsets are). One large file is read by all threads, by its blocks. Files otherwise:
// as joist/io/text/text.h. Transforms are values; a With… function returns a changed copy.

#ifndef JOIST_IO_AVRO_AVRO_H_
#define JOIST_IO_AVRO_AVRO_H_

#include <cstdint>
#include <memory>
#include <source_location>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "joist/io/avro/field_shape.h"
#include "joist/io/avro/row_reader.h"
#include "joist/io/avro/row_sink.h"
#include "joist/io/files/file_sink.h"
#include "joist/io/files/read_files.h"
#include "joist/io/files/sharded_write.h"
#include "joist/model/fields.h"
#include "joist/sdk/par_do.h"

namespace joist::avro {

using files::BadRecord;
using files::Compression;
using files::EmptyMatch;
using files::Errors;

/// How Avro is read.
struct ReadSettings {
  /// Of the file as a whole ("clicks.avro.gz"); how its blocks are compressed stands in the file.
  Compression compression = Compression::kAuto;
  EmptyMatch empty_match = EmptyMatch::kRefuse;
  uint64_t longest_block = uint64_t{256} << 20;
};
JOIST_ROW(ReadSettings, compression, empty_match, longest_block)

namespace avro_rows_internal {

/// Rows as files::FileSource reads them.
template <class T>
struct RowFormat {
  using Element = T;
  using Settings = ReadSettings;
  static constexpr std::string_view kRead = "avro::Read";
  static constexpr std::string_view kReadAll = "avro::ReadAll";
  static constexpr bool kFindsBadRecords = true;
  static consteval bool Check() {
    static_assert(files::kIsRow<T>, "Joist: avro::Read<T> takes a T declared with JOIST_ROW.");
    return files::kIsRow<T>;
  }
  static bool IsSplittable(const ReadSettings&) { return true; }

  class Reader {
   public:
    using Item = T;
    static Result<Reader> Open(const std::string& path, const ReadSettings& settings,
                               uint64_t begin, uint64_t end, std::vector<BadRecord>* bad) {
      const ContainerOptions options{.compression = settings.compression,
                                     .begin = begin,
                                     .end = end,
                                     .longest_block = settings.longest_block};
      JOIST_ASSIGN_OR_RETURN(RowReader reader, RowReader::Open(path, options, ShapeOf<T>(), bad));
      return Reader(std::move(reader));
    }
    Result<bool> Next(std::span<T>* items) {
      size_t count = 0;
      JOIST_ASSIGN_OR_RETURN(const bool more, reader_.Next(rows_.data(), &count));
      *items = {rows_.data(), count};
      return more;
    }
    void Extend(uint64_t end) { reader_.Extend(end); }
    uint64_t raw_position() const { return reader_.raw_position(); }

   private:
    explicit Reader(RowReader reader) : reader_(std::move(reader)) {}
    RowReader reader_;
    std::vector<T> rows_ = std::vector<T>(RowReader::kBatch);
  };

  template <class Self>
  class Options : public files::ReadOptions<Self, RowFormat> {
   public:
    /// A block that is longer, as stored or decompressed, is an error; 256 MB by default.
    Self WithLongestBlock(uint64_t bytes) const {
      return this->Changed([&](ReadSettings& settings) { settings.longest_block = bytes; });
    }

   protected:
    using files::ReadOptions<Self, RowFormat>::ReadOptions;
  };
};

/// 16 bytes drawn by lot.
std::string NewMarker();

}  // namespace avro_rows_internal

/// The records of the files that match a pattern, as rows of type T.
template <class T>
using Read = files::ReadFiles<avro_rows_internal::RowFormat<T>>;

/// The same of the patterns of a collection.
template <class T>
using ReadAll = files::ReadAllFiles<avro_rows_internal::RowFormat<T>>;

/// Writes rows into files prefix-SSSSS-of-NNNNN.avro; see text::Write. Keys of KVs are
/// destinations. The result holds the files' names.
class Write : public files::WriteTransform<Write> {
 public:
  explicit Write(std::string prefix, std::source_location where = std::source_location::current())
      : WriteTransform(std::move(prefix), where) {
    settings_.suffix = ".avro";
    settings_.as_lines = false;
  }

  /// How blocks are compressed; Codec::kSnappy by default.
  Write WithCompression(Codec codec) const {
    Write changed = *this;
    changed.codec_ = codec;
    return changed;
  }
  /// A block ends when its records have so many bytes before compression; 64 KB by default.
  Write WithBlockSize(uint64_t bytes) const {
    Write changed = *this;
    changed.block_bytes_ = bytes;
    return changed;
  }

  void DisplayData(joist::DisplayData& data) const {
    WriteTransform::DisplayData(data);
    data.Add("codec", "Avro Compression Codec", EnumText(codec_));
  }
  static constexpr std::string_view kKind = "avro::Write";
  template <class T>
  auto Expand(const PCollection<T>& rows) const {
    if constexpr (std::is_same_v<T, Invalid>) {
      return rows;
    } else if constexpr (Check<T>()) {
      const std::string marker = avro_rows_internal::NewMarker();
      const auto settings = Prepare(rows.builder(), ShapeOf<T>(), marker, /*by_key=*/false);
      return files::WriteFiles(rows, SinkOf<T>(settings, marker), settings);
    } else {
      return PCollection<Invalid>(&rows.builder());
    }
  }
  template <class T>
  auto Expand(const PCollection<KV<std::string, T>>& rows) const {
    if constexpr (Check<T>()) {
      const std::string marker = avro_rows_internal::NewMarker();
      const auto settings = Prepare(rows.builder(), ShapeOf<T>(), marker, /*by_key=*/true);
      return files::WriteFilesByKey(rows, SinkOf<T>(settings, marker), settings);
    } else {
      return PCollection<Invalid>(&rows.builder());
    }
  }

 private:
  template <class T>
  static consteval bool Check() {
    static_assert(files::kIsRow<T>,
                  "Joist: Avro is made of rows; declare the collection's type with JOIST_ROW.");
    return files::kIsRow<T>;
  }
  files::WriteSettings Prepare(PipelineBuilder& builder, const FieldShape& shape,
                               const std::string& marker, bool by_key) const;
  template <class T>
  RowSink<T> SinkOf(const files::WriteSettings& settings, const std::string& marker) const {
    return {codec_, marker, block_bytes_, settings.header, files::CompressionOf(settings)};
  }

  Codec codec_ = Codec::kSnappy;
  uint64_t block_bytes_ = 64 << 10;
};

}  // namespace joist::avro

#endif  // JOIST_IO_AVRO_AVRO_H_
