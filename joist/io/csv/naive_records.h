// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// For tests: the records of a CSV text, a byte at a time.

#ifndef JOIST_IO_CSV_NAIVE_RECORDS_H_
#define JOIST_IO_CSV_NAIVE_RECORDS_H_

#include <string>
#include <string_view>
#include <vector>

namespace joist::csv {

struct NaiveRecord {
  std::vector<std::string> fields;
  bool wrong = false;
  friend bool operator==(const NaiveRecord& a, const NaiveRecord& b) {
    return a.wrong == b.wrong && (a.wrong || a.fields == b.fields);
  }
};

inline std::vector<NaiveRecord> NaiveRecords(std::string_view text, char delimiter) {
  enum { kBegin, kPlain, kQuoted, kBehindQuote } state = kBegin;
  std::vector<NaiveRecord> records;
  NaiveRecord record;
  std::string field;
  bool any_quotes = false;
  bool pending = false;  // A record has begun.
  const auto end_record = [&] {
    record.fields.push_back(field);
    if (record.fields.size() > 1 || !field.empty() || any_quotes) records.push_back(record);
    record = {};
    field.clear();
    any_quotes = pending = false;
    state = kBegin;
  };
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    pending = true;
    if (state == kQuoted) {
      if (c != '"') {
        field += c;
      } else if (i + 1 < text.size() && text[i + 1] == '"') {
        field += '"';
        ++i;
      } else {
        state = kBehindQuote;
      }
    } else if (c == '\n') {
      end_record();
    } else if (c == '\r' && i + 1 < text.size() && text[i + 1] == '\n') {
      end_record();
      ++i;
    } else if (c == delimiter) {
      record.fields.push_back(field);
      field.clear();
      state = kBegin;
    } else if (state == kBegin && c == '"') {
      state = kQuoted;
      any_quotes = true;
    } else {
      if (state == kBehindQuote || c == '"') record.wrong = true;
      if (state == kBegin) state = kPlain;
      field += c;
    }
  }
  if (state == kQuoted) record.wrong = true;
  if (pending) end_record();
  return records;
}

}  // namespace joist::csv

#endif  // JOIST_IO_CSV_NAIVE_RECORDS_H_
