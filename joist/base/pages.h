// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Pages: a large zeroed piece of memory straight from the system, on huge pages where it has them.
// Tables that are touched at random live in one: a miss of the TLB costs as much as one of the
// cache. Movable; not thread-safe.

#ifndef JOIST_BASE_PAGES_H_
#define JOIST_BASE_PAGES_H_

#include <cstddef>
#include <utility>

namespace joist {

class Pages {
 public:
  Pages() = default;
  /// `size` bytes, all zero, aligned to 64. Throws std::bad_alloc.
  explicit Pages(size_t size);
  ~Pages();
  Pages(Pages&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  Pages& operator=(Pages&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }

  void* data() const { return data_; }
  size_t size() const { return size_; }

 private:
  void* data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace joist

#endif  // JOIST_BASE_PAGES_H_
