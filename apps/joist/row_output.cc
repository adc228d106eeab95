// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "apps/joist/row_output.h"

#include <algorithm>
#include <cstddef>

#include "joist/serve/http_error.h"

namespace joist::apps {
namespace {

/// On one line: what would move the cursor is a blank.
std::string Shown(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; }, ' ');
  return text;
}

}  // namespace

std::string CsvField(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + '"';
}

std::string RowOutput::Text(RowFormat format) const {
  if (format == RowFormat::kJson) return Json();
  return format == RowFormat::kCsv ? Csv() : Table();
}

std::string RowOutput::Table() const {
  std::vector<size_t> widths;
  for (size_t i = 0; i < columns_.size(); ++i) {
    size_t width = columns_[i].size();
    for (const auto& row : rows_) width = std::max(width, row[i].size());
    widths.push_back(width + 2);
  }
  std::string out;
  const auto append = [&](const std::vector<std::string>& row) {
    for (size_t i = 0; i < row.size(); ++i) {
      std::string text = Shown(row[i]);
      if (i + 1 < row.size()) text.resize(widths[i], ' ');
      out += text;
    }
    out += '\n';
  };
  append(columns_);
  for (const auto& row : rows_) append(row);
  return out;
}

std::string RowOutput::Json() const {
  std::string out = "[";
  for (size_t i = 0; i < rows_.size(); ++i) {
    out += i == 0 ? "\n  {" : ",\n  {";
    for (size_t j = 0; j < columns_.size(); ++j) {
      out +=
          (j == 0 ? "" : ", ") + serve::JsonText(columns_[j]) + ": " + serve::JsonText(rows_[i][j]);
    }
    out += '}';
  }
  return out + (rows_.empty() ? "]\n" : "\n]\n");
}

std::string RowOutput::Csv() const {
  std::string out;
  const auto append = [&](const std::vector<std::string>& row) {
    for (size_t i = 0; i < row.size(); ++i) out += (i == 0 ? "" : ",") + CsvField(row[i]);
    out += "\r\n";
  };
  append(columns_);
  for (const auto& row : rows_) append(row);
  return out;
}

}  // namespace joist::apps
