// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Any text as CSV: the records of the naive reader, nothing read outside of the text.

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>

#include "joist/base/status.h"
#include "joist/io/csv/naive_records.h"
#include "joist/io/csv/record.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace joist;  // NOLINT(google-build-using-namespace)
  // In memory of its own size, so that a byte too far is noticed.
  const auto exact = std::make_unique<char[]>(size);
  std::copy_n(data, size, exact.get());
  std::string_view text(exact.get(), size);

  const std::vector<csv::NaiveRecord> expected = csv::NaiveRecords(text, ',');
  csv::RecordScanner scanner(',', /*newlines_in_quotes=*/true);
  std::string scratch;
  for (size_t i = 0; !text.empty();) {
    const size_t bytes = scanner.Scan(text, 0, /*at_end=*/true);
    JOIST_CHECK(bytes > 0 && bytes <= text.size());
    text.remove_prefix(bytes);
    if (scanner.fields().empty()) continue;
    csv::NaiveRecord record{{}, !scanner.error().empty()};
    for (const csv::RecordField& field : scanner.fields()) {
      record.fields.emplace_back(csv::TextOf(field, &scratch));
    }
    JOIST_CHECK(i < expected.size() && record == expected[i]);
    ++i;
  }
  return 0;
}
