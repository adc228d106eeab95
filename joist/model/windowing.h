// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// How a collection is windowed, as values: WindowFn (which windows an element falls into), Trigger
// (when a window gives its result), WindowingStrategy (both, and what goes with them). They travel
// with the graph and can be compared and printed; what happens at run time follows from them.

#ifndef JOIST_MODEL_WINDOWING_H_
#define JOIST_MODEL_WINDOWING_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "joist/base/status.h"
#include "joist/model/timestamp.h"
#include "joist/model/window.h"

namespace joist {

class CustomWindowFn;  // model/custom_windows.h

/// Which windows an element falls into. A custom function is named by a URN and its payload.
struct WindowFn {
  enum class Kind : uint8_t { kGlobal, kFixed, kSliding, kSessions, kCustom };

  Kind kind = Kind::kGlobal;
  Duration size;                                 // Fixed and sliding windows; the gap of sessions.
  Duration period;                               // Sliding windows.
  Duration offset;                               // Fixed and sliding windows.
  std::string urn;                               // Custom.
  std::string payload;                           // Custom.
  std::shared_ptr<const CustomWindowFn> custom;  // Custom: what URN and payload stand for.

  static WindowFn Global() { return {}; }
  static WindowFn Fixed(Duration size, Duration offset = {});
  static WindowFn Sliding(Duration size, Duration period, Duration offset = {});
  static WindowFn Sessions(Duration gap);

  bool is_global() const { return kind == Kind::kGlobal; }
  /// Windows of one key may grow together, so grouping must wait for merging.
  bool is_merging() const;
  /// Of those that merge: windows become one where they overlap, and nowhere else.
  bool merges_overlapping() const;
  /// The windows follow from an element's time alone.
  bool is_of_time() const;
  /// An element falls into exactly one window.
  bool assigns_one_window() const;

  /// OK, or what is wrong: a size that is not positive, an offset outside of [0, period).
  Status Validate() const;

  /// "GlobalWindows", "FixedWindows(1m)", "SlidingWindows(10m every 1m)", "Sessions(gap 30m)".
  std::string ToString() const;

  friend bool operator==(const WindowFn&, const WindowFn&);
};

/// Of a custom function of time.
std::vector<Window> CustomWindowsAt(const WindowFn& fn, Timestamp t);

/// Calls `take(Window)` for each window of an element at `t`. `fn` is valid and of time.
template <class Take>
void AssignWindows(const WindowFn& fn, Timestamp t, Take take) {
  switch (fn.kind) {
    case WindowFn::Kind::kGlobal: take(Window::Global()); break;
    case WindowFn::Kind::kFixed: take(FixedWindow(t, fn.size, fn.offset)); break;
    case WindowFn::Kind::kSliding:
      ForEachSlidingWindow(t, fn.size, fn.period, fn.offset, take);
      break;
    case WindowFn::Kind::kSessions: take(SessionWindow(t, fn.size)); break;
    case WindowFn::Kind::kCustom:
      for (const Window& window : CustomWindowsAt(fn, t)) take(window);
      break;
  }
}

/// Consecutive elements of one slice fall into the same windows of a sliding function: what is
/// gathered by slices can be shared by the windows that overlap. The fixed windows whose boundaries
/// are all those of the sliding ones.
WindowFn SlicesOf(const WindowFn& sliding);
/// Whether there are so few slices in a window that gathering by them saves work.
bool SlicingPays(const WindowFn& sliding);

/// Where a side input of `windowing` is looked up by an element in `window` of the main input: the
/// window of the main window's last moment, as Beam maps them.
Window SideInputWindow(const WindowFn& side, const Window& window);

/// When a window gives its result; a tree of values, Beam's set.
struct Trigger {
  enum class Kind : uint8_t {
    kDefault,              // Repeatedly(AfterWatermark), late elements each.
    kAfterWatermark,       // children: [early] [late], either may be Never.
    kAfterProcessingTime,  // delays
    kAfterSynchronizedProcessingTime,
    kAfterCount,  // count
    kRepeatedly,  // children[0]
    kOrFinally,   // children[0] until children[1]
    kAfterEach,
    kAfterFirst,
    kAfterAll,
    kAlways,
    kNever,
  };

  /// Moves a time on: by `delay`, or, where `period` is set, up to the next multiple of `period`
  /// after `offset`.
  struct Delay {
    Duration delay;
    Duration period;
    Duration offset;
    friend bool operator==(const Delay&, const Delay&) = default;
  };

  Kind kind = Kind::kDefault;
  int64_t count = 0;
  std::vector<Delay> delays;
  std::vector<Trigger> children;

  static Trigger Default() { return {}; }
  static Trigger AfterWatermark();
  static Trigger AfterWatermark(Trigger early, Trigger late);
  static Trigger AfterProcessingTime(Duration delay = {});
  static Trigger AfterSynchronizedProcessingTime();
  static Trigger AfterCount(int64_t count);
  static Trigger Repeatedly(Trigger trigger);
  static Trigger OrFinally(Trigger trigger, Trigger until);
  static Trigger AfterEach(std::vector<Trigger> triggers);
  static Trigger AfterFirst(std::vector<Trigger> triggers);
  static Trigger AfterAll(std::vector<Trigger> triggers);
  static Trigger Always();
  static Trigger Never();

  /// OK, or what is wrong: a count below 1, a composite without parts.
  Status Validate() const;

  /// What a grouping's output is triggered by, so that a second grouping gives its panes as soon as
  /// those of the first are in.
  Trigger Continuation() const;
  /// Whether it can come to an end before its window expires; what is behind it is dropped then.
  bool MayFinish() const;

  /// "Repeatedly(AfterFirst(AfterCount(100), AfterProcessingTime(1m)))".
  std::string ToString() const;

  friend bool operator==(const Trigger&, const Trigger&);
};

enum class AccumulationMode : uint8_t { kDiscarding, kAccumulating, kRetracting };
enum class TimestampCombiner : uint8_t { kEndOfWindow, kEarliest, kLatest };
enum class ClosingBehavior : uint8_t { kEmitIfNonempty, kEmitAlways };
enum class OnTimeBehavior : uint8_t { kFireAlways, kFireIfNonempty };

/// All that grouping must know about a collection's windows. Default-made, it is Beam's default.
struct WindowingStrategy {
  WindowFn window_fn;
  Trigger trigger;
  AccumulationMode accumulation_mode = AccumulationMode::kDiscarding;
  Duration allowed_lateness;
  TimestampCombiner timestamp_combiner = TimestampCombiner::kEndOfWindow;
  ClosingBehavior closing_behavior = ClosingBehavior::kEmitIfNonempty;
  OnTimeBehavior on_time_behavior = OnTimeBehavior::kFireAlways;
  /// A grouping has merged the windows: the next one takes them as they are.
  bool windows_are_merged = false;

  /// Grouping has to merge windows.
  bool merges() const { return window_fn.is_merging() && !windows_are_merged; }
  /// Grouping must look at each element's time: the windows of a group don't tell enough.
  bool needs_element_times() const {
    return merges() || timestamp_combiner != TimestampCombiner::kEndOfWindow;
  }

  /// Whether all that a window is to give is one pane at its end, whatever comes.
  bool fires_once_on_time() const;

  Status Validate() const;
  /// OK, or why a grouping of such a collection would never give anything, or lose elements.
  Status ValidateGrouping(bool is_bounded) const;
  /// That of a grouping's output.
  WindowingStrategy AfterGrouping() const;

  /// The window function, then what differs from the default: "FixedWindows(1m), accumulating".
  std::string ToString() const;

  friend bool operator==(const WindowingStrategy&, const WindowingStrategy&) = default;
};

}  // namespace joist

#endif  // JOIST_MODEL_WINDOWING_H_
