// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// CopyBytes: std::memcpy for pieces of text. Most are short and of a size that the compiler doesn't
// know; for those a call of the library's memcpy costs more than the copying.

#ifndef JOIST_BASE_COPY_BYTES_H_
#define JOIST_BASE_COPY_BYTES_H_

#include <cstddef>
#include <cstring>

namespace joist {

/// Copies kSize bytes from the beginning and kSize from the end, which may overlap: all of `size`
/// bytes where kSize <= size <= 2 * kSize. Loads everything before it stores.
template <size_t kSize>
[[gnu::always_inline]] inline void CopyBothEnds(char* to, const char* from, size_t size) {
  typedef char Piece __attribute__((vector_size(kSize)));
  Piece first, last;  // One register each, where an array would go through memory.
  std::memcpy(&first, from, kSize);
  std::memcpy(&last, from + size - kSize, kSize);
  std::memcpy(to, &first, kSize);
  std::memcpy(to + size - kSize, &last, kSize);
}

/// Copies `size` bytes; the ranges don't overlap. Either pointer may be null if `size` is 0.
[[gnu::always_inline]] inline void CopyBytes(char* to, const char* from, size_t size) {
  if (size > 16) {
    if (size <= 32) {
      CopyBothEnds<16>(to, from, size);
    } else if (size <= 64) {
      CopyBothEnds<32>(to, from, size);
    } else {
      std::memcpy(to, from, size);
    }
  } else if (size >= 8) {
    CopyBothEnds<8>(to, from, size);
  } else if (size >= 4) {
    CopyBothEnds<4>(to, from, size);
  } else if (size > 0) {
    to[0] = from[0];
    to[size / 2] = from[size / 2];
    to[size - 1] = from[size - 1];
  }
}

}  // namespace joist

#endif  // JOIST_BASE_COPY_BYTES_H_
