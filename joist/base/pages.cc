// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/base/pages.h"

#include <sys/mman.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>

namespace joist {
namespace {

constexpr size_t kHugePage = size_t{2} << 20;
// Below this, the allocator's own memory is as good and comes without a system call.
constexpr size_t kLeastMapped = size_t{1} << 20;

size_t Mapped(size_t size) { return (size + kHugePage - 1) & ~(kHugePage - 1); }

}  // namespace

Pages::Pages(size_t size) : size_(size) {
  if (size == 0) return;
  if (size < kLeastMapped) {
    data_ = std::aligned_alloc(64, (size + 63) & ~size_t{63});
    if (data_ == nullptr) throw std::bad_alloc();
    std::memset(data_, 0, size);
    return;
  }
  // A huge page must be aligned to its size: map one more and give back what sticks out.
  const size_t mapped = Mapped(size);
  char* const start = static_cast<char*>(mmap(nullptr, mapped + kHugePage, PROT_READ | PROT_WRITE,
                                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
  if (start == MAP_FAILED) throw std::bad_alloc();
  char* const aligned = reinterpret_cast<char*>(
      (reinterpret_cast<uintptr_t>(start) + kHugePage - 1) & ~(kHugePage - 1));
  if (aligned != start) munmap(start, static_cast<size_t>(aligned - start));
  const size_t behind = static_cast<size_t>(start + kHugePage - aligned);
  if (behind > 0) munmap(aligned + mapped, behind);
  madvise(aligned, mapped, MADV_HUGEPAGE);
  data_ = aligned;
}

Pages::~Pages() {
  if (data_ == nullptr) return;
  if (size_ < kLeastMapped) {
    std::free(data_);
  } else {
    munmap(data_, Mapped(size_));
  }
}

}  // namespace joist
