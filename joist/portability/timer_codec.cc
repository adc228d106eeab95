// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/portability/timer_codec.h"

#include "joist/model/coder.h"

namespace joist::portability {

Status EncodeTimer(const WireTimer& timer, const WindowCodec& windows, std::string* out) {
  out->append(timer.key);
  PutBytes(timer.tag, out, /*nested=*/true);
  JOIST_RETURN_IF_ERROR(windows.EncodeWindows(timer.windows, out));
  PutByte(timer.is_cleared ? 1 : 0, out);
  if (timer.is_cleared) return OkStatus();
  PutInstant(timer.fires.millis, out);
  PutInstant(timer.hold.millis, out);
  Coder<PaneInfo>::Encode(timer.pane, out, /*nested=*/true);
  return OkStatus();
}

bool TakeTimer(ByteReader* in, const WireCoder& key, const WindowCodec& windows, WireTimer* timer) {
  const std::string_view rest = in->rest();
  const size_t begin = in->position();
  if (!key.Skip(in)) return false;
  timer->key = rest.substr(0, in->position() - begin);
  uint8_t is_cleared;
  if (!in->TakeBytes(&timer->tag, /*nested=*/true) || !windows.TakeWindows(in, &timer->windows) ||
      !in->TakeByte(&is_cleared)) {
    return false;
  }
  if (is_cleared > 1) return in->Fail("a timer's clear bit is neither 0 nor 1");
  timer->is_cleared = is_cleared == 1;
  return timer->is_cleared ||
         (TakeTimestamp(in, &timer->fires) && TakeTimestamp(in, &timer->hold) &&
          Coder<PaneInfo>::Decode(in, &timer->pane, /*nested=*/true));
}

}  // namespace joist::portability
