// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Numbers in as few bytes as they need: seven bits a byte, the lowest first, the high bit where
// more follow.

#ifndef JOIST_STORE_LOG_VARINT_H_
#define JOIST_STORE_LOG_VARINT_H_

#include <cstdint>
#include <string>
#include <string_view>

namespace joist::store {

inline void PutVarint(uint64_t number, std::string* out) {
  for (; number >= 0x80; number >>= 7) *out += static_cast<char>(number | 0x80);
  *out += static_cast<char>(number);
}

/// Takes a number from the beginning of `bytes`; false where there is none.
inline bool TakeVarint(std::string_view* bytes, uint64_t* number) {
  *number = 0;
  for (int shift = 0; shift < 64 && !bytes->empty(); shift += 7) {
    const auto byte = static_cast<unsigned char>(bytes->front());
    bytes->remove_prefix(1);
    *number |= uint64_t{byte & 0x7Fu} << shift;
    if (byte < 0x80) return true;
  }
  return false;
}

}  // namespace joist::store

#endif  // JOIST_STORE_LOG_VARINT_H_
