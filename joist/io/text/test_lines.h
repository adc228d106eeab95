// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// LinesOf: a file's lines, for tests. Throws StatusException.

#ifndef JOIST_IO_TEXT_TEST_LINES_H_
#define JOIST_IO_TEXT_TEST_LINES_H_

#include <string>
#include <vector>

#include "joist/io/files/line_reader.h"

namespace joist::text {

inline std::vector<std::string> LinesOf(const std::string& path) {
  std::vector<std::string> lines;
  Result<files::LineReader> reader = files::LineReader::Open(path);
  ThrowIfError(reader.status());
  for (;;) {
    const auto batch = reader->Next();
    ThrowIfError(batch.status());
    if (batch->empty()) return lines;
    lines.insert(lines.end(), batch->begin(), batch->end());
  }
}

}  // namespace joist::text

#endif  // JOIST_IO_TEXT_TEST_LINES_H_
