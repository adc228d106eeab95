// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Zeroed memory straight from the system, asked for in huge pages: a table that is touched at
// random spends half of its time in the TLB otherwise. Elements are trivial; nothing is
// constructed.

#ifndef JOIST_BENCH_RIVALS_PAGES_H_
#define JOIST_BENCH_RIVALS_PAGES_H_

#include <sys/mman.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <utility>

namespace joist::bench {

template <typename T>
class Pages {
 public:
  Pages() = default;
  explicit Pages(size_t count) : count_(count) {
    mapped_bytes_ = (count * sizeof(T) + kHugePageBytes - 1) / kHugePageBytes * kHugePageBytes;
    // One huge page more than needed, so that there is an aligned beginning in it.
    const size_t reserved = mapped_bytes_ + kHugePageBytes;
    void* address = mmap(nullptr, reserved, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (address == MAP_FAILED) {
      std::perror("mmap");
      std::abort();
    }
    const uintptr_t start = reinterpret_cast<uintptr_t>(address);
    const uintptr_t aligned = (start + kHugePageBytes - 1) / kHugePageBytes * kHugePageBytes;
    if (aligned > start) munmap(address, aligned - start);
    const uintptr_t end = start + reserved, used_end = aligned + mapped_bytes_;
    if (end > used_end) munmap(reinterpret_cast<void*>(used_end), end - used_end);
    data_ = reinterpret_cast<T*>(aligned);
    madvise(data_, mapped_bytes_, MADV_HUGEPAGE);
  }
  Pages(Pages&& other) noexcept { *this = std::move(other); }
  Pages& operator=(Pages&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(count_, other.count_);
    std::swap(mapped_bytes_, other.mapped_bytes_);
    return *this;
  }
  ~Pages() {
    if (data_ != nullptr) munmap(data_, mapped_bytes_);
  }

  T* data() { return data_; }
  const T* data() const { return data_; }
  size_t size() const { return count_; }
  T& operator[](size_t i) { return data_[i]; }
  const T& operator[](size_t i) const { return data_[i]; }

 private:
  static constexpr size_t kHugePageBytes = 2 << 20;

  T* data_ = nullptr;
  size_t count_ = 0;
  size_t mapped_bytes_ = 0;
};

}  // namespace joist::bench

#endif  // JOIST_BENCH_RIVALS_PAGES_H_
