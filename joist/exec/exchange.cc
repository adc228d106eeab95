// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/exec/exchange.h"

#include <cstring>

namespace joist {

uint32_t PartitionOfText(std::string_view text, bool is_word) {
  if (!is_word) return PartitionOfHash(HashOfKey(text));
  uint64_t word;
  JOIST_CHECK(text.size() == sizeof(word));
  std::memcpy(&word, text.data(), sizeof(word));
  return PartitionOfHash(HashOfKey(word));
}

}  // namespace joist
