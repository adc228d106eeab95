// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Whether a code point is a letter (Unicode's general category L). Pure functions.

#ifndef JOIST_IO_TEXT_LETTERS_H_
#define JOIST_IO_TEXT_LETTERS_H_

#include <cstddef>
#include <cstdint>

namespace joist::text {

/// Blocks of 256 code points that may hold letters.
inline constexpr uint32_t kLetterBlocks = 788;
/// For each block the row of kLetterBits with a bit for each of its code points.
extern const uint8_t kLetterBlock[kLetterBlocks];
extern const uint64_t kLetterBits[][4];

inline bool IsLetter(uint32_t code_point) {
  const uint32_t block = code_point >> 8;
  if (block >= kLetterBlocks) return false;
  return kLetterBits[kLetterBlock[block]][code_point >> 6 & 3] >> (code_point & 63) & 1;
}

/// Decodes the character at `text`, of which at least one byte is there, and says how many bytes it
/// has. Of bytes that are not UTF-8 (overlong forms and surrogates included) each is a character of
/// its own, U+FFFD.
inline uint32_t DecodeUtf8(const char* text, size_t left, size_t* size) {
  const auto byte = [&](size_t i) { return static_cast<uint32_t>(static_cast<uint8_t>(text[i])); };
  const auto follows = [&](size_t i) { return (byte(i) & 0xC0) == 0x80; };
  const uint32_t first = byte(0);
  *size = 1;
  if (first < 0x80) return first;
  if (first >= 0xC2 && first < 0xE0 && left >= 2 && follows(1)) {
    *size = 2;
    return (first & 0x1F) << 6 | (byte(1) & 0x3F);
  }
  if (first >= 0xE0 && first < 0xF0 && left >= 3 && follows(1) && follows(2)) {
    const uint32_t code = (first & 0x0F) << 12 | (byte(1) & 0x3F) << 6 | (byte(2) & 0x3F);
    if (code >= 0x800 && (code < 0xD800 || code > 0xDFFF)) {
      *size = 3;
      return code;
    }
  }
  if (first >= 0xF0 && first < 0xF5 && left >= 4 && follows(1) && follows(2) && follows(3)) {
    const uint32_t code =
        (first & 0x07) << 18 | (byte(1) & 0x3F) << 12 | (byte(2) & 0x3F) << 6 | (byte(3) & 0x3F);
    if (code >= 0x10000 && code <= 0x10FFFF) {
      *size = 4;
      return code;
    }
  }
  return 0xFFFD;
}

}  // namespace joist::text

#endif  // JOIST_IO_TEXT_LETTERS_H_
