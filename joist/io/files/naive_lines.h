// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// What the lines of a text are, said as simply as possible: the oracle of line_reader's tests.

#ifndef JOIST_IO_FILES_NAIVE_LINES_H_
#define JOIST_IO_FILES_NAIVE_LINES_H_

#include <string>
#include <string_view>
#include <vector>

namespace joist::files {

inline std::vector<std::string> NaiveLines(std::string_view text) {
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  std::vector<std::string> lines;
  while (!text.empty()) {
    const size_t newline = text.find('\n');
    std::string_view line = text.substr(0, newline);
    if (newline == std::string_view::npos) {
      text = {};
    } else {
      if (line.ends_with('\r')) line.remove_suffix(1);
      text.remove_prefix(newline + 1);
    }
    lines.emplace_back(line);
  }
  return lines;
}

}  // namespace joist::files

#endif  // JOIST_IO_FILES_NAIVE_LINES_H_
