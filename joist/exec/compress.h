// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Compress: the items of an array that are to be kept, one after the other. Pure.

#ifndef JOIST_EXEC_COMPRESS_H_
#define JOIST_EXEC_COMPRESS_H_

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#if defined(__AVX2__) && defined(__BMI2__)
#include <immintrin.h>

#include <array>
#endif

namespace joist {

/// Copies items[i] to `to`, in order, for those i below `count` where keep[i] is 1 (else it is 0).
/// Returns their number. `to` has room for `count` items and overlaps nothing. Without a branch
/// that depends on the data.
template <class Item>
size_t Compress(const Item* items, const uint8_t* keep, size_t count, Item* to) {
  static_assert(std::is_trivially_copyable_v<Item>);
  size_t kept = 0;
  size_t i = 0;
#if defined(__AVX2__) && defined(__BMI2__)
  if constexpr (sizeof(Item) == 8) {
    // Four at a time: for each set of four bits the permutation that moves its items to the front.
    alignas(32) static constexpr auto kMoves = [] {
      std::array<std::array<uint32_t, 8>, 16> moves{};
      for (uint32_t set = 0; set < 16; ++set) {
        for (uint32_t from = 0, at = 0; from < 4; ++from) {
          if ((set >> from & 1) == 0) continue;
          moves[set][at++] = 2 * from;
          moves[set][at++] = 2 * from + 1;
        }
      }
      return moves;
    }();
    for (; i + 4 <= count; i += 4) {
      uint32_t bytes;
      std::memcpy(&bytes, keep + i, 4);
      const uint32_t set = _pext_u32(bytes, 0x01010101);
      const __m256i four = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(items + i));
      const __m256i move = _mm256_load_si256(reinterpret_cast<const __m256i*>(kMoves[set].data()));
      // Writes four; kept <= i, so what is too many is still inside of `to`.
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + kept),
                          _mm256_permutevar8x32_epi32(four, move));
      kept += static_cast<size_t>(std::popcount(set));
    }
  }
#endif
  for (; i < count; ++i) {
    to[kept] = items[i];
    kept += keep[i];
  }
  return kept;
}

}  // namespace joist

#endif  // JOIST_EXEC_COMPRESS_H_
