// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/engine/saved_run.h"

#include "joist/model/wire.h"

namespace joist {

std::string EncodeSavedRun(const SavedRun& run) {
  std::string bytes;
  PutByte(run.is_drained ? 1 : 0, &bytes);
  PutVarint(run.steps.size(), &bytes);
  for (const SavedStep& step : run.steps) {
    PutBytes(step.name, &bytes, /*nested=*/true);
    PutInstant(step.watermark.millis, &bytes);
    PutBytes(step.state, &bytes, /*nested=*/true);
  }
  return bytes;
}

bool DecodeSavedRun(std::string_view bytes, SavedRun* run) {
  ByteReader in(bytes);
  uint8_t is_drained;
  uint64_t count;
  if (!in.TakeByte(&is_drained) || !in.TakeVarint(&count)) return false;
  run->is_drained = is_drained != 0;
  run->steps.clear();
  for (; count > 0; --count) {
    SavedStep& step = run->steps.emplace_back();
    if (!in.TakeBytes(&step.name, /*nested=*/true) || !in.TakeInstant(&step.watermark.millis) ||
        !in.TakeBytes(&step.state, /*nested=*/true)) {
      return false;
    }
  }
  return in.remaining() == 0;
}

}  // namespace joist
