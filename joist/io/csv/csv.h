// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// CSV files (RFC 4180) as rows, and rows as CSV files.
//
//   struct Sale {
//     std::string shop;
//     int64_t cents = 0;
//     std::optional<double> discount;
//   };
//   JOIST_ROW(Sale, shop, cents, discount)
//
//   p | "Read"  >> joist::csv::Read<Sale>("sales/*.csv")
//     | …
//     | "Write" >> joist::csv::Write("out/sales").WithSuffix(".csv");
//
// A file's first record names its columns. Each field of the row takes the column of its name;
// other columns are skipped. A field without a column is an error unless it is a std::optional.
// What a field may be: joist/io/csv/fields.h; what a record is: joist/io/csv/record.h. An
// std::optional is empty where the file has the null text (by default: nothing) without quotes.
//
// A newline inside of quotes looks like any other to whoever begins in the middle of a file. So by
// default a file is read by one thread, which is always right; WithoutNewlinesInQuotes() says that
// there are none, and then files are cut and read by many. A file that has one all the same yields
// bad records there, never wrong rows without a word.
//
// A record that is wrong ends the job with one line that says which and why; after WithErrors() it
// goes to the output Errors instead. Files: as joist/io/text/text.h. Transforms are values; a With…
// function returns a changed copy.

#ifndef JOIST_IO_CSV_CSV_H_
#define JOIST_IO_CSV_CSV_H_

#include <algorithm>
#include <cstdint>
#include <source_location>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "joist/io/csv/fields.h"
#include "joist/io/csv/record.h"
#include "joist/io/files/block_reader.h"
#include "joist/io/files/read_files.h"
#include "joist/io/files/sharded_write.h"
#include "joist/model/fields.h"
#include "joist/sdk/par_do.h"

namespace joist::csv {

using files::BadRecord;
using files::Compression;
using files::EmptyMatch;
using files::Errors;

/// How CSV is read.
struct ReadSettings {
  Compression compression = Compression::kAuto;
  EmptyMatch empty_match = EmptyMatch::kRefuse;
  int8_t delimiter = ',';
  std::string null_text;
  bool has_header = true;
  std::vector<std::string> columns;  ///< Without a header; empty: those of the row.
  bool newlines_in_quotes = true;
  uint64_t longest_record = 16 << 20;
};
JOIST_ROW(ReadSettings, compression, empty_match, delimiter, null_text, has_header, columns,
          newlines_in_quotes, longest_record)

namespace csv_internal {

/// OK, or what is wrong with a delimiter or null text.
Status CheckDialect(char delimiter, std::string_view null_text);

/// The records of a file, or of a range of it, into rows that are known by their fields' entries.
class RecordReader {
 public:
  static Result<RecordReader> Open(const std::string& path, const ReadSettings& settings,
                                   std::span<const FieldEntry> fields, uint64_t begin, uint64_t end,
                                   std::vector<BadRecord>* bad);

  /// The next record that is right; false after the last one that begins in the range, and, with
  /// *any_bad set, after one that went to `bad`.
  Result<bool> Next(void* row, bool* any_bad);

  void Extend(uint64_t end) { end_ = std::max({end_, end, end > 0 ? least_end_ : 0}); }
  uint64_t raw_position() const { return block_.raw_position(); }

 private:
  RecordReader(files::BlockReader block, const ReadSettings& settings,
               std::span<const FieldEntry> fields, std::vector<BadRecord>* bad);

  /// Scans the record at the window's beginning, reading on as far as it goes; its bytes, or 0 at
  /// the end of the file.
  Result<size_t> ScanRecord();
  Status SkipByteOrderMark();
  /// Moves to the first line that begins in the file at `begin` or later.
  Status SkipTo(uint64_t begin);
  Status TakeHeader();
  Status SetColumns(const std::vector<std::string>& names);
  /// Takes the scanned record; what is wrong with it, or nothing.
  std::string TakeRecord(void* row);

  files::BlockReader block_;
  RecordScanner scanner_;
  std::span<const FieldEntry> fields_;
  std::vector<BadRecord>* bad_;
  std::string null_text_;
  uint64_t longest_record_;
  uint64_t end_ = UINT64_MAX;
  uint64_t least_end_ = 0;                ///< Of a range that isn't empty.
  std::vector<int32_t> field_of_column_;  ///< -1: no field.
  std::string scratch_;
};

/// Says in one static_assert what keeps T from being a row of CSV; true if nothing does.
template <class T>
consteval bool Check() {
  if constexpr (!IsRow<T>) {
    constexpr bool kIsRow = IsRow<T>;
    static_assert(kIsRow, "Joist: CSV files hold rows; declare the type with JOIST_ROW.");
    return false;
  } else {
    static_assert(RowFields<T>::kAreFields,
                  "Joist: a field of CSV is one value: no rows, lists or maps; JSON has those.");
    return RowFields<T>::kAreFields;
  }
}

/// Records as files::FileSource reads them.
template <class T>
struct RowFormat {
  using Element = T;
  using Settings = ReadSettings;
  static constexpr std::string_view kRead = "csv::Read";
  static constexpr std::string_view kReadAll = "csv::ReadAll";
  static constexpr bool kFindsBadRecords = true;
  static consteval bool Check() { return csv_internal::Check<T>(); }
  static bool IsSplittable(const ReadSettings& settings) { return !settings.newlines_in_quotes; }

  class Reader {
   public:
    using Item = T;
    static Result<Reader> Open(const std::string& path, const ReadSettings& settings,
                               uint64_t begin, uint64_t end, std::vector<BadRecord>* bad) {
      JOIST_ASSIGN_OR_RETURN(
          RecordReader records,
          RecordReader::Open(path, settings, {RowFields<T>::kEntries.all, RowFields<T>::kCount},
                             begin, end, bad));
      return Reader(std::move(records));
    }
    Result<bool> Next(std::span<T>* items) {
      size_t count = 0;
      bool any_bad = false;
      for (; count < kBatch; ++count) {
        JOIST_ASSIGN_OR_RETURN(const bool more, records_.Next(&rows_[count], &any_bad));
        if (!more) break;
      }
      *items = {rows_.data(), count};
      return count > 0 || any_bad;
    }
    void Extend(uint64_t end) { records_.Extend(end); }
    uint64_t raw_position() const { return records_.raw_position(); }

   private:
    static constexpr size_t kBatch = 1024;
    explicit Reader(RecordReader records) : records_(std::move(records)) {}
    RecordReader records_;
    std::vector<T> rows_ = std::vector<T>(kBatch);
  };

  template <class Self>
  class Options : public files::ReadOptions<Self, RowFormat> {
   public:
    /// Instead of a comma; one byte.
    Self WithDelimiter(char delimiter) const {
      return this->Changed(
          [&](ReadSettings& settings) { settings.delimiter = static_cast<int8_t>(delimiter); });
    }
    /// What stands for null, without quotes; by default nothing.
    Self WithNullText(std::string text) const {
      return this->Changed([&](ReadSettings& settings) { settings.null_text = std::move(text); });
    }
    /// The first record is data. The columns are these; by default the row's fields.
    Self WithoutHeader(std::vector<std::string> columns = {}) const {
      return this->Changed([&](ReadSettings& settings) {
        settings.has_header = false;
        settings.columns = std::move(columns);
      });
    }
    /// Each line is a record, so that a file can be read by many threads.
    Self WithoutNewlinesInQuotes() const {
      return this->Changed([](ReadSettings& settings) { settings.newlines_in_quotes = false; });
    }
    /// A longer record is an error that ends the job; 16 MB by default.
    Self WithLongestRecord(uint64_t bytes) const {
      return this->Changed([&](ReadSettings& settings) { settings.longest_record = bytes; });
    }

   protected:
    using files::ReadOptions<Self, RowFormat>::ReadOptions;
  };
};

template <class T>
struct FormatFn {
  int8_t delimiter = ',';
  std::string null_text;
  std::string text;

  void Append(const T& row, std::string* out) const {
    RowFields<T>::PutAll(row, {static_cast<char>(delimiter), null_text}, out);
  }
  void Process(const T& row, Emit<std::string> emit) {
    text.clear();
    Append(row, &text);
    emit(std::string_view(text));
  }
};
template <class T>
constexpr FieldList<FormatFn<T>, &FormatFn<T>::delimiter, &FormatFn<T>::null_text> JoistFields(
    const FormatFn<T>*) {
  return {"FormatFn", {"delimiter", "null_text"}};
}

}  // namespace csv_internal

/// The records of the files that match a pattern, as rows of type T.
template <class T>
using Read = files::ReadFiles<csv_internal::RowFormat<T>>;

/// The same of the patterns of a collection.
template <class T>
using ReadAll = files::ReadAllFiles<csv_internal::RowFormat<T>>;

/// Writes rows into files prefix-SSSSS-of-NNNNN, each with a header; see text::Write. Keys of KVs
/// are destinations. Lines end with "\n". The result holds the files' names. A null that is its
/// row's only field needs a null text: Read skips lines that hold nothing.
class Write : public files::WriteTransform<Write> {
 public:
  explicit Write(std::string prefix, std::source_location where = std::source_location::current())
      : WriteTransform(std::move(prefix), where) {}

  Write WithDelimiter(char delimiter) const {
    Write changed = *this;
    changed.delimiter_ = delimiter;
    return changed;
  }
  /// What stands for null; by default nothing. A text that is the same stands in quotes.
  Write WithNullText(std::string text) const {
    Write changed = *this;
    changed.null_text_ = std::move(text);
    return changed;
  }
  Write WithoutHeader() const {
    Write changed = *this;
    changed.has_header_ = false;
    return changed;
  }

  static constexpr std::string_view kKind = "csv::Write";
  template <class T>
  auto Expand(const PCollection<T>& rows) const {
    if constexpr (std::is_same_v<T, Invalid>) {
      return rows;
    } else if constexpr (csv_internal::Check<T>()) {
      return WithHeader<T>(rows.builder()).WriteRecords(rows | "Format" >> ParDo(FormatFn<T>()));
    } else {
      return PCollection<Invalid>(&rows.builder());
    }
  }
  template <class T>
  auto Expand(const PCollection<KV<std::string, T>>& rows) const {
    if constexpr (csv_internal::Check<T>()) {
      return WithHeader<T>(rows.builder())
          .WriteRecords(rows | "Format" >> ParDo(files::FormatValues<T, csv_internal::FormatFn<T>>{
                                               FormatFn<T>(), {}}));
    } else {
      return PCollection<Invalid>(&rows.builder());
    }
  }

 private:
  template <class T>
  csv_internal::FormatFn<T> FormatFn() const {
    return {static_cast<int8_t>(delimiter_), null_text_, {}};
  }
  template <class T>
  Write WithHeader(PipelineBuilder& builder) const {
    return WithHeader(builder, {RowFields<T>::kEntries.all, RowFields<T>::kCount});
  }
  Write WithHeader(PipelineBuilder& builder, std::span<const FieldEntry> fields) const;

  char delimiter_ = ',';
  std::string null_text_;
  bool has_header_ = true;
};

}  // namespace joist::csv

#endif  // JOIST_IO_CSV_CSV_H_
