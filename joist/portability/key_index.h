// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// KeyIndex: keys in the order in which they were added, and their numbers. A key costs 16 bytes and
// 5.3 to 10.7 of slots; its own bytes lie elsewhere.
//
// Open addressing with linear probing (Knuth, The Art of Computer Programming, volume 3, 6.4,
// algorithm L) over numbers of four bytes: it is asked by SDKs, a key a request, so that what it
// takes matters more than two cache misses.

#ifndef JOIST_PORTABILITY_KEY_INDEX_H_
#define JOIST_PORTABILITY_KEY_INDEX_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace joist::portability {

/// At most 2^32 - 2 keys. Many threads may read it while nobody adds.
class KeyIndex {
 public:
  std::optional<uint32_t> Find(std::string_view key) const;
  /// The number of `key`, the next one if it is new: then its bytes outlive this.
  uint32_t Add(std::string_view key);
  /// By number.
  const std::vector<std::string_view>& keys() const { return keys_; }

 private:
  size_t HomeOf(std::string_view key) const;
  /// Of the key, or of the empty slot where it would be.
  size_t SlotOf(std::string_view key) const;
  void Grow();

  std::vector<std::string_view> keys_;
  std::vector<uint32_t> slots_;  ///< A key's number and one; 0: empty. A power of two.
};

}  // namespace joist::portability

#endif  // JOIST_PORTABILITY_KEY_INDEX_H_
