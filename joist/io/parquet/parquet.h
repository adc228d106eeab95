// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Parquet files (parquet.apache.org/docs/file-format) as rows, and rows as Parquet files.
//
//   struct Sale {
//     std::string shop;
//     int64_t cents = 0;
//   };
//   JOIST_ROW(Sale, shop, cents)
//
//   p | "Read"  >> joist::parquet::Read<Sale>("sales/*.parquet")
//                      .Where(joist::parquet::Column("year") >= 2025)
//     | …
//     | "Write" >> joist::parquet::Write("out/sales");
//
// Reading takes the columns that the row has fields for, by name, and no others. A column may have
// a narrower type than its field (a 32-bit number for an int64_t), never a wider one; what differs
// otherwise is an error that names the file, the column and both types. A column that is missing
// is an error unless the field is a std::optional, and so is a null. Where() keeps rows by the
// values of columns, whether or not the row has fields for them: row groups whose statistics say
// that they have no such row are not read at all.
//
// | field                              | is written as             | takes                       |
// |------------------------------------|---------------------------|-----------------------------|
// | bool                               | BOOLEAN                   | the same                    |
// | int8_t … int64_t                   | INT(8) … INT(64)          | integers that fit, by type  |
// | uint8_t, char, uint16_t, uint32_t  | INT(16) …, INT(64)        | the same; a value that does |
// |                                    |                           | not fit is an error         |
// | uint64_t                           | UINT(64)                  | unsigned integers           |
// | float, double                      | FLOAT, DOUBLE             | narrower ones; double:      |
// |                                    |                           | DECIMAL                     |
// | std::string                        | STRING                    | STRING, BYTE_ARRAY, fixed   |
// |                                    |                           | bytes; DECIMAL as digits    |
// | Bytes, vectors of bytes            | BYTE_ARRAY                | the same                    |
// | enums                              | their names, or a number  | the same                    |
// | Timestamp                          | TIMESTAMP(MILLIS, UTC)    | TIMESTAMP, INT96, DATE; cut |
// |                                    |                           | to milliseconds             |
// | Duration                           | INT64 (Arrow: duration)   | the same, TIME              |
// | std::optional                      | optional                  | anything of its type        |
// | vectors, sets; maps                | LIST; MAP                 | the same; a MAP as KVs, too |
// | rows, KV, pairs, tuples            | groups                    | groups, by fields' names    |
//
// Patterns are those of joist/io/files/glob.h. One large file is read by all threads, row group by
// row group. Transforms are values; a With… function returns a changed copy.

#ifndef JOIST_IO_PARQUET_PARQUET_H_
#define JOIST_IO_PARQUET_PARQUET_H_

#include <cstdint>
#include <source_location>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "joist/io/files/file_sink.h"
#include "joist/io/files/read_files.h"
#include "joist/io/files/sharded_write.h"
#include "joist/io/parquet/fields.h"
#include "joist/io/parquet/predicate.h"
#include "joist/io/parquet/row_group_reader.h"
#include "joist/io/parquet/row_sink.h"
#include "joist/model/fields.h"
#include "joist/sdk/par_do.h"

namespace joist::parquet {

using files::EmptyMatch;

/// How Parquet is read.
struct ReadSettings {
  /// Of the file as a whole, which Parquet isn't; its pages are.
  files::Compression compression = files::Compression::kNone;
  EmptyMatch empty_match = EmptyMatch::kRefuse;
  Predicate where;
};
JOIST_ROW(ReadSettings, compression, empty_match, where)

namespace parquet_internal {

/// Rows as files::FileSource reads them.
template <class T>
struct RowFormat {
  using Element = T;
  using Settings = ReadSettings;
  static constexpr std::string_view kRead = "parquet::Read";
  static constexpr std::string_view kReadAll = "parquet::ReadAll";
  static constexpr bool kFindsBadRecords = false;
  static consteval bool Check() {
    static_assert(files::kIsRow<T>, "Joist: parquet::Read<T> takes a T declared with JOIST_ROW.");
    return files::kIsRow<T>;
  }
  static bool IsSplittable(const ReadSettings&) { return true; }

  class Reader {
   public:
    using Item = T;
    static Result<Reader> Open(const std::string& path, const ReadSettings& settings,
                               uint64_t begin, uint64_t end, std::vector<files::BadRecord>*) {
      JOIST_ASSIGN_OR_RETURN(RowGroupReader reader,
                             RowGroupReader::Open(path, SchemaOf<T>(), settings.where, begin, end));
      return Reader(std::move(reader));
    }
    Result<bool> Next(std::span<T>* items) {
      RowGroupReader::Slice slice;
      JOIST_ASSIGN_OR_RETURN(const bool more, reader_.Next(&slice));
      if (!more) return false;
      Fault fault;
      if (!TakeRows(slice, rows_.data(), &fault)) return reader_.Describe(fault);
      *items = {rows_.data(), slice.rows};
      return true;
    }
    void Extend(uint64_t end) { reader_.Extend(end); }
    uint64_t raw_position() const { return reader_.position(); }

   private:
    explicit Reader(RowGroupReader reader) : reader_(std::move(reader)) {}
    RowGroupReader reader_;
    std::vector<T> rows_ = std::vector<T>(RowGroupReader::kSliceRows);
  };

  template <class Self>
  class Options : public files::ReadOptions<Self, RowFormat> {
   public:
    /// Keeps the rows that satisfy the predicate; called again, those that satisfy all of them.
    Self Where(const Predicate& predicate) const {
      return this->Changed(
          [&](ReadSettings& settings) { settings.where = settings.where && predicate; });
    }
    /// Parquet compresses its pages, and says how in the file.
    Self WithCompression(files::Compression) const = delete;

   protected:
    using files::ReadOptions<Self, RowFormat>::ReadOptions;
  };
};

}  // namespace parquet_internal

/// The rows of the files that match a pattern.
template <class T>
using Read = files::ReadFiles<parquet_internal::RowFormat<T>>;

/// The rows of the files that match the patterns of a collection.
template <class T>
using ReadAll = files::ReadAllFiles<parquet_internal::RowFormat<T>>;

/// Writes rows into files prefix-SSSSS-of-NNNNN.parquet; see text::Write. Keys of KVs are
/// destinations. Rows are grouped by file where there are destinations or a number of shards, which
/// costs a pass over all of them. The result holds the files' names.
class Write : public files::WriteTransform<Write> {
 public:
  explicit Write(std::string prefix, std::source_location where = std::source_location::current())
      : WriteTransform(std::move(prefix), where) {
    settings_.suffix = ".parquet";
  }

  /// How pages are compressed; Codec::kSnappy by default.
  Write WithCompression(Codec codec) const {
    Write changed = *this;
    changed.codec_ = codec;
    return changed;
  }
  /// Rows in a row group at most: 1,048,576 by default. Readers skip and share whole row groups.
  Write WithRowGroupSize(int64_t rows) const {
    Write changed = *this;
    changed.group_rows_ = rows;
    return changed;
  }

  void DisplayData(joist::DisplayData& data) const {
    WriteTransform::DisplayData(data);
    data.Add("codec", "Parquet Compression Codec", EnumText(codec_));
  }
  static constexpr std::string_view kKind = "parquet::Write";
  template <class T>
  auto Expand(const PCollection<T>& rows) const {
    if constexpr (std::is_same_v<T, Invalid>) {
      return rows;
    } else if constexpr (Check<T>()) {
      return files::WriteFiles(rows, RowSink<T>{codec_, group_rows_},
                               Prepare(rows.builder(), SchemaOf<T>(), /*by_key=*/false));
    } else {
      return PCollection<Invalid>(&rows.builder());
    }
  }
  template <class T>
  auto Expand(const PCollection<KV<std::string, T>>& rows) const {
    if constexpr (Check<T>()) {
      return files::WriteFilesByKey(rows, RowSink<T>{codec_, group_rows_},
                                    Prepare(rows.builder(), SchemaOf<T>(), /*by_key=*/true));
    } else {
      return PCollection<Invalid>(&rows.builder());
    }
  }

 private:
  template <class T>
  static consteval bool Check() {
    static_assert(files::kIsRow<T>,
                  "Joist: Parquet is made of rows; declare the collection's type with JOIST_ROW.");
    return files::kIsRow<T>;
  }
  files::WriteSettings Prepare(PipelineBuilder& builder, const Schema& schema, bool by_key) const;

  Codec codec_ = Codec::kSnappy;
  int64_t group_rows_ = 1 << 20;
};

}  // namespace joist::parquet

#endif  // JOIST_IO_PARQUET_PARQUET_H_
