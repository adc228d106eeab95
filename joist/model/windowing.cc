// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/model/windowing.h"

#include <algorithm>
#include <numeric>
#include <string_view>

#include "joist/model/custom_windows.h"

namespace joist {
namespace {

Trigger Composite(Trigger::Kind kind, std::vector<Trigger> children) {
  Trigger trigger;
  trigger.kind = kind;
  trigger.children = std::move(children);
  return trigger;
}

std::string_view TriggerName(Trigger::Kind kind) {
  static constexpr std::string_view kNames[] = {"Default",
                                                "AfterWatermark",
                                                "AfterProcessingTime",
                                                "AfterSynchronizedProcessingTime",
                                                "AfterCount",
                                                "Repeatedly",
                                                "OrFinally",
                                                "AfterEach",
                                                "AfterFirst",
                                                "AfterAll",
                                                "Always",
                                                "Never"};
  return kNames[static_cast<uint8_t>(kind)];
}

}  // namespace

WindowFn WindowFn::Fixed(Duration size, Duration offset) {
  WindowFn fn;
  fn.kind = Kind::kFixed;
  fn.size = size;
  fn.offset = offset;
  return fn;
}

WindowFn WindowFn::Sliding(Duration size, Duration period, Duration offset) {
  WindowFn fn;
  fn.kind = Kind::kSliding;
  fn.size = size;
  fn.period = period;
  fn.offset = offset;
  return fn;
}

WindowFn WindowFn::Sessions(Duration gap) {
  WindowFn fn;
  fn.kind = Kind::kSessions;
  fn.size = gap;
  return fn;
}

bool WindowFn::is_merging() const {
  return kind == Kind::kCustom ? custom->is_merging() : kind == Kind::kSessions;
}

bool WindowFn::merges_overlapping() const {
  return kind == Kind::kCustom ? custom->merges_overlapping() : kind == Kind::kSessions;
}

bool WindowFn::is_of_time() const {
  return kind != Kind::kCustom || custom->element_type() == nullptr;
}

bool WindowFn::assigns_one_window() const {
  return kind == Kind::kCustom ? custom->assigns_one_window() : kind != Kind::kSliding;
}

bool operator==(const WindowFn& a, const WindowFn& b) {
  return a.kind == b.kind && a.size == b.size && a.period == b.period && a.offset == b.offset &&
         a.urn == b.urn && a.payload == b.payload;
}

std::vector<Window> CustomWindowsAt(const WindowFn& fn, Timestamp t) {
  std::vector<Window> windows;
  fn.custom->Assign(nullptr, WithinGlobal(t), &windows);
  return windows;
}

Status WindowFn::Validate() const {
  const Duration step = kind == Kind::kSliding ? period : size;
  switch (kind) {
    case Kind::kGlobal: return OkStatus();
    case Kind::kCustom: return custom->Validate();
    case Kind::kSessions:
      if (size.millis <= 0)
        return InvalidArgument("the gap of " + ToString() + " must be positive");
      return OkStatus();
    case Kind::kFixed:
    case Kind::kSliding:
      if (size.millis <= 0)
        return InvalidArgument("the size of " + ToString() + " must be positive");
      if (step.millis <= 0) {
        return InvalidArgument("the period of " + ToString() + " must be positive");
      }
      if (offset.millis < 0 || offset >= step) {
        return InvalidArgument("the offset of " + ToString() +
                               " must be at least 0 and less than " + step.ToString());
      }
      return OkStatus();
  }
  return OkStatus();
}

std::string WindowFn::ToString() const {
  const std::string shift = offset.millis == 0 ? "" : " after " + offset.ToString();
  switch (kind) {
    case Kind::kGlobal: return "GlobalWindows";
    case Kind::kFixed: return "FixedWindows(" + size.ToString() + shift + ")";
    case Kind::kSliding:
      return "SlidingWindows(" + size.ToString() + " every " + period.ToString() + shift + ")";
    case Kind::kSessions: return "Sessions(gap " + size.ToString() + ")";
    case Kind::kCustom: return custom->ToString();
  }
  return {};
}

WindowFn SlicesOf(const WindowFn& sliding) {
  const Duration size = {std::gcd(sliding.size.millis, sliding.period.millis)};
  return WindowFn::Fixed(size, {sliding.offset.millis % size.millis});
}

bool SlicingPays(const WindowFn& sliding) {
  // A window merges size/slice slices of each key, where it would take an element size/period
  // times.
  constexpr int64_t kMostSlicesOfPeriod = 4;
  return sliding.period.millis <= kMostSlicesOfPeriod * SlicesOf(sliding).size.millis;
}

Window SideInputWindow(const WindowFn& side, const Window& window) {
  JOIST_CHECK(!side.is_merging());
  // Of several sliding windows the last one taken, which is the earliest: Beam's choice.
  Window result;
  AssignWindows(side, window.max_timestamp(), [&](const Window& w) { result = w; });
  return result;
}

bool operator==(const Trigger& a, const Trigger& b) {
  return a.kind == b.kind && a.count == b.count && a.delays == b.delays && a.children == b.children;
}

Trigger Trigger::AfterWatermark() { return AfterWatermark(Never(), Never()); }
Trigger Trigger::AfterWatermark(Trigger early, Trigger late) {
  return Composite(Kind::kAfterWatermark, {std::move(early), std::move(late)});
}
Trigger Trigger::AfterProcessingTime(Duration delay) {
  Trigger trigger;
  trigger.kind = Kind::kAfterProcessingTime;
  if (delay.millis != 0) trigger.delays.push_back({delay, {}, {}});
  return trigger;
}
Trigger Trigger::AfterSynchronizedProcessingTime() {
  return Composite(Kind::kAfterSynchronizedProcessingTime, {});
}
Trigger Trigger::AfterCount(int64_t count) {
  Trigger trigger;
  trigger.kind = Kind::kAfterCount;
  trigger.count = count;
  return trigger;
}
Trigger Trigger::Repeatedly(Trigger trigger) {
  return Composite(Kind::kRepeatedly, {std::move(trigger)});
}
Trigger Trigger::OrFinally(Trigger trigger, Trigger until) {
  return Composite(Kind::kOrFinally, {std::move(trigger), std::move(until)});
}
Trigger Trigger::AfterEach(std::vector<Trigger> triggers) {
  return Composite(Kind::kAfterEach, std::move(triggers));
}
Trigger Trigger::AfterFirst(std::vector<Trigger> triggers) {
  return Composite(Kind::kAfterFirst, std::move(triggers));
}
Trigger Trigger::AfterAll(std::vector<Trigger> triggers) {
  return Composite(Kind::kAfterAll, std::move(triggers));
}
Trigger Trigger::Always() { return Composite(Kind::kAlways, {}); }
Trigger Trigger::Never() { return Composite(Kind::kNever, {}); }

// As Trigger.getContinuationTrigger in Beam's Java SDK.
Trigger Trigger::Continuation() const {
  std::vector<Trigger> parts;
  for (const Trigger& child : children) parts.push_back(child.Continuation());
  switch (kind) {
    case Kind::kDefault:
    case Kind::kAlways:
    case Kind::kNever:
    case Kind::kAfterSynchronizedProcessingTime: return *this;
    case Kind::kAfterProcessingTime: return AfterSynchronizedProcessingTime();
    case Kind::kAfterCount: return AfterCount(1);
    case Kind::kAfterEach: return Repeatedly(AfterFirst(std::move(parts)));
    case Kind::kOrFinally: return Repeatedly(Composite(kind, std::move(parts)));
    default: return Composite(kind, std::move(parts));
  }
}

bool Trigger::MayFinish() const {
  const auto may = [](const Trigger& part) { return part.MayFinish(); };
  switch (kind) {
    case Kind::kDefault:
    case Kind::kAlways:
    case Kind::kNever:
    case Kind::kRepeatedly: return false;
    case Kind::kAfterWatermark: return children[1].kind == Kind::kNever;
    case Kind::kAfterEach:
    case Kind::kAfterAll: return std::all_of(children.begin(), children.end(), may);
    case Kind::kAfterFirst:
    case Kind::kOrFinally: return std::any_of(children.begin(), children.end(), may);
    default: return true;
  }
}

Status Trigger::Validate() const {
  size_t least = 0;
  size_t most = 0;
  switch (kind) {
    case Kind::kAfterWatermark:
    case Kind::kOrFinally: least = most = 2; break;
    case Kind::kRepeatedly: least = most = 1; break;
    case Kind::kAfterEach:
    case Kind::kAfterFirst:
    case Kind::kAfterAll:
      least = 1;
      most = SIZE_MAX;
      break;
    default: break;
  }
  if (children.size() < least || children.size() > most) {
    return InvalidArgument("the trigger " + ToString() + " has " + std::to_string(children.size()) +
                           " parts, which it cannot have");
  }
  if (kind == Kind::kAfterCount && count < 1) {
    return InvalidArgument("the trigger " + ToString() + " must wait for at least one element");
  }
  for (const Trigger& child : children) JOIST_RETURN_IF_ERROR(child.Validate());
  return OkStatus();
}

std::string Trigger::ToString() const {
  std::string text(TriggerName(kind));
  std::string inside;
  const auto add = [&inside](const std::string& part) {
    if (!inside.empty()) inside += ", ";
    inside += part;
  };
  if (kind == Kind::kAfterCount) add(std::to_string(count));
  for (const Delay& delay : delays) {
    add(delay.period.millis == 0
            ? delay.delay.ToString()
            : "aligned to " + delay.period.ToString() +
                  (delay.offset.millis == 0 ? std::string() : " after " + delay.offset.ToString()));
  }
  if (kind == Kind::kAfterWatermark && children.size() == 2) {
    if (children[0].kind != Kind::kNever) add("early " + children[0].ToString());
    if (children[1].kind != Kind::kNever) add("late " + children[1].ToString());
  } else {
    for (const Trigger& child : children) add(child.ToString());
  }
  return inside.empty() ? text : text + "(" + inside + ")";
}

bool WindowingStrategy::fires_once_on_time() const {
  const bool waits_for_end = trigger.kind == Trigger::Kind::kDefault ||
                             (trigger.kind == Trigger::Kind::kAfterWatermark &&
                              trigger.children[0].kind == Trigger::Kind::kNever);
  return waits_for_end && !needs_element_times() && allowed_lateness == Duration::Zero() &&
         closing_behavior == ClosingBehavior::kEmitIfNonempty;
}

Status WindowingStrategy::Validate() const {
  JOIST_RETURN_IF_ERROR(window_fn.Validate());
  JOIST_RETURN_IF_ERROR(trigger.Validate());
  if (allowed_lateness.millis < 0) return InvalidArgument("the allowed lateness is negative");
  return OkStatus();
}

// As GroupByKey.applicableTo in Beam's Java SDK.
Status WindowingStrategy::ValidateGrouping(bool is_bounded) const {
  if (!is_bounded && window_fn.is_global() && trigger.kind == Trigger::Kind::kDefault) {
    return InvalidArgument(
        "groups a collection without end in the global window with the default trigger, which "
        "would never give anything; use WindowInto with other windows or with a trigger");
  }
  const bool ends_with_window =
      trigger.kind == Trigger::Kind::kAfterWatermark && allowed_lateness.millis == 0;
  if (trigger.MayFinish() && !ends_with_window) {
    return InvalidArgument("groups with the trigger " + trigger.ToString() +
                           ", which may finish and lose what comes after; wrap it in "
                           "Trigger::Repeatedly");
  }
  return OkStatus();
}

WindowingStrategy WindowingStrategy::AfterGrouping() const {
  WindowingStrategy after = *this;
  after.trigger = trigger.Continuation();
  after.windows_are_merged = window_fn.is_merging();
  return after;
}

std::string WindowingStrategy::ToString() const {
  std::string text = window_fn.ToString();
  if (trigger.kind != Trigger::Kind::kDefault) text += ", " + trigger.ToString();
  if (accumulation_mode == AccumulationMode::kAccumulating) text += ", accumulating";
  if (accumulation_mode == AccumulationMode::kRetracting) text += ", retracting";
  if (allowed_lateness.millis != 0) text += ", allowed lateness " + allowed_lateness.ToString();
  if (timestamp_combiner == TimestampCombiner::kEarliest) text += ", earliest timestamp";
  if (timestamp_combiner == TimestampCombiner::kLatest) text += ", latest timestamp";
  if (closing_behavior == ClosingBehavior::kEmitAlways) text += ", closes with a pane always";
  if (on_time_behavior == OnTimeBehavior::kFireIfNonempty) text += ", on time only if nonempty";
  return text;
}

}  // namespace joist
