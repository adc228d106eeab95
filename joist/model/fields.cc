// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/model/fields.h"

#include <charconv>

namespace joist::fields_internal {

bool ParseNumber(std::string_view text, long long* number) {
  const char* end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, *number);
  return error == std::errc() && stopped == end && !text.empty();
}

}  // namespace joist::fields_internal
