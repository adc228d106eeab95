// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// SavedState: what an operator says of its state at a checkpoint. What is small is said whole each
// time. What is known by key is said of those keys alone that have changed since the last time:
// what was said of a key before holds until it is said anew, or the key is removed.

#ifndef JOIST_EXEC_SAVED_STATE_H_
#define JOIST_EXEC_SAVED_STATE_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "joist/model/wire.h"

namespace joist {

/// What is said of a key.
struct SavedKey {
  uint32_t partition = 0;  ///< Which lane it belongs to: see LaneOfPartition in exec/exchange.h.
  std::string_view key;    ///< Tells the keys of an operator apart.
  bool is_removed = false;
  std::string_view state;

  /// False where the bytes are none.
  bool Take(ByteReader* in);
};

/// Belongs to one thread at a time.
class SavedState {
 public:
  /// Where what is not by key is appended.
  std::string* whole() { return &whole_; }
  /// One of these, at most once a key.
  void Remove(uint32_t partition, std::string_view key);
  void Put(uint32_t partition, std::string_view key, std::string_view state);

  /// SavedKeys, one after the other.
  const std::string& keys() const { return keys_; }
  /// The same, and begins anew.
  std::string TakeKeys() { return std::exchange(keys_, {}); }

 private:
  std::string whole_;
  std::string keys_;
};

}  // namespace joist

#endif  // JOIST_EXEC_SAVED_STATE_H_
