// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/store/log/attempt_table.h"

#include "joist/store/log/varint.h"

namespace joist::store {

void AttemptTable::Set(uint64_t offset, uint32_t attempts) {
  const auto at = attempts_.lower_bound(offset);
  if (at != attempts_.end() && at->first == offset) {
    at->second = attempts;
  } else if (attempts_.size() < kMost) {
    attempts_.emplace_hint(at, offset, attempts);
  } else {
    return;
  }
  is_changed_ = true;
}

void AttemptTable::RemoveBefore(uint64_t offset) {
  const auto end = attempts_.lower_bound(offset);
  is_changed_ |= end != attempts_.begin();
  attempts_.erase(attempts_.begin(), end);
}

std::string AttemptTable::Encode() const {
  std::string bytes;
  uint64_t last = 0;
  for (const auto& [offset, attempts] : attempts_) {
    PutVarint(offset - last, &bytes);
    PutVarint(attempts, &bytes);
    last = offset;
  }
  return bytes;
}

Result<AttemptTable> AttemptTable::Decode(std::string_view bytes) {
  AttemptTable table;
  uint64_t offset = 0;
  while (!bytes.empty()) {
    uint64_t gap = 0;
    uint64_t attempts = 0;
    if (!TakeVarint(&bytes, &gap) || !TakeVarint(&bytes, &attempts) || gap > UINT64_MAX - offset ||
        attempts > UINT32_MAX || table.attempts_.size() == kMost) {
      return DataLoss("delivery attempts of a subscription cannot be read");
    }
    offset += gap;
    table.attempts_[offset] = static_cast<uint32_t>(attempts);
  }
  return table;
}

}  // namespace joist::store
