// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// KeyWindows: the windows that are known of each key, most of which have one or two: these lie in
// the key's cache line, more of them in an array elsewhere. Keys are dense numbers. Not
// thread-safe.
//
// Invariants:
//  1. A key's windows are its open ones, then its closed ones, each in the order of Window.
//  2. Spans are valid until the next call that isn't const.

#ifndef JOIST_MODEL_KEY_WINDOWS_H_
#define JOIST_MODEL_KEY_WINDOWS_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "joist/base/paged_array.h"
#include "joist/model/window.h"

namespace joist {

class KeyWindows {
 public:
  struct Known {
    Window window;
    uint32_t group;
  };
  static constexpr uint32_t kNone = UINT32_MAX;

  /// Makes room for keys up to `key`.
  void Include(uint32_t key) { keys_.Include(size_t{key} + 1); }
  void Prefetch(uint32_t key) const { __builtin_prefetch(keys_.data() + key); }

  /// A number that the user keeps for the key; 0 at first.
  uint32_t& mark(uint32_t key) { return keys_[key].mark; }

  bool empty(uint32_t key) const { return keys_[key].open + keys_[key].closed == 0; }
  std::span<Known> open(uint32_t key) { return All(keys_[key]).first(keys_[key].open); }
  std::span<Known> closed(uint32_t key) { return All(keys_[key]).subspan(keys_[key].open); }

  /// The place of `window` among `known`, or where it would be.
  static size_t PlaceOf(const Window& window, std::span<const Known> known) {
    if (known.size() <= kFew) {
      size_t at = known.size();
      while (at > 0 && known[at - 1].window >= window) --at;
      return at;
    }
    const auto found =
        std::lower_bound(known.begin(), known.end(), window,
                         [](const Known& a, const Window& b) { return a.window < b; });
    return static_cast<size_t>(found - known.begin());
  }
  /// The group of `window` among `known`, or kNone.
  static uint32_t Find(const Window& window, std::span<const Known> known) {
    const size_t at = PlaceOf(window, known);
    return at < known.size() && known[at].window == window ? known[at].group : kNone;
  }

  void Open(uint32_t key, const Window& window, uint32_t group) {
    Insert(&keys_[key], PlaceOf(window, open(key)), {window, group});
    ++keys_[key].open;
  }
  /// Removes `count` of the open windows from place `at` on.
  void EraseOpen(uint32_t key, size_t at, size_t count) {
    Erase(&keys_[key], at, count);
    keys_[key].open -= static_cast<uint32_t>(count);
  }
  void Close(uint32_t key, const Window& window, uint32_t group) {
    OfKey& of = keys_[key];
    Insert(&of, of.open + PlaceOf(window, closed(key)), {window, group});
    ++of.closed;
  }
  void EraseClosed(uint32_t key, size_t at) {
    Erase(&keys_[key], keys_[key].open + at, 1);
    --keys_[key].closed;
  }

 private:
  static constexpr size_t kInPlace = 2;
  static constexpr size_t kFew = 8;

  struct alignas(64) OfKey {
    uint32_t open;
    uint32_t closed;
    uint32_t array;  ///< Of `arrays_`, counted from 1; 0 if they lie here.
    uint32_t mark;
    Known in_place[kInPlace];
  };
  static_assert(sizeof(OfKey) == 64);

  std::span<Known> All(OfKey& of) {
    if (of.array == 0) [[likely]]
      return {of.in_place, size_t{of.open} + of.closed};
    return arrays_[of.array - 1];
  }

  void Insert(OfKey* of, size_t at, const Known& known) {
    const std::span<Known> before = All(*of);
    if (of->array == 0 && before.size() < kInPlace) {
      std::copy_backward(before.begin() + static_cast<ptrdiff_t>(at), before.end(),
                         of->in_place + before.size() + 1);
      of->in_place[at] = known;
      return;
    }
    if (of->array == 0) {
      if (free_.empty()) {
        arrays_.emplace_back();
        free_.push_back(static_cast<uint32_t>(arrays_.size()));
      }
      of->array = free_.back();
      free_.pop_back();
      arrays_[of->array - 1].assign(before.begin(), before.end());
    }
    std::vector<Known>& array = arrays_[of->array - 1];
    array.insert(array.begin() + static_cast<ptrdiff_t>(at), known);
  }

  void Erase(OfKey* of, size_t at, size_t count) {
    const std::span<Known> all = All(*of);
    std::copy(all.begin() + static_cast<ptrdiff_t>(at + count), all.end(),
              all.begin() + static_cast<ptrdiff_t>(at));
    if (of->array == 0) return;
    std::vector<Known>& array = arrays_[of->array - 1];
    array.resize(all.size() - count);
    if (array.size() > kInPlace) return;
    std::copy(array.begin(), array.end(), of->in_place);
    array.clear();
    free_.push_back(of->array);
    of->array = 0;
  }

  PagedArray<OfKey> keys_;
  std::vector<std::vector<Known>> arrays_;
  std::vector<uint32_t> free_;  ///< Of `arrays_`, which keep their room.
};

}  // namespace joist

#endif  // JOIST_MODEL_KEY_WINDOWS_H_
