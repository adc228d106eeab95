// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Arena: bump allocation of bytes that all die together. Batches keep their strings in one. Not
// thread-safe: one arena belongs to one thread at a time.
//
// Invariants:
//  1. What Allocate returned stays where it is until Reset or the arena's end; moving the arena
//     moves no bytes.
//  2. Reset keeps the memory for reuse (up to kRetainBytes) and poisons it under AddressSanitizer,
//     so that a view kept too long is found by the sanitizer instead of by a customer.
//  3. No function that isn't inlined is given the arena's address, not even where an exception
//     unwinds. A loop that moves an arena into a local variable therefore has its pointers in
//     registers: otherwise each character that is stored might change them, and they'd be loaded
//     again for each element.

#ifndef JOIST_BASE_ARENA_H_
#define JOIST_BASE_ARENA_H_

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

#include "joist/base/copy_bytes.h"

namespace joist {

class Arena {
 public:
  static constexpr size_t kFirstChunkBytes = 4096;
  static constexpr size_t kLargestChunkBytes = 1 << 20;
  static constexpr size_t kRetainBytes = 4 << 20;

  Arena() = default;
  [[gnu::always_inline]] Arena(Arena&& other) noexcept
      : latest_(std::exchange(other.latest_, nullptr)),
        next_(std::exchange(other.next_, nullptr)),
        end_(std::exchange(other.end_, nullptr)) {}
  [[gnu::always_inline]] Arena& operator=(Arena&& other) noexcept {
    if (latest_ != nullptr) Free(latest_);
    latest_ = std::exchange(other.latest_, nullptr);
    next_ = std::exchange(other.next_, nullptr);
    end_ = std::exchange(other.end_, nullptr);
    return *this;
  }
  [[gnu::always_inline]] ~Arena() {
    if (latest_ != nullptr) Free(latest_);
  }

  /// `size` bytes, aligned to one byte. Never null; size may be 0.
  [[gnu::always_inline]] char* Allocate(size_t size) {
    if (static_cast<size_t>(end_ - next_) < size || latest_ == nullptr) [[unlikely]] {
      latest_ = AddChunk(latest_, size);
      next_ = latest_->data();
      end_ = latest_->end;
    }
    char* result = next_;
    next_ += size;
    Unpoison(result, size);
    return result;
  }

  /// A copy of `bytes` that lives as long as the arena's contents.
  std::string_view Copy(std::string_view bytes) {
    char* copy = Allocate(bytes.size());
    CopyBytes(copy, bytes.data(), bytes.size());
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
  void Reset() {
    if (latest_ == nullptr) return;
    latest_ = KeepOne(latest_);
    next_ = latest_ == nullptr ? nullptr : latest_->data();
    end_ = latest_ == nullptr ? nullptr : latest_->end;
  }

  /// The chunk that the latest allocations lie in: [first, second). Older ones may lie elsewhere.
  std::pair<const char*, const char*> latest_chunk() const {
    return {reinterpret_cast<const char*>(latest_), end_};
  }
  /// Bytes held from the system, used or not.
  size_t held_bytes() const { return latest_ == nullptr ? 0 : latest_->held; }
  bool empty() const {
    return latest_ == nullptr || (latest_->previous == nullptr && next_ == latest_->data());
  }

 private:
  /// The head of a chunk; its bytes follow.
  struct Chunk {
    Chunk* previous;
    char* end;
    size_t held;  ///< Bytes of this chunk and those before.
    char* data() { return reinterpret_cast<char*>(this + 1); }
    size_t size() { return static_cast<size_t>(end - data()); }
  };

  static Chunk* AddChunk(Chunk* latest, size_t size);
  static Chunk* KeepOne(Chunk* latest);
  static void Free(Chunk* latest);
  static void Unpoison(const char* data, size_t size);

  Chunk* latest_ = nullptr;
  char* next_ = nullptr;
  char* end_ = nullptr;
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
