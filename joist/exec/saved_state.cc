// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/exec/saved_state.h"

namespace joist {
namespace {

void PutHead(uint32_t partition, std::string_view key, bool is_removed, std::string* out) {
  PutBigEndian32(partition, out);
  PutBytes(key, out, /*nested=*/true);
  PutByte(is_removed ? 1 : 0, out);
}

}  // namespace

bool SavedKey::Take(ByteReader* in) {
  uint8_t removed;
  if (!in->TakeBigEndian32(&partition) || !in->TakeBytes(&key, /*nested=*/true) ||
      !in->TakeByte(&removed)) {
    return false;
  }
  is_removed = removed != 0;
  state = {};
  return is_removed || in->TakeBytes(&state, /*nested=*/true);
}

void SavedState::Remove(uint32_t partition, std::string_view key) {
  PutHead(partition, key, /*is_removed=*/true, &keys_);
}

void SavedState::Put(uint32_t partition, std::string_view key, std::string_view state) {
  PutHead(partition, key, /*is_removed=*/false, &keys_);
  PutBytes(state, &keys_, /*nested=*/true);
}

}  // namespace joist
