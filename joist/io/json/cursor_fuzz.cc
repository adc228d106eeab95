// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Any text as a record: the cursor reads nothing outside of it, takes what the model's slow reader
// takes, and what it took comes back from its JSON.

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>

#include "joist/io/json/json.h"
#include "joist/io/json/test_rows.h"
#include "joist/model/json.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace joist;  // NOLINT(google-build-using-namespace)
  // In memory of its own size, so that a byte too far is noticed.
  const auto exact = std::make_unique<char[]>(size);
  std::copy_n(data, size, exact.get());
  const std::string_view text(exact.get(), size);

  json::Cursor lenient;
  json::WithOptional some;
  if (!json::json_rows_internal::TakeRecord(lenient, text, 0, &some)) {
    JOIST_CHECK(!lenient.error().empty());
  }

  json::Cursor strict(/*refuse_unknown_fields=*/true);
  json::Everything row;
  const bool taken = json::json_rows_internal::TakeRecord(strict, text, 0, &row);
  if (!taken) return 0;
  // The other way round is not so: the model doesn't look at what is given twice.
  Result<json::Everything> slow = FromJson<json::Everything>(text);
  JOIST_CHECK(slow.ok());
  slow->half = row.half;  // By way of a double there.
  JOIST_CHECK(EncodeToString(*slow) == EncodeToString(row));
  std::string again;
  json::Put(row, &again);
  json::Everything second;
  JOIST_CHECK(json::json_rows_internal::TakeRecord(strict, again, 0, &second));
  JOIST_CHECK(EncodeToString(second) == EncodeToString(row));
  return 0;
}
