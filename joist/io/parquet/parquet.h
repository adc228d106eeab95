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
// | field                         | is written as                | takes |
// |-------------------------------|------------------------------|---------------------------------|
// | bool                          | BOOLEAN                      | the same | | int8_t … int64_t |
// INT(8) … INT(64)             | integers that fit, by their type| | uint8_t, char, uint16_t, |
// INT(16), INT(16), INT(32),   | the same; a value that does not | | uint32_t | INT(64) | fit is an
// error                 | | uint64_t                      | UINT(64)                     | unsigned
// integers               | | float, double                 | FLOAT, DOUBLE                |
// narrower ones; double: DECIMAL  | | std::string                   | STRING | STRING, BYTE_ARRAY,
// fixed       | |                               |                              | bytes; DECIMAL as
// its digits    | | Bytes, vectors of bytes       | BYTE_ARRAY                   | the same | |
// enums                         | their names, or a number     | the same                        |
// | Timestamp                     | TIMESTAMP(MILLIS, UTC)       | TIMESTAMP, INT96, DATE; cut to |
// |                               |                              | milliseconds | | Duration |
// INT64 (Arrow: duration[ms])  | the same, TIME                  | | std::optional | optional |
// anything of its type            | | vectors, sets; maps           | LIST; MAP | the same; a MAP
// as KVs, too     | | rows, KV, pairs, tuples       | groups                       | groups, by the
// fields' names    |
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

#include "joist/io/files/file_source.h"
#include "joist/io/parquet/fields.h"
#include "joist/io/parquet/predicate.h"
#include "joist/io/parquet/row_group_reader.h"
#include "joist/io/parquet/sharded_rows.h"
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
};

template <class T>
inline constexpr bool kIsRow = IsRow<T>;

/// What Read and ReadAll can be told.
template <class Self, class T>
class ReadTransform : public files::ReadTransform<Self, RowFormat<T>> {
 public:
  /// Keeps the rows that satisfy the predicate; called again, those that satisfy all of them.
  Self Where(const Predicate& predicate) const {
    return this->Changed(
        [&](ReadSettings& settings) { settings.where = settings.where && predicate; });
  }
  /// Parquet compresses its pages, and says how in the file.
  Self WithCompression(files::Compression) const = delete;

 protected:
  using files::ReadTransform<Self, RowFormat<T>>::ReadTransform;
};

}  // namespace parquet_internal

/// The rows of the files that match a pattern.
template <class T>
class Read : public parquet_internal::ReadTransform<Read<T>, T> {
  using Base = parquet_internal::ReadTransform<Read<T>, T>;

 public:
  explicit Read(std::string pattern, std::source_location where = std::source_location::current())
      : Base(where), pattern_(std::move(pattern)) {}

  static constexpr std::string_view kKind = "parquet::Read";
  auto Expand(const Pipeline& pipeline) const {
    if constexpr (parquet_internal::kIsRow<T>) {
      return this->ReadPattern(pipeline, pattern_);
    } else {
      static_assert(parquet_internal::kIsRow<T>,
                    "Joist: parquet::Read<T> takes a T declared with JOIST_ROW.");
      return PCollection<Invalid>(&pipeline.builder());
    }
  }

 private:
  std::string pattern_;
};

/// The rows of the files that match the patterns of a collection.
template <class T>
class ReadAll : public parquet_internal::ReadTransform<ReadAll<T>, T> {
  using Base = parquet_internal::ReadTransform<ReadAll<T>, T>;

 public:
  explicit ReadAll(std::source_location where = std::source_location::current()) : Base(where) {}

  static constexpr std::string_view kKind = "parquet::ReadAll";
  auto Expand(const PCollection<std::string>& patterns) const {
    if constexpr (parquet_internal::kIsRow<T>) {
      return files::ReadMatching<parquet_internal::RowFormat<T>>(patterns, this->settings_);
    } else {
      static_assert(parquet_internal::kIsRow<T>,
                    "Joist: parquet::ReadAll<T> takes a T declared with JOIST_ROW.");
      return PCollection<Invalid>(&patterns.builder());
    }
  }
};

/// Writes rows into files prefix-SSSSS-of-NNNNN.parquet. Files get their names when all of them are
/// complete: a run that fails or is cancelled leaves nothing, one that succeeds replaces files of
/// the same names. The result holds the files' names.
class Write : public Transform {
 public:
  explicit Write(std::string prefix, std::source_location where = std::source_location::current())
      : Transform(where) {
    settings_.prefix = std::move(prefix);
  }

  /// Instead of ".parquet".
  Write WithSuffix(std::string suffix) const {
    return Changed([&](WriteSettings& settings) { settings.suffix = std::move(suffix); });
  }
  /// How many files; by default each thread writes one. Rows are then grouped by file, which costs
  /// a pass over all of them.
  Write WithNumShards(int32_t shards) const {
    return Changed([&](WriteSettings& settings) { settings.shards = shards; });
  }
  /// One file, whose name is the prefix and the suffix.
  Write WithoutSharding() const {
    return Changed([](WriteSettings& settings) {
      settings.shards = 1;
      settings.without_sharding = true;
    });
  }
  /// How pages are compressed; Codec::kSnappy by default.
  Write WithCompression(Codec codec) const {
    return Changed([&](WriteSettings& settings) { settings.codec = codec; });
  }
  /// Rows in a row group at most: 1,048,576 by default. Readers skip and share whole row groups.
  Write WithRowGroupSize(int64_t rows) const {
    return Changed([&](WriteSettings& settings) { settings.group_rows = rows; });
  }
  /// Doesn't look, while the pipeline is being built, whether the folder is there and writable.
  Write WithoutValidation() const {
    Write changed = *this;
    changed.validate_ = false;
    return changed;
  }

  static constexpr std::string_view kKind = "parquet::Write";
  template <class T>
  auto Expand(const PCollection<T>& rows) const {
    if constexpr (std::is_same_v<T, Invalid>) {
      return rows;
    } else if constexpr (parquet_internal::kIsRow<T>) {
      return WriteShardedRows(rows, settings_, validate_, where);
    } else {
      static_assert(parquet_internal::kIsRow<T>,
                    "Joist: Parquet is made of rows; declare the collection's type with "
                    "JOIST_ROW.");
      return PCollection<Invalid>(&rows.builder());
    }
  }

 private:
  template <class F>
  Write Changed(F change) const {
    Write changed = *this;
    change(changed.settings_);
    return changed;
  }

  WriteSettings settings_;
  bool validate_ = true;
};

}  // namespace joist::parquet

#endif  // JOIST_IO_PARQUET_PARQUET_H_
