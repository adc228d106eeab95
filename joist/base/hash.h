// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Hashing of keys. The function is part of the format of checkpoints (it decides which key belongs
// to which key range), so it has a version, and its values are fixed by a test. Its construction is
// the 64x64 to 128 bit multiply-and-fold of wyhash (Wang Yi, 2019). Pure functions.
//
// The high bits are the better ones: tables and partitions take them, never the low ones.

#ifndef JOIST_BASE_HASH_H_
#define JOIST_BASE_HASH_H_

#include <cstdint>
#include <cstring>
#include <string_view>

namespace joist {

inline constexpr int kHashVersion = 1;

inline constexpr uint64_t kHashSeed0 = 0x9E3779B97F4A7C15u;
inline constexpr uint64_t kHashSeed1 = 0xD1B54A32D192ED03u;
inline constexpr uint64_t kHashSeed2 = 0x8CB92BA72F3D8DD7u;

/// The two halves of the 128-bit product of `a` and `b`, folded by xor.
inline uint64_t MultiplyFold(uint64_t a, uint64_t b) {
  const unsigned __int128 product = static_cast<unsigned __int128>(a) * b;
  return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}

/// Hash of one 64-bit word.
inline uint64_t HashWord(uint64_t word) { return MultiplyFold(word ^ kHashSeed0, kHashSeed1); }

/// Mixes the hash of one part into the hash of what came before it; not commutative.
inline uint64_t HashCombine(uint64_t before, uint64_t part) {
  return MultiplyFold(before ^ kHashSeed0, part ^ kHashSeed1);
}

/// The bytes of a key of at most 16 bytes as two little-endian words, zero-padded.
struct KeyPrefix {
  uint64_t low = 0;
  uint64_t high = 0;
  friend bool operator==(const KeyPrefix&, const KeyPrefix&) = default;
};

/// The first min(size, 16) bytes at `data`. Touches no byte outside [data, data + size).
inline KeyPrefix LoadPrefix(const char* data, size_t size) {
  KeyPrefix prefix;
  if (size >= 16) {
    std::memcpy(&prefix, data, 16);
  } else if (size >= 8) {
    std::memcpy(&prefix.low, data, 8);
    std::memcpy(&prefix.high, data + size - 8, 8);
    // Shifting by 64 is undefined; size == 8 leaves nothing for the high word.
    prefix.high = size == 8 ? 0 : prefix.high >> (8 * (16 - size));
  } else if (size >= 4) {
    uint32_t first, last;
    std::memcpy(&first, data, 4);
    std::memcpy(&last, data + size - 4, 4);
    prefix.low = first | static_cast<uint64_t>(last) << (8 * (size - 4));
  } else if (size > 0) {
    // Branchless for 1 to 3 bytes: first, middle and last overlap where there are fewer than three.
    const auto byte = [data](size_t i) {
      return static_cast<uint64_t>(static_cast<uint8_t>(data[i]));
    };
    prefix.low =
        byte(0) | byte(size >> 1) << (8 * (size >> 1)) | byte(size - 1) << (8 * (size - 1));
  }
  return prefix;
}

/// Hash of a key of at most 16 bytes given by its prefix and size.
inline uint64_t HashPrefix(KeyPrefix prefix, size_t size) {
  return MultiplyFold(prefix.low ^ kHashSeed0, prefix.high ^ kHashSeed1 ^ size << 59);
}

/// Hash of any bytes. HashBytes(s) == HashPrefix(LoadPrefix(s), s.size()) where s.size() <= 16.
inline uint64_t HashBytes(std::string_view bytes) {
  if (bytes.size() <= 16) {
    return HashPrefix(LoadPrefix(bytes.data(), bytes.size()), bytes.size());
  }
  const char* data = bytes.data();
  size_t left = bytes.size();
  uint64_t state = kHashSeed0;
  while (left > 16) {
    uint64_t a, b;
    std::memcpy(&a, data, 8);
    std::memcpy(&b, data + 8, 8);
    state = MultiplyFold(a ^ state, b ^ kHashSeed2);
    data += 16;
    left -= 16;
  }
  const KeyPrefix tail = LoadPrefix(data, left);
  return MultiplyFold(MultiplyFold(tail.low ^ state, tail.high ^ kHashSeed1) ^ bytes.size(),
                      kHashSeed2);
}

}  // namespace joist

#endif  // JOIST_BASE_HASH_H_
