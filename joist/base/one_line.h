// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#ifndef JOIST_BASE_ONE_LINE_H_
#define JOIST_BASE_ONE_LINE_H_

#include <string>
#include <string_view>

namespace joist {

/// Another library's message of several lines in one, each run of blanks a space. What DuckDB draws
/// beneath the line of a query, to show where in it, is dropped at the end.
inline std::string OneLine(std::string_view text) {
  std::string line;
  for (const char c : text) {
    const bool blank = c == '\n' || c == '\r' || c == '\t' || c == ' ';
    if (!blank) {
      line += c;
    } else if (!line.empty() && line.back() != ' ') {
      line += ' ';
    }
  }
  while (!line.empty() && (line.back() == ' ' || line.back() == '^')) line.pop_back();
  return line;
}

}  // namespace joist

#endif  // JOIST_BASE_ONE_LINE_H_
