// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// KeyNumbers: small, dense numbers for keys that come and go. Belongs to one thread.
//
// Open addressing with linear probing; a key that is forgotten leaves no gap: those behind it move
// up (Knuth, The Art of Computer Programming, volume 3, 6.4, algorithm R).

#ifndef JOIST_EXEC_KEY_NUMBERS_H_
#define JOIST_EXEC_KEY_NUMBERS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "joist/base/hash.h"

namespace joist {

/// Hash of an erased key (exec/erased_grouping.h): a word, or a text.
inline uint64_t HashOfKey(uint64_t word) { return HashWord(word); }
inline uint64_t HashOfKey(std::string_view text) { return HashBytes(text); }

/// K is uint64_t or std::string.
template <class K>
class KeyNumbers {
 public:
  using Key = std::conditional_t<std::is_same_v<K, std::string>, std::string_view, uint64_t>;

  KeyNumbers();
  /// The numbers of `count` keys; a new key gets one that no other key has.
  void Find(const Key* keys, size_t count, uint32_t* numbers);
  bool Contains(Key key) const;
  /// The number may be given to another key.
  void Forget(uint32_t number);

  size_t size() const { return size_; }
  /// Of a number in use; good until the next Find, or until the key is forgotten.
  const K& key(uint32_t number) const { return keys_[number]; }
  /// Calls take(number) for each in use, in no order.
  template <class Take>
  void ForEach(Take take) const {
    for (const Slot& slot : slots_) {
      if (slot.number != kNone) take(slot.number);
    }
  }

 private:
  static constexpr uint32_t kNone = UINT32_MAX;
  /// `tag`: of a word itself, of a text its hash.
  struct Slot {
    uint64_t tag = 0;
    uint32_t number = kNone;
  };
  static uint64_t TagOf(Key key);
  static uint64_t HashOf(uint64_t tag);
  size_t HomeOf(uint64_t tag) const { return static_cast<size_t>(HashOf(tag) >> shift_); }
  uint32_t FindOne(Key key, uint64_t tag);
  void Grow();

  std::vector<Slot> slots_;
  int shift_;  ///< A hash's high bits are its home.
  size_t size_ = 0;
  std::vector<K> keys_;  ///< By number.
  std::vector<uint32_t> free_;
};

extern template class KeyNumbers<uint64_t>;
extern template class KeyNumbers<std::string>;

}  // namespace joist

#endif  // JOIST_EXEC_KEY_NUMBERS_H_
