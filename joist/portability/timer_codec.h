// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// WireTimer: a timer as it travels between runner and SDK (beam:coder:timer:v1). Values and pure
// functions.

#ifndef JOIST_PORTABILITY_TIMER_CODEC_H_
#define JOIST_PORTABILITY_TIMER_CODEC_H_

#include <string>
#include <string_view>
#include <vector>

#include "joist/model/pane.h"
#include "joist/model/timestamp.h"
#include "joist/model/window.h"
#include "joist/model/wire.h"
#include "joist/portability/window_codec.h"
#include "joist/portability/wire_coder.h"

namespace joist::portability {

/// For each of `windows` one.
struct WireTimer {
  std::string_view key = {};  ///< Encoded.
  std::string_view tag = {};  ///< Tells the timers of a family apart.
  std::vector<Window> windows = {};
  bool is_cleared = false;  ///< Then there is nothing more.
  Timestamp fires = {};
  Timestamp hold = {};
  PaneInfo pane = {};
};

Status EncodeTimer(const WireTimer& timer, const WindowCodec& windows, std::string* out);
/// What `timer` gets refers to the reader's bytes. False, with the reader's error, where they are
/// none.
bool TakeTimer(ByteReader* in, const WireCoder& key, const WindowCodec& windows, WireTimer* timer);

}  // namespace joist::portability

#endif  // JOIST_PORTABILITY_TIMER_CODEC_H_
