// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// PagedArray<T>: an array of plain records that only grows, on Pages: for tables of many records
// that are touched at random. Not thread-safe.
//
// Invariants:
//  1. Records that were not written are of zero bytes.
//  2. The address of a record is good until the next Include.

#ifndef JOIST_BASE_PAGED_ARRAY_H_
#define JOIST_BASE_PAGED_ARRAY_H_

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <type_traits>
#include <utility>

#include "joist/base/pages.h"

namespace joist {

template <class T>
class PagedArray {
  static_assert(std::is_trivially_copyable_v<T> && alignof(T) <= 64);

 public:
  /// Makes room for records up to the `count`th.
  void Include(size_t count) {
    if (count <= room_) return;
    room_ = std::max({count, 2 * room_, kLeast});
    Pages larger(room_ * sizeof(T));
    if (pages_.size() > 0) std::memcpy(larger.data(), pages_.data(), pages_.size());
    pages_ = std::move(larger);
  }

  T* data() const { return static_cast<T*>(pages_.data()); }
  T& operator[](size_t i) { return data()[i]; }
  const T& operator[](size_t i) const { return data()[i]; }

 private:
  static constexpr size_t kLeast = 16;

  Pages pages_;
  size_t room_ = 0;
};

}  // namespace joist

#endif  // JOIST_BASE_PAGED_ARRAY_H_
