// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// PaneInfo: which of a window's results an element belongs to. A value.

#ifndef JOIST_MODEL_PANE_H_
#define JOIST_MODEL_PANE_H_

#include <cstdint>
#include <string>
#include <string_view>

namespace joist {

/// When a pane was produced, seen from the watermark. The numbers are the wire's.
enum class PaneTiming : uint8_t { kEarly = 0, kOnTime = 1, kLate = 2, kUnknown = 3 };

/// "EARLY", "ON_TIME", "LATE", "UNKNOWN".
std::string_view PaneTimingName(PaneTiming timing);

/// One firing of a window. Default-made, it is NO_FIRING: no grouping has happened yet.
struct PaneInfo {
  PaneTiming timing = PaneTiming::kUnknown;
  bool is_first = true;
  bool is_last = true;
  int64_t index = 0;          // Counts the panes of the window.
  int64_t on_time_index = 0;  // Counts those that are not early; -1 in an early one.

  static constexpr PaneInfo NoFiring() { return {}; }
  /// The only pane of a window, as a batch produces it.
  static constexpr PaneInfo OnTimeAndOnly() { return {PaneTiming::kOnTime, true, true, 0, 0}; }

  std::string ToString() const;

  friend constexpr bool operator==(const PaneInfo&, const PaneInfo&) = default;
};

}  // namespace joist

#endif  // JOIST_MODEL_PANE_H_
