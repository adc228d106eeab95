// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Arena: bump allocation of bytes that all die together. Batches keep their strings in one. Not
// thread-safe: one arena belongs to one thread at a time.
//
// Invariants:
//  1. What Allocate returned stays where it is until Reset or the arena's end.
//  2. Reset keeps the memory for reuse (up to kRetainBytes) and poisons it under AddressSanitizer,
//     so that a view kept too long is found by the sanitizer instead of by a customer.

#ifndef JOIST_BASE_ARENA_H_
#define JOIST_BASE_ARENA_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

namespace joist {

class Arena {
 public:
  static constexpr size_t kFirstChunkBytes = 4096;
  static constexpr size_t kLargestChunkBytes = 1 << 20;
  static constexpr size_t kRetainBytes = 4 << 20;

  Arena() = default;
  Arena(Arena&&) = default;
  Arena& operator=(Arena&&) = default;

  /// `size` bytes, aligned to one byte. Never null; size may be 0.
  char* Allocate(size_t size) {
    if (static_cast<size_t>(end_ - next_) < size) return AllocateSlow(size);
    char* result = next_;
    next_ += size;
    Unpoison(result, size);
    return result;
  }

  /// A copy of `bytes` that lives as long as the arena's contents.
  std::string_view Copy(std::string_view bytes) {
    char* copy = Allocate(bytes.size());
    if (!bytes.empty()) std::memcpy(copy, bytes.data(), bytes.size());
    return {copy, bytes.size()};
  }

  /// Gives back the last `count` bytes of the latest allocation, which then ends earlier.
  void Shrink(size_t count) { next_ -= count; }

  /// Makes room so that the next `size` bytes are contiguous, and returns where they will be.
  char* Reserve(size_t size) {
    char* start = Allocate(size);
    Shrink(size);
    return start;
  }

  /// Forgets everything allocated.
  void Reset();

  /// The chunk that the latest allocations lie in: [first, second). Older ones may lie elsewhere.
  std::pair<const char*, const char*> latest_chunk() const {
    return {chunks_.empty() ? nullptr : chunks_.back().data.get(), end_};
  }
  /// Bytes held from the system, used or not.
  size_t held_bytes() const { return held_bytes_; }
  bool empty() const { return chunks_.empty() || next_ == chunks_[0].data.get(); }

 private:
  struct Chunk {
    std::unique_ptr<char[]> data;
    size_t size;
  };

  char* AllocateSlow(size_t size);
  static void Unpoison(const char* data, size_t size);

  char* next_ = nullptr;
  char* end_ = nullptr;
  size_t held_bytes_ = 0;
  std::vector<Chunk> chunks_;
};

}  // namespace joist

#if defined(__SANITIZE_ADDRESS__)
#define JOIST_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define JOIST_ASAN 1
#endif
#endif

#ifdef JOIST_ASAN
#include <sanitizer/asan_interface.h>
#endif

inline void joist::Arena::Unpoison([[maybe_unused]] const char* data,
                                   [[maybe_unused]] size_t size) {
#ifdef JOIST_ASAN
  ASAN_UNPOISON_MEMORY_REGION(data, size);
#endif
}

#endif  // JOIST_BASE_ARENA_H_
