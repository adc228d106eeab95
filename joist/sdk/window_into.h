// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// WindowInto: how a collection is divided into windows of event time, when groupings give their
// results, and how late an element may be. WithTimestamps: the elements' event time.
//
//   clicks | joist::WithTimestamps([](const Click& click) { return click.time; })
//          | joist::WindowInto(joist::FixedWindows(joist::Duration::Minutes(1)))
//          | joist::Count::PerElement()
//
//   … joist::WindowInto(joist::Sessions(joist::Duration::Minutes(10)))
//         .Triggering(joist::Trigger::AfterWatermark(joist::Trigger::AfterCount(100),
//                                                    joist::Trigger::AfterCount(1)))
//         .AccumulatingFiredPanes()
//         .WithAllowedLateness(joist::Duration::Hours(1))

#ifndef JOIST_SDK_WINDOW_INTO_H_
#define JOIST_SDK_WINDOW_INTO_H_

#include <source_location>
#include <string>
#include <type_traits>
#include <typeinfo>
#include <utility>

#include "joist/exec/window_into.h"
#include "joist/model/calendar_windows.h"
#include "joist/model/custom_windows.h"
#include "joist/sdk/pcollection.h"

namespace joist {

/// One window for all of time; Beam's default.
inline WindowFn GlobalWindows() { return WindowFn::Global(); }
/// Windows of `size` one after the other, one of them beginning at `offset` after the epoch.
inline WindowFn FixedWindows(Duration size, Duration offset = {}) {
  return WindowFn::Fixed(size, offset);
}
/// Windows of `size`, one beginning each `period`: an element is in size/period of them.
inline WindowFn SlidingWindows(Duration size, Duration period, Duration offset = {}) {
  return WindowFn::Sliding(size, period, offset);
}
/// Windows of each key by itself that end when there was no element for `gap`.
inline WindowFn Sessions(Duration gap) { return WindowFn::Sessions(gap); }

/// Puts elements into windows by their timestamps. What is not named stays as it was before; a
/// trigger makes sense with an accumulation mode, and both with windows or without new ones.
class WindowInto : public Transform {
 public:
  static constexpr std::string_view kKind = "WindowInto";

  explicit WindowInto(WindowFn fn, std::source_location where = std::source_location::current())
      : Transform(where) {
    change_.window_fn = std::move(fn);
  }
  /// The windows stay as they are.
  explicit WindowInto(std::source_location where = std::source_location::current())
      : Transform(where) {}

  /// When groupings give a window's result; by default once, when the watermark passes its end.
  WindowInto Triggering(Trigger trigger) && {
    change_.trigger = std::move(trigger);
    return std::move(*this);
  }
  /// Each pane has what came since the one before.
  WindowInto DiscardingFiredPanes() && {
    change_.accumulation_mode = AccumulationMode::kDiscarding;
    return std::move(*this);
  }
  /// Each pane has all that came.
  WindowInto AccumulatingFiredPanes() && {
    change_.accumulation_mode = AccumulationMode::kAccumulating;
    return std::move(*this);
  }
  /// How long after a window's end its elements are still taken; 0 by default.
  WindowInto WithAllowedLateness(Duration lateness) && {
    change_.allowed_lateness = lateness;
    return std::move(*this);
  }
  /// The same, and whether a window's last pane comes even if it is empty.
  WindowInto WithAllowedLateness(Duration lateness, ClosingBehavior closing) && {
    change_.allowed_lateness = lateness;
    change_.closing_behavior = closing;
    return std::move(*this);
  }
  /// The timestamp of a grouping's results; the window's end by default.
  WindowInto WithTimestampCombiner(TimestampCombiner combiner) && {
    change_.timestamp_combiner = combiner;
    return std::move(*this);
  }
  /// Whether the pane at a window's end comes even if it is empty; by default it does.
  WindowInto WithOnTimeBehavior(OnTimeBehavior behavior) && {
    change_.on_time_behavior = behavior;
    return std::move(*this);
  }

  template <class T>
  PCollection<T> Expand(const PCollection<T>& in) const {
    PipelineBuilder& builder = in.builder();
    if (change_.trigger.has_value() && !change_.accumulation_mode.has_value()) {
      builder.AddFault(
          "has a trigger but no accumulation mode; add .DiscardingFiredPanes() or "
          ".AccumulatingFiredPanes()");
    }
    const bool fits = !change_.window_fn.has_value() || change_.window_fn->is_of_time() ||
                      *change_.window_fn->custom->element_type() == typeid(T);
    if (!fits) {
      builder.AddFault("has windows of other elements, " + change_.window_fn->ToString() +
                       ", than a collection of " + std::string(TypeName<T>()));
    }
    return AddStep<T>(in, MakeStep<WindowIntoStep<T>>(change_));
  }

 private:
  WindowingChange change_;
};

/// Gives each element the timestamp that `fn` returns for it, which goes before any it had.
template <class F>
struct WithTimestamps : Transform {
  explicit WithTimestamps(F fn, std::source_location where = std::source_location::current())
      : Transform(where), fn(std::move(fn)) {}
  static constexpr std::string_view kKind = "WithTimestamps";
  template <class T>
  PCollection<T> Expand(const PCollection<T>& in) const {
    using Signature = signature::Of<F>;
    using Parameter = typename signature::First<typename Signature::Parameters>::type;
    constexpr bool kFits = Signature::kReadable && Signature::Parameters::kSize == 1 &&
                           std::is_same_v<typename Signature::Return, Timestamp>;
    static_assert(kFits,
                  "Joist: a WithTimestamps function takes the element and returns its "
                  "joist::Timestamp.");
    if constexpr (kFits) {
      static_assert(PassingOf<Parameter, T>() != Passing::kNone,
                    "Joist: this function's parameter cannot take the collection's elements.");
      return AddStep<T>(in, MakeStep<WithTimestampsStep<T, F>>(fn));
    } else {
      return in;
    }
  }
  F fn;
};

}  // namespace joist

#endif  // JOIST_SDK_WINDOW_INTO_H_
