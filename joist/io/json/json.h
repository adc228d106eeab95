// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// JSON Lines (jsonlines.org: a JSON object on each line) straight into rows, and rows into them.
//
//   struct Order {
//     std::string customer;
//     int64_t cents = 0;
//     std::optional<std::string> note;
//   };
//   JOIST_ROW(Order, customer, cents, note)
//
//   p | "Read"  >> joist::json::Read<Order>("orders/*.json.gz")
//     | …
//     | "Write" >> joist::json::Write("out/orders").WithSuffix(".json");
//
// The mapping of types is that of joist/model/json.h. A field of the row that is missing in the
// JSON is an error unless it is a std::optional; fields of the JSON that the row doesn't have are
// skipped, so a row with fewer fields is a projection. Empty lines are skipped. The parser is
// strict (joist/io/json/cursor.h).
//
// A record that is wrong ends the job with one line that says which and why; after WithErrors() it
// goes to the output Errors instead. Files: as joist/io/text/text.h. Transforms are values; a With…
// function returns a changed copy.

#ifndef JOIST_IO_JSON_JSON_H_
#define JOIST_IO_JSON_JSON_H_

#include <cstdint>
#include <source_location>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "joist/io/files/line_reader.h"
#include "joist/io/files/read_files.h"
#include "joist/io/files/sharded_write.h"
#include "joist/io/json/cursor.h"
#include "joist/io/json/fields.h"
#include "joist/model/fields.h"
#include "joist/sdk/par_do.h"

namespace joist::json {

using files::BadRecord;
using files::Compression;
using files::EmptyMatch;
using files::Errors;

/// How JSON is read.
struct ReadSettings {
  Compression compression = Compression::kAuto;
  EmptyMatch empty_match = EmptyMatch::kRefuse;
  bool refuse_unknown_fields = false;
  uint64_t longest_record = 16 << 20;
};
JOIST_ROW(ReadSettings, compression, empty_match, refuse_unknown_fields, longest_record)

namespace json_rows_internal {

/// The lines of a file that hold records, and what is said of those that are wrong.
class RecordLines {
 public:
  static Result<RecordLines> Open(const std::string& path, const ReadSettings& settings,
                                  uint64_t begin, uint64_t end, std::vector<BadRecord>* bad);

  /// The next lines, blank ones among them; none after the last.
  Result<std::span<const std::string_view>> Next() { return lines_.Next(); }
  /// Notes that `line`, one of the last, is wrong; an error if nobody collects those.
  Status Refuse(std::string_view line, std::string reason);

  void Extend(uint64_t end) { lines_.Extend(end); }
  uint64_t raw_position() const { return lines_.raw_position(); }

 private:
  RecordLines(files::LineReader lines, std::string path, std::vector<BadRecord>* bad)
      : lines_(std::move(lines)), path_(std::move(path)), bad_(bad) {}
  files::LineReader lines_;
  std::string path_;
  std::vector<BadRecord>* bad_;
};

bool IsBlank(std::string_view line);

/// Takes one record, all of it.
template <class T>
bool TakeRecord(Cursor& in, std::string_view record, size_t slack, T* row) {
  in.Begin(record, slack);
  return Take(in, row) && in.AtEnd();
}

/// Records as files::FileSource reads them.
template <class T>
struct RowFormat {
  using Element = T;
  using Settings = ReadSettings;
  static constexpr std::string_view kRead = "json::Read";
  static constexpr std::string_view kReadAll = "json::ReadAll";
  static constexpr bool kFindsBadRecords = true;
  static consteval bool Check() {
    static_assert(files::kIsRow<T>, "Joist: json::Read<T> takes a T declared with JOIST_ROW.");
    return files::kIsRow<T>;
  }
  static bool IsSplittable(const ReadSettings&) { return true; }

  class Reader {
   public:
    using Item = T;
    static Result<Reader> Open(const std::string& path, const ReadSettings& settings,
                               uint64_t begin, uint64_t end, std::vector<BadRecord>* bad) {
      JOIST_ASSIGN_OR_RETURN(RecordLines lines, RecordLines::Open(path, settings, begin, end, bad));
      return Reader(std::move(lines), settings);
    }
    Result<bool> Next(std::span<T>* items) {
      for (;;) {
        JOIST_ASSIGN_OR_RETURN(const auto lines, lines_.Next());
        if (lines.empty()) return false;
        size_t count = 0;
        bool any_bad = false;
        for (const std::string_view line : lines) {
          if (TakeRecord(in_, line, files::LineReader::kSlack, &rows_[count])) {
            ++count;
          } else if (!IsBlank(line)) {
            any_bad = true;
            JOIST_RETURN_IF_ERROR(lines_.Refuse(line, in_.error()));
          }
        }
        *items = {rows_.data(), count};
        if (count > 0 || any_bad) return true;
      }
    }
    void Extend(uint64_t end) { lines_.Extend(end); }
    uint64_t raw_position() const { return lines_.raw_position(); }

   private:
    Reader(RecordLines lines, const ReadSettings& settings)
        : lines_(std::move(lines)), in_(settings.refuse_unknown_fields) {}
    RecordLines lines_;
    Cursor in_;
    std::vector<T> rows_ = std::vector<T>(files::LineReader::kBatch);
  };

  template <class Self>
  class Options : public files::ReadOptions<Self, RowFormat> {
   public:
    /// A field of the JSON that the row doesn't have is an error.
    Self RefuseUnknownFields() const {
      return this->Changed([](ReadSettings& settings) { settings.refuse_unknown_fields = true; });
    }
    /// A longer line is an error that ends the job; 16 MB by default.
    Self WithLongestRecord(uint64_t bytes) const {
      return this->Changed([&](ReadSettings& settings) { settings.longest_record = bytes; });
    }

   protected:
    using files::ReadOptions<Self, RowFormat>::ReadOptions;
  };
};

template <class T>
struct ParseFn {
  bool refuse_unknown_fields = false;

  void Process(std::string_view record, Emit<T> emit) const {
    Cursor in(refuse_unknown_fields);
    if (!TakeRecord(in, record, 0, emit.Room(1))) ThrowIfError(InvalidArgument(in.error()));
    emit.Advance(1);
  }
};
template <class T>
constexpr FieldList<ParseFn<T>, &ParseFn<T>::refuse_unknown_fields> JoistFields(const ParseFn<T>*) {
  return {"ParseFn", {"refuse_unknown_fields"}};
}

template <class T>
struct ParseGoodFn {
  bool refuse_unknown_fields = false;

  void Process(std::string_view record, Emit<T> emit, Emit<BadRecord, Errors> errors) const {
    Cursor in(refuse_unknown_fields);
    if (TakeRecord(in, record, 0, emit.Room(1))) {
      emit.Advance(1);
    } else {
      errors(BadRecord{"", 0, in.error(), std::string(record.substr(0, BadRecord::kShown))});
    }
  }
};
template <class T>
constexpr FieldList<ParseGoodFn<T>, &ParseGoodFn<T>::refuse_unknown_fields> JoistFields(
    const ParseGoodFn<T>*) {
  return {"ParseGoodFn", {"refuse_unknown_fields"}};
}

template <class T>
struct FormatFn {
  std::string text;

  static void Append(const T& row, std::string* out) { Put(row, out); }
  void Process(const T& row, Emit<std::string> emit) {
    text.clear();
    Append(row, &text);
    emit(std::string_view(text));
  }
};
template <class T>
constexpr FieldList<FormatFn<T>> JoistFields(const FormatFn<T>*) {
  return {"FormatFn", {}};
}

}  // namespace json_rows_internal

/// The records of the files that match a pattern, as rows of type T.
template <class T>
using Read = files::ReadFiles<json_rows_internal::RowFormat<T>>;

/// The same of the patterns of a collection.
template <class T>
using ReadAll = files::ReadAllFiles<json_rows_internal::RowFormat<T>>;

/// Each text of a collection as a row of type T.
template <class T>
class Parse : public Transform {
 public:
  explicit Parse(std::source_location where = std::source_location::current()) : Transform(where) {}

  Parse RefuseUnknownFields() const {
    Parse changed = *this;
    changed.refuse_unknown_fields_ = true;
    return changed;
  }
  /// Gives two outputs: the rows as Main, a BadRecord for each text that is wrong as Errors.
  auto WithErrors() const {
    return Composite(
        [refuse = refuse_unknown_fields_](const PCollection<std::string>& texts) {
          return texts | "Parse" >> ParDo(json_rows_internal::ParseGoodFn<T>{refuse});
        },
        where);
  }

  static constexpr std::string_view kKind = "json::Parse";
  auto Expand(const PCollection<std::string>& texts) const {
    if constexpr (files::kIsRow<T>) {
      return texts | "Parse" >> ParDo(json_rows_internal::ParseFn<T>{refuse_unknown_fields_});
    } else {
      static_assert(files::kIsRow<T>, "Joist: json::Parse<T> takes a T declared with JOIST_ROW.");
      return PCollection<Invalid>(&texts.builder());
    }
  }

 private:
  bool refuse_unknown_fields_ = false;
};

/// Each row as the text of a JSON object, on one line; fields in the order of JOIST_ROW, those
/// without a value as null.
struct FormatRows : Transform {
  explicit FormatRows(std::source_location where = std::source_location::current())
      : Transform(where) {}
  static constexpr std::string_view kKind = "json::Format";
  template <class T>
  auto Expand(const PCollection<T>& rows) const {
    if constexpr (std::is_same_v<T, Invalid>) {
      return rows;
    } else if constexpr (files::kIsRow<T>) {
      return rows | "Format" >> ParDo(json_rows_internal::FormatFn<T>());
    } else {
      static_assert(files::kIsRow<T>,
                    "Joist: JSON is made of rows; declare the collection's type with JOIST_ROW.");
      return PCollection<Invalid>(&rows.builder());
    }
  }
};

template <class T>
FormatRows Format(std::source_location where = std::source_location::current()) {
  return FormatRows(where);
}
inline FormatRows Format(std::source_location where = std::source_location::current()) {
  return FormatRows(where);
}

/// Writes each row as a line into files prefix-SSSSS-of-NNNNN; see text::Write. Keys of KVs are
/// destinations. The result holds the files' names.
class Write : public files::WriteTransform<Write> {
 public:
  explicit Write(std::string prefix, std::source_location where = std::source_location::current())
      : WriteTransform(std::move(prefix), where) {}

  static constexpr std::string_view kKind = "json::Write";
  template <class T>
  auto Expand(const PCollection<T>& rows) const {
    const auto lines = FormatRows(where).Expand(rows);
    if constexpr (std::is_same_v<std::remove_cvref_t<decltype(lines)>, PCollection<Invalid>>) {
      return lines;
    } else {
      return WriteRecords(lines);
    }
  }
  template <class T>
  auto Expand(const PCollection<KV<std::string, T>>& rows) const {
    if constexpr (files::kIsRow<T>) {
      return WriteRecords(
          rows | "Format" >> ParDo(files::FormatValues<T, json_rows_internal::FormatFn<T>>()));
    } else {
      static_assert(files::kIsRow<T>,
                    "Joist: JSON is made of rows; declare the values' type with JOIST_ROW.");
      return PCollection<Invalid>(&rows.builder());
    }
  }
};

}  // namespace joist::json

#endif  // JOIST_IO_JSON_JSON_H_
