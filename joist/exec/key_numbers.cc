// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/exec/key_numbers.h"

#include <algorithm>
#include <utility>

#include "joist/base/status.h"

namespace joist {
namespace {

constexpr int kLeastBits = 6;
constexpr size_t kBlock = 128;  // Keys whose slots are fetched before the first is looked at.

}  // namespace

template <class K>
KeyNumbers<K>::KeyNumbers() : slots_(size_t{1} << kLeastBits), shift_(64 - kLeastBits) {}

template <class K>
uint64_t KeyNumbers<K>::TagOf(Key key) {
  if constexpr (std::is_same_v<K, std::string>) {
    return HashOfKey(key);
  } else {
    return key;
  }
}
template <class K>
uint64_t KeyNumbers<K>::HashOf(uint64_t tag) {
  return std::is_same_v<K, std::string> ? tag : HashWord(tag);
}

template <class K>
void KeyNumbers<K>::Find(const Key* keys, size_t count, uint32_t* numbers) {
  uint64_t tags[kBlock];
  for (size_t first = 0; first < count; first += kBlock) {
    const size_t end = std::min(count, first + kBlock);
    // At most three of four slots are in use.
    while ((size_ + (end - first)) * 4 > slots_.size() * 3) Grow();
    for (size_t i = first; i < end; ++i) {
      tags[i - first] = TagOf(keys[i]);
      __builtin_prefetch(&slots_[HomeOf(tags[i - first])]);
    }
    for (size_t i = first; i < end; ++i) numbers[i] = FindOne(keys[i], tags[i - first]);
  }
}

template <class K>
uint32_t KeyNumbers<K>::FindOne(Key key, uint64_t tag) {
  const size_t mask = slots_.size() - 1;
  for (size_t i = HomeOf(tag);; i = (i + 1) & mask) {
    Slot& slot = slots_[i];
    if (slot.number == kNone) {
      if (free_.empty()) {
        JOIST_CHECK(keys_.size() < kNone);
        free_.push_back(static_cast<uint32_t>(keys_.size()));
        keys_.emplace_back();
      }
      slot = {tag, free_.back()};
      free_.pop_back();
      keys_[slot.number] = K(key);
      ++size_;
      return slot.number;
    }
    if (slot.tag != tag) continue;
    if constexpr (std::is_same_v<K, std::string>) {
      if (keys_[slot.number] != key) continue;
    }
    return slot.number;
  }
}

template <class K>
bool KeyNumbers<K>::Contains(Key key) const {
  const uint64_t tag = TagOf(key);
  const size_t mask = slots_.size() - 1;
  for (size_t i = HomeOf(tag); slots_[i].number != kNone; i = (i + 1) & mask) {
    if (slots_[i].tag == tag && keys_[slots_[i].number] == key) return true;
  }
  return false;
}

template <class K>
void KeyNumbers<K>::Forget(uint32_t number) {
  const size_t mask = slots_.size() - 1;
  size_t gap = HomeOf(TagOf(keys_[number]));
  while (slots_[gap].number != number) gap = (gap + 1) & mask;
  for (size_t i = (gap + 1) & mask; slots_[i].number != kNone; i = (i + 1) & mask) {
    // One whose home is behind the gap stays.
    if (((i - HomeOf(slots_[i].tag)) & mask) < ((i - gap) & mask)) continue;
    slots_[gap] = slots_[i];
    gap = i;
  }
  slots_[gap] = Slot();
  keys_[number] = K();
  free_.push_back(number);
  --size_;
}

template <class K>
void KeyNumbers<K>::Grow() {
  const std::vector<Slot> from = std::exchange(slots_, std::vector<Slot>(2 * slots_.size()));
  --shift_;
  const size_t mask = slots_.size() - 1;
  for (const Slot& slot : from) {
    if (slot.number == kNone) continue;
    size_t i = HomeOf(slot.tag);
    while (slots_[i].number != kNone) i = (i + 1) & mask;
    slots_[i] = slot;
  }
}

template class KeyNumbers<uint64_t>;
template class KeyNumbers<std::string>;

}  // namespace joist
