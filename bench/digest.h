// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Digest: what a measured run leaves behind so that its whole result can be compared, key by key,
// with everybody else's. Each entry (a key with its values) is hashed, and the hashes are summed in
// two independent ways; the order of entries does not matter, a wrong key does. Also the multiplier
// and mixer that the generated inputs are made of. Pure values.

#ifndef JOIST_BENCH_DIGEST_H_
#define JOIST_BENCH_DIGEST_H_

#include <cstdint>
#include <cstring>
#include <string_view>

namespace joist::bench {

/// The finalizer of splitmix64: a bijection that makes an index look random.
inline uint64_t SplitMix64(uint64_t x) {
  x += 0x9E3779B97F4A7C15u;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
  return x ^ (x >> 31);
}

/// A hash of bytes that shares nothing with joist/base/hash.h, so that neither checks itself.
inline uint64_t DigestBytes(std::string_view bytes) {
  uint64_t state = bytes.size();
  size_t i = 0;
  for (; i + 8 <= bytes.size(); i += 8) {
    uint64_t word;
    std::memcpy(&word, bytes.data() + i, 8);
    state = SplitMix64(state ^ word);
  }
  uint64_t tail = 0;
  std::memcpy(&tail, bytes.data() + i, bytes.size() - i);
  return SplitMix64(state ^ tail);
}

struct Digest {
  uint64_t entries = 0;
  uint64_t sum = 0;
  uint64_t mixed_sum = 0;

  void Add(uint64_t entry_hash) {
    ++entries;
    sum += entry_hash;
    mixed_sum += entry_hash * (entry_hash >> 32 | 1);
  }
  /// An entry of a key with two values, cheap enough for the inside of a measured loop.
  void AddGroup(uint64_t key, uint64_t count, uint64_t total) {
    Add((key * 0xD6E8FEB86659FD93u ^ total) * 0xBF58476D1CE4E5B9u ^
        (key + count) * 0x94D049BB133111EBu);
  }
  void Merge(const Digest& other) {
    entries += other.entries;
    sum += other.sum;
    mixed_sum += other.mixed_sum;
  }
  friend bool operator==(const Digest&, const Digest&) = default;
};

}  // namespace joist::bench

#endif  // JOIST_BENCH_DIGEST_H_
