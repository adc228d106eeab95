// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// WindowCodec: what stands before each value on the Fn API's data streams
// (beam:coder:windowed_value:v1): its time, its windows and its pane.

#ifndef JOIST_PORTABILITY_WINDOW_CODEC_H_
#define JOIST_PORTABILITY_WINDOW_CODEC_H_

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "joist/base/status.h"
#include "joist/model/pane.h"
#include "joist/model/timestamp.h"
#include "joist/model/window.h"
#include "joist/model/wire.h"
#include "joist/portability/window_code.h"

namespace joist::portability {

/// What stands before a value.
struct WindowedHeader {
  Timestamp timestamp = {};
  std::vector<Window> windows = {};
  PaneInfo pane = {};
  std::string bytes = {};  ///< As it was taken; none: it is not from TakeHeader.
};

/// Thread-safe.
class WindowCodec {
 public:
  explicit WindowCodec(WindowCode code);
  static WindowCodec ForGlobal();
  static WindowCodec ForIntervals();

  /// The window that takes all of `bytes`: windows have the same ones nested and as a whole.
  /// kInvalidArgument.
  Result<Window> Decode(std::string_view bytes) const;
  Status Encode(const Window& window, std::string* out) const { return code_.Put(window, out); }

  /// Whether windows are of a type that only the SDK knows.
  bool is_opaque() const { return code_.is_opaque(); }
  /// As WindowCode's.
  Result<std::string> EncodingOf(const Window& window) const { return code_.EncodingOf(window); }

  /// A sequence of windows, as headers and timers have it.
  Status EncodeWindows(std::span<const Window> windows, std::string* out) const;
  bool TakeWindows(ByteReader* in, std::vector<Window>* windows) const;

  Status EncodeHeader(Timestamp timestamp, std::span<const Window> windows, const PaneInfo& pane,
                      std::string* out) const;
  /// False, with the reader's error, where the bytes are none. `header` is what was taken before:
  /// one with the same bytes is not decoded again.
  bool TakeHeader(ByteReader* in, WindowedHeader* header) const;

 private:
  WindowCode code_;
  bool is_global_;
};

/// An instant from the wire, within the bounds of time.
bool TakeTimestamp(ByteReader* in, Timestamp* timestamp);

}  // namespace joist::portability

#endif  // JOIST_PORTABILITY_WINDOW_CODEC_H_
