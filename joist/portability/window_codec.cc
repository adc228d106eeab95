// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/portability/window_codec.h"

#include <utility>

#include "joist/model/coder.h"
#include "joist/model/coder_spec.h"

namespace joist::portability {

WindowCodec::WindowCodec(WindowCode code)
    : code_(std::move(code)), is_global_(code_.wire_coder().urn == kGlobalWindowCoder) {}

WindowCodec WindowCodec::ForGlobal() {
  return WindowCodec(WindowCode(MakeCoderSpec(kGlobalWindowCoder), nullptr));
}

WindowCodec WindowCodec::ForIntervals() {
  return WindowCodec(WindowCode(MakeCoderSpec(kIntervalWindowCoder), nullptr));
}

Result<Window> WindowCodec::Decode(std::string_view bytes) const {
  ByteReader in(bytes);
  Window window;
  if (!code_.Take(&in, &window)) return InvalidArgument(std::string("no window: ") + in.error());
  if (in.remaining() > 0) return InvalidArgument("no window: there are bytes behind it");
  return window;
}

Status WindowCodec::EncodeWindows(std::span<const Window> windows, std::string* out) const {
  PutBigEndian32(static_cast<uint32_t>(windows.size()), out);
  for (const Window& window : windows) JOIST_RETURN_IF_ERROR(code_.Put(window, out));
  return OkStatus();
}

bool WindowCodec::TakeWindows(ByteReader* in, std::vector<Window>* windows) const {
  uint32_t count;
  if (!in->TakeBigEndian32(&count)) return false;
  // An element is in the global window once; other windows take bytes.
  const size_t most = is_global_ ? 1 : in->remaining();
  if (count > most) return in->Fail("more windows than there are bytes for");
  windows->resize(count);
  for (Window& window : *windows) {
    if (!code_.Take(in, &window)) return false;
  }
  return true;
}

Status WindowCodec::EncodeHeader(Timestamp timestamp, std::span<const Window> windows,
                                 const PaneInfo& pane, std::string* out) const {
  PutInstant(timestamp.millis, out);
  JOIST_RETURN_IF_ERROR(EncodeWindows(windows, out));
  Coder<PaneInfo>::Encode(pane, out, /*nested=*/true);
  return OkStatus();
}

bool WindowCodec::TakeHeader(ByteReader* in, WindowedHeader* header) const {
  const std::string_view rest = in->rest();
  std::string_view taken;
  // Where a header ends follows from its own bytes, so that the same bytes are the same header.
  if (!header->bytes.empty() && rest.starts_with(header->bytes)) [[likely]] {
    return in->Take(header->bytes.size(), &taken);
  }
  header->bytes.clear();
  const size_t begin = in->position();
  if (!TakeTimestamp(in, &header->timestamp) || !TakeWindows(in, &header->windows) ||
      !Coder<PaneInfo>::Decode(in, &header->pane, /*nested=*/true)) {
    return false;
  }
  header->bytes = rest.substr(0, in->position() - begin);
  return true;
}

bool TakeTimestamp(ByteReader* in, Timestamp* timestamp) {
  int64_t millis;
  if (!in->TakeInstant(&millis)) return false;
  *timestamp = Timestamp::Millis(millis);
  return true;
}

}  // namespace joist::portability
