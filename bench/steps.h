// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// The five steps that everybody runs on int64 and on strings of 40 bytes, and what they read. A
// rival joins them in its own way but calls these very functions, as the Joist pipelines do. Every
// function is pure; the string maps write into whatever offers `char* Allocate(size_t)`. They are
// always inlined, as a function that is written in one place only would be.

#ifndef JOIST_BENCH_STEPS_H_
#define JOIST_BENCH_STEPS_H_

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "bench/digest.h"
#include "joist/base/copy_bytes.h"

namespace joist::bench {

/// Elements are the indices [0, n) themselves. Map, map, filter, map, filter; 49/64 come through.
namespace int64_steps {

inline int64_t Scale(int64_t x) { return x * 3 + 1; }
inline int64_t Mix(int64_t x) { return x ^ (x >> 7); }
inline bool Keep(int64_t x) { return (x & 7) != 0; }
inline int64_t Shift(int64_t x) { return x + 12345; }
inline bool Select(int64_t x) { return (x & 0x70) != 0x30; }

/// Five maps, for what is fused at compile time.
inline int64_t Fold(int64_t x) { return x - (x >> 3); }
inline int64_t Flip(int64_t x) { return x ^ 0x5555; }

}  // namespace int64_steps

/// Elements are views into a pool of strings that stands ready: reading them costs nothing. Map,
/// map, filter, map, filter.
namespace string_steps {

inline constexpr size_t kStringBytes = 40;
inline constexpr size_t kPoolStrings = 4096;

class Pool {
 public:
  Pool() : bytes_(kPoolStrings * kStringBytes, ' ') {
    for (size_t i = 0; i < bytes_.size(); ++i) {
      bytes_[i] = static_cast<char>('a' + (SplitMix64(i) >> 32) % 26);
    }
  }
  /// The element at `index` of the endless sequence.
  std::string_view operator[](uint64_t index) const {
    return {bytes_.data() + (index % kPoolStrings) * kStringBytes, kStringBytes};
  }

 private:
  std::string bytes_;
};

template <typename Arena>
[[gnu::always_inline]] inline std::string_view Capitalize(std::string_view s, Arena& arena) {
  char* out = arena.Allocate(s.size());
  CopyBytes(out, s.data(), s.size());
  out[0] = static_cast<char>(out[0] & ~0x20);
  return {out, s.size()};
}

template <typename Arena>
[[gnu::always_inline]] inline std::string_view Rotate(std::string_view s, Arena& arena) {
  char* out = arena.Allocate(s.size());
  CopyBytes(out, s.data() + 8, s.size() - 8);
  std::memcpy(out + s.size() - 8, s.data(), 8);
  return {out, s.size()};
}

inline bool Keep(std::string_view s) { return s[3] != 'q'; }

template <typename Arena>
[[gnu::always_inline]] inline std::string_view Mark(std::string_view s, Arena& arena) {
  char* out = arena.Allocate(s.size());
  CopyBytes(out, s.data(), s.size());
  out[s.size() - 1] = '.';
  return {out, s.size()};
}

inline bool Select(std::string_view s) { return s[11] != 'z'; }

/// The same maps for those who hold a std::string, which they may change in place.
inline void CapitalizeInPlace(std::string& s) { s[0] = static_cast<char>(s[0] & ~0x20); }
inline void RotateInPlace(std::string& s) {
  char head[8];
  std::memcpy(head, s.data(), 8);
  std::memmove(s.data(), s.data() + 8, s.size() - 8);
  std::memcpy(s.data() + s.size() - 8, head, 8);
}
inline void MarkInPlace(std::string& s) { s[s.size() - 1] = '.'; }

}  // namespace string_steps

/// The end of the steps: what every element is added to. kExact hashes every element, which costs
/// more than the steps themselves and is done in the checking round; the measured rounds count and
/// sum what they see, which an optimizer cannot leave out.
template <bool kExact>
struct StepSink {
  Digest digest;

  void Add(int64_t x) {
    if constexpr (kExact) {
      digest.Add(SplitMix64(static_cast<uint64_t>(x)));
    } else {
      ++digest.entries;
      digest.sum += static_cast<uint64_t>(x);
    }
  }
  void Add(std::string_view s) {
    if constexpr (kExact) {
      digest.Add(DigestBytes(s));
    } else {
      uint64_t first, last;
      std::memcpy(&first, s.data(), 8);
      std::memcpy(&last, s.data() + s.size() - 8, 8);
      ++digest.entries;
      digest.sum += first ^ last;
    }
  }
};

}  // namespace joist::bench

#endif  // JOIST_BENCH_STEPS_H_
