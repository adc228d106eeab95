// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/portability/restrictions.h"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <string_view>
#include <utility>

#include "joist/exec/saved_element.h"

namespace joist::portability {

Timestamp Restrictions::next_due() const {
  Timestamp next = Timestamp::Max();
  for (const Restriction& one : all_) next = std::min(next, one.due);
  return next;
}

Timestamp Restrictions::hold() const {
  Timestamp hold = Timestamp::Max();
  for (const Restriction& one : all_) hold = std::min(hold, one.hold);
  return hold;
}

template <class Takes>
std::vector<Restriction> Restrictions::Take(Takes takes) {
  const auto taken = std::stable_partition(all_.begin(), all_.end(),
                                           [&](const Restriction& one) { return !takes(one); });
  std::vector<Restriction> result(std::make_move_iterator(taken),
                                  std::make_move_iterator(all_.end()));
  all_.erase(taken, all_.end());
  return result;
}

std::vector<Restriction> Restrictions::TakeDue(Timestamp now) {
  return Take([now](const Restriction& one) { return one.due <= now; });
}

std::vector<Restriction> Restrictions::TakeWhole() {
  return Take([](const Restriction& one) { return !one.is_truncated; });
}

void Restrictions::Hasten() {
  for (Restriction& one : all_) one.due = Timestamp::Min();
}

void Restrictions::Save(std::string* out) const {
  PutVarint(all_.size(), out);
  for (const Restriction& one : all_) {
    PutBytes(one.element, out, /*nested=*/true);
    SaveValue(one.due, out);
    SaveValue(one.hold, out);
    PutByte(one.is_truncated ? 1 : 0, out);
  }
}

bool Restrictions::Restore(ByteReader* in, bool adds) {
  uint64_t count;
  if (!in->TakeVarint(&count)) return false;
  for (; count > 0; --count) {
    Restriction one;
    std::string_view element;
    uint8_t is_truncated;
    if (!in->TakeBytes(&element, /*nested=*/true) || !RestoreValue(in, &one.due) ||
        !RestoreValue(in, &one.hold) || !in->TakeByte(&is_truncated)) {
      return false;
    }
    one.element = element;
    one.is_truncated = is_truncated != 0;
    if (adds) all_.push_back(std::move(one));
  }
  return true;
}

}  // namespace joist::portability
