// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Any text, cut anywhere, read through any block: always the lines of the naive reader. The input's
// first bytes choose the block's size and the cuts.

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "joist/io/files/line_reader.h"
#include "joist/io/files/naive_lines.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace joist;  // NOLINT(google-build-using-namespace)
  if (size < 4) return 0;
  const size_t block = 1 + data[0];
  std::vector<uint64_t> cuts = {0, data[1], data[2], uint64_t{data[3]} * 16, UINT64_MAX};
  std::sort(cuts.begin(), cuts.end());
  const std::string_view content(reinterpret_cast<const char*>(data + 4), size - 4);

  static const int file = memfd_create("lines", MFD_CLOEXEC);
  static const std::string path = "/proc/self/fd/" + std::to_string(file);
  JOIST_CHECK(ftruncate(file, 0) == 0);
  JOIST_CHECK(pwrite(file, content.data(), content.size(), 0) ==
              static_cast<ssize_t>(content.size()));

  std::vector<std::string> lines;
  for (size_t i = 0; i + 1 < cuts.size(); ++i) {
    Result<files::LineReader> reader = files::LineReader::Open(
        path, {.begin = cuts[i], .end = cuts[i + 1], .binary = true, .block_bytes = block});
    JOIST_CHECK(reader.ok());
    for (;;) {
      const auto batch = reader->Next();
      JOIST_CHECK(batch.ok());
      if (batch->empty()) break;
      lines.insert(lines.end(), batch->begin(), batch->end());
    }
  }
  JOIST_CHECK(lines == files::NaiveLines(content));
  return 0;
}
