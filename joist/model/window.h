// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Window, a half-open interval of event time, and the functions by which the standard window
// functions assign elements to windows. Values; pure functions.
//
// Invariants:
//  1. The global window is a value like the others, [Min, the end of the global window), so that a
//     column of windows is 16 bytes an element and needs no second kind.
//  2. A window's maximum timestamp is its end minus 1 ms; the global window's lies a day before
//     Timestamp::Max(), as in Beam, so that timers after its end can still be told from "never".

#ifndef JOIST_MODEL_WINDOW_H_
#define JOIST_MODEL_WINDOW_H_

#include <compare>
#include <cstdint>
#include <string>

#include "joist/base/hash.h"
#include "joist/model/timestamp.h"

namespace joist {

/// [start, end) in event time. Ordered by end, then start: the order in which windows close.
struct Window {
  Timestamp start;
  Timestamp end;

  static constexpr Window Global() { return {Timestamp::Min(), kGlobalEnd}; }

  constexpr bool is_global() const { return *this == Global(); }
  constexpr Timestamp max_timestamp() const { return end - Duration::Millis(1); }
  constexpr Duration span() const { return end - start; }
  constexpr bool Contains(Timestamp t) const { return start <= t && t < end; }
  constexpr bool Intersects(Window other) const { return start < other.end && other.start < end; }

  /// "global" or "[2026-11-21T06:55:00.000Z, 2026-11-21T06:56:00.000Z)".
  std::string ToString() const;

  friend constexpr bool operator==(const Window&, const Window&) = default;
  friend constexpr std::strong_ordering operator<=>(const Window& a, const Window& b) {
    const std::strong_ordering by_end = a.end <=> b.end;
    return by_end != 0 ? by_end : a.start <=> b.start;
  }

 private:
  static constexpr Timestamp kGlobalEnd{9223371950454776};
};

/// The order of windows by their starts, then their ends.
constexpr bool StartsBefore(const Window& a, const Window& b) {
  return a.start != b.start ? a.start < b.start : a.end < b.end;
}

inline uint64_t HashWindow(const Window& window) {
  return HashCombine(HashWord(static_cast<uint64_t>(window.end.millis)),
                     static_cast<uint64_t>(window.start.millis));
}

/// `t`, or the last moment of the global window where `t` lies after it.
constexpr Timestamp WithinGlobal(Timestamp t) {
  const Timestamp last = Window::Global().max_timestamp();
  return t < last ? t : last;
}

/// The fixed window of `size` that holds `t`; windows begin at multiples of `size` after `offset`.
/// No window outlasts the global one.
constexpr Window FixedWindow(Timestamp t, Duration size, Duration offset = {}) {
  t = WithinGlobal(t);
  const int64_t into = FloorMod(SaturatingSubtract(t.millis, offset.millis), size.millis);
  const Timestamp start = t - Duration::Millis(into);
  const Timestamp end = t + Duration::Millis(size.millis - into);
  return {start, end < Window::Global().end ? end : Window::Global().end};
}

/// Calls `take(Window)` with every window of `size` that holds `t`, one beginning each `period`
/// after `offset`; the latest window comes first. There is none where period > size and t lies in
/// a gap.
template <class Take>
constexpr void ForEachSlidingWindow(Timestamp t, Duration size, Duration period, Duration offset,
                                    Take take) {
  t = WithinGlobal(t);
  const int64_t into = FloorMod(SaturatingSubtract(t.millis, offset.millis), period.millis);
  for (int64_t back = into; back < size.millis;) {
    const Timestamp end = t + Duration::Millis(size.millis - back);
    take(Window{t - Duration::Millis(back),
                end < Window::Global().end ? end : Window::Global().end});
    // Windows that would begin before time does are one and the same.
    if (SaturatingSubtract(t.millis, back) <= Timestamp::Min().millis) break;
    back = SaturatingAdd(back, period.millis);
  }
}

/// The session that `t` opens by itself; sessions that intersect are merged later.
constexpr Window SessionWindow(Timestamp t, Duration gap) {
  t = WithinGlobal(t);
  const Timestamp end = t + gap;
  return {t, end < Window::Global().end ? end : Window::Global().end};
}

}  // namespace joist

#endif  // JOIST_MODEL_WINDOW_H_
