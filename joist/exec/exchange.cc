// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/exec/exchange.h"

#include <cstring>

namespace joist {

int LaneOfText(std::string_view text, bool is_word, int lanes) {
  if (!is_word) return LaneOfHash(HashOfKey(text), lanes);
  uint64_t word;
  JOIST_CHECK(text.size() == sizeof(word));
  std::memcpy(&word, text.data(), sizeof(word));
  return LaneOfHash(HashOfKey(word), lanes);
}

}  // namespace joist
