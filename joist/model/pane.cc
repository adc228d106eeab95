// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/model/pane.h"

namespace joist {

std::string_view PaneTimingName(PaneTiming timing) {
  static constexpr std::string_view kNames[] = {"EARLY", "ON_TIME", "LATE", "UNKNOWN"};
  return kNames[static_cast<uint8_t>(timing) & 3];
}

std::string PaneInfo::ToString() const {
  if (*this == NoFiring()) return "NO_FIRING";
  std::string text(PaneTimingName(timing));
  text += " pane " + std::to_string(index);
  if (on_time_index != index) text += " (on time " + std::to_string(on_time_index) + ")";
  if (is_first) text += ", first";
  if (is_last) text += ", last";
  return text;
}

}  // namespace joist
