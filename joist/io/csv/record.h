// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// RecordScanner: cuts text into records and fields as RFC 4180 has it, a record at a time. Belongs
// to one thread at a time.
//
//   * "\n" or "\r\n" ends a record, the last one needs none; lines that hold nothing are no
//   records.
//   * A field in quotes holds anything; "" in it is a quote. Without quotes a field holds no quote.
//     Blanks belong to fields.
//
// A record that breaks these rules has an error, and goes on to the end of its line, quotes or not,
// so that the records after it are read as if it were not there. A quote that is opened and never
// closed takes all that follows: nobody can tell where it should have ended.

#ifndef JOIST_IO_CSV_RECORD_H_
#define JOIST_IO_CSV_RECORD_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace joist::csv {

struct RecordField {
  std::string_view text;  ///< Without the quotes around it, and not yet unescaped.
  bool quoted = false;
  bool escaped = false;  ///< Whether it holds a doubled quote.
};

class RecordScanner {
 public:
  /// `newlines_in_quotes`: whether a quoted field may go on in the next line; otherwise that is an
  /// error of the record, which ends with its line.
  RecordScanner(char delimiter, bool newlines_in_quotes)
      : delimiter_(delimiter), newlines_in_quotes_(newlines_in_quotes) {}

  /// Scans the record at the beginning of `text`, behind which `slack` bytes may be read. Returns
  /// its bytes with its line's end, or 0 if it doesn't end in `text` and `at_end` is false.
  size_t Scan(std::string_view text, size_t slack, bool at_end);

  /// The fields of the last record; none if its line was empty.
  const std::vector<RecordField>& fields() const { return fields_; }
  /// What is wrong with the record, or nothing.
  std::string_view error() const { return error_; }

 private:
  /// What was found in some bytes of the text, so that fields close to each other share the work.
  struct Window {
    static constexpr size_t kBytes = 64;
    const char* begin = nullptr;
    uint64_t special = 0;  ///< Bit by byte: delimiters, newlines and quotes.
  };

  const char* FindEnd(const char* at, const char* end, const char* readable_end);

  char delimiter_;
  bool newlines_in_quotes_;
  std::vector<RecordField> fields_;
  std::string_view error_;
  Window window_;
  // Where the text goes on if the next one is the rest of the last one, for which window_ is good.
  const char* next_ = nullptr;
  const char* end_ = nullptr;
};

/// The text of a field, its doubled quotes undone in `scratch`.
std::string_view TextOf(const RecordField& field, std::string* scratch);

}  // namespace joist::csv

#endif  // JOIST_IO_CSV_RECORD_H_
