// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// OrderedKey: what a subscription knows of an ordering key of which something is handed out or
// waits. A value, which the subscription keeps consistent.

#ifndef JOIST_STORE_LOG_ORDERED_KEY_H_
#define JOIST_STORE_LOG_ORDERED_KEY_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>

namespace joist::store {

struct OrderedKey {
  const std::string* name = nullptr;
  std::deque<uint64_t> leased = {};   // In order; those that are done too.
  std::deque<uint64_t> waiting = {};  // In order.
  uint64_t left_begin = 0;
  uint64_t left_end = 0;
  size_t forwarding = 0;
  uint64_t pull = 0;  // The last one that handed out some.
  int64_t not_before_micros = 0;
  bool is_ready = false;       // In ready_keys_.
  bool is_left_ready = false;  // In left_keys_.

  bool has_left() const { return left_begin < left_end; }
};

/// Takes it out of offsets in order, if it is there.
inline void EraseSorted(uint64_t offset, std::deque<uint64_t>* offsets) {
  const auto found = std::lower_bound(offsets->begin(), offsets->end(), offset);
  if (found != offsets->end() && *found == offset) offsets->erase(found);
}

}  // namespace joist::store

#endif  // JOIST_STORE_LOG_ORDERED_KEY_H_
