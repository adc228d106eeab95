// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// PageCache: the pages of something on disk that one thread has loaded. What a function looks at
// stays until it returns; what is looked at often stays longer.

#ifndef JOIST_EXEC_PAGE_CACHE_H_
#define JOIST_EXEC_PAGE_CACHE_H_

#include <cstdint>
#include <memory>
#include <unordered_map>
#include <utility>

#include "joist/exec/memory.h"

namespace joist {

/// `P` has held_bytes(). Two generations: a page that is not looked at while one generation fills
/// up goes with the next.
template <class P>
class PageCache {
 public:
  explicit PageCache(MemoryBudget* memory)
      : use_(memory), most_bytes_(memory == nullptr ? INT64_MAX : memory->reader_part()) {}

  /// Page `number`, made by load(number) (a std::unique_ptr) if it isn't there. Good until
  /// BeginCall.
  template <class Load>
  const P& Get(size_t number, Load load) {
    std::unique_ptr<const P>& page = young_[number];
    if (page == nullptr) {
      if (const auto old = old_.find(number); old != old_.end() && old->second != nullptr) {
        page = std::move(old->second);
        old_bytes_ -= page->held_bytes();
      } else {
        page = load(number);
      }
      young_bytes_ += page->held_bytes();
      use_.Set(young_bytes_ + old_bytes_);
    }
    return *page;
  }
  /// Nobody holds what Get returned any more.
  void BeginCall() {
    if (young_bytes_ > most_bytes_ / 2) [[unlikely]]
      Age();
  }

 private:
  void Age() {
    old_ = std::move(young_);
    young_.clear();
    old_bytes_ = std::exchange(young_bytes_, 0);
    use_.Set(old_bytes_);
  }

  using Pages = std::unordered_map<size_t, std::unique_ptr<const P>>;
  MemoryUse use_;
  int64_t most_bytes_;
  Pages young_, old_;
  int64_t young_bytes_ = 0;
  int64_t old_bytes_ = 0;
};

}  // namespace joist

#endif  // JOIST_EXEC_PAGE_CACHE_H_
