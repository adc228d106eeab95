// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/portability/key_index.h"

#include <algorithm>

#include "joist/base/hash.h"
#include "joist/base/status.h"

namespace joist::portability {
namespace {

constexpr size_t kFewestSlots = 16;

}  // namespace

std::optional<uint32_t> KeyIndex::Find(std::string_view key) const {
  if (keys_.empty()) return std::nullopt;
  const uint32_t found = slots_[SlotOf(key)];
  if (found == 0) return std::nullopt;
  return found - 1;
}

uint32_t KeyIndex::Add(std::string_view key) {
  if (4 * (keys_.size() + 1) > 3 * slots_.size()) Grow();
  uint32_t& slot = slots_[SlotOf(key)];
  if (slot == 0) {
    JOIST_CHECK(keys_.size() < UINT32_MAX - 1);
    keys_.push_back(key);
    slot = static_cast<uint32_t>(keys_.size());
  }
  return slot - 1;
}

size_t KeyIndex::HomeOf(std::string_view key) const { return HashBytes(key) & (slots_.size() - 1); }

size_t KeyIndex::SlotOf(std::string_view key) const {
  size_t slot = HomeOf(key);
  while (slots_[slot] != 0 && keys_[slots_[slot] - 1] != key)
    slot = (slot + 1) & (slots_.size() - 1);
  return slot;
}

void KeyIndex::Grow() {
  slots_.assign(std::max(2 * slots_.size(), kFewestSlots), 0);
  for (uint32_t number = 0; number < keys_.size(); ++number) {
    size_t slot = HomeOf(keys_[number]);
    while (slots_[slot] != 0) slot = (slot + 1) & (slots_.size() - 1);
    slots_[slot] = number + 1;
  }
}

}  // namespace joist::portability
