// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// RowOutput: what a command found, as a table for people, JSON or CSV. A value of one thread.

#ifndef JOIST_APPS_JOIST_ROW_OUTPUT_H_
#define JOIST_APPS_JOIST_ROW_OUTPUT_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "joist/model/fields.h"

namespace joist::apps {

enum class RowFormat : uint8_t { kTable, kJson, kCsv };
JOIST_ENUM(RowFormat, kTable, kJson, kCsv)

/// A field of CSV, between quotation marks where RFC 4180 asks for them.
std::string CsvField(const std::string& text);

class RowOutput {
 public:
  explicit RowOutput(std::vector<std::string> columns) : columns_(std::move(columns)) {}

  /// As many texts as there are columns.
  void Add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  /// JSON is an array of objects, whose values are texts.
  std::string Text(RowFormat format) const;

 private:
  std::string Table() const;
  std::string Json() const;
  std::string Csv() const;

  const std::vector<std::string> columns_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace joist::apps

#endif  // JOIST_APPS_JOIST_ROW_OUTPUT_H_
