// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Timers: a function over KVs is called again for a key and window when its time has come. It asks
// for a timer by a parameter, by value, whose Tag is the first parameter of the call:
//
//   struct Expire {};
//   void Process(const KV<std::string, Page>& visit, EventTimer<Expire> expire, Timestamp t, …) {
//     expire.Set(t + Duration::Minutes(30));
//   }
//   void OnTimer(Expire, BagState<Page> pages, Emit<…> emit) { … }
//
//   EventTimer<Tag>             fires when the watermark passes its time
//   ProcessingTimer<Tag>        fires when the clock on the wall passes its time
//   EventTimerFamily<Tag>       many of them, by names that are made at run time; OnTimer may take
//   ProcessingTimerFamily<Tag>  the name as a TimerName
//
// After the tag OnTimer takes, in any order: the states and timers of Process, Emit, Timestamp (the
// timer's output timestamp), Window, TimerKey<K>, TimerName.

#ifndef JOIST_EXEC_TIMER_H_
#define JOIST_EXEC_TIMER_H_

#include <optional>
#include <string>
#include <string_view>

#include "joist/exec/keyed_timers.h"
#include "joist/model/timestamp.h"

namespace joist {

/// The key of the call.
template <class K>
class TimerKey {
 public:
  explicit TimerKey(const K* key) : key_(key) {}
  const K& operator*() const { return *key_; }
  const K* operator->() const { return key_; }

 private:
  const K* key_;
};

/// Which timer of a family has fired.
class TimerName {
 public:
  explicit TimerName(std::string_view name) : name_(name) {}
  std::string_view operator*() const { return name_; }

 private:
  std::string_view name_;
};

/// A timer of a key and window; good until the function returns.
class Timer {
 public:
  Timer(const TimerContext* context, uint32_t timer, std::string_view name)
      : context_(context), timer_(timer), name_(name) {}

  /// Fires when time passes `at`; takes the place of what was set before. In event time that must
  /// not be after the window's expiration; throws.
  void Set(Timestamp at) const { context_->Set(timer_, name_, at, output_); }
  /// From now: the watermark, or the time on the wall. In event time no later than the window's
  /// expiration.
  void SetRelative(Duration after) const {
    context_->SetRelative(timer_, name_, after, period_, output_);
  }
  /// With SetRelative: at the next multiple of `period`.
  Timer Align(Duration period) const {
    Timer aligned = *this;
    aligned.period_ = period;
    return aligned;
  }
  /// What OnTimer outputs has this timestamp, at which the watermark behind is held until then. By
  /// default the timer's time, of processing timers that of the element.
  Timer WithOutputTimestamp(Timestamp output) const {
    Timer with = *this;
    with.output_ = output;
    return with;
  }
  /// It does not fire.
  void Clear() const { context_->Clear(timer_, name_); }

 private:
  const TimerContext* context_;
  uint32_t timer_;
  std::string_view name_;
  Duration period_;
  std::optional<Timestamp> output_;
};

template <TimeDomain kTimeDomain, class Tag>
class TaggedTimer : public Timer {
 public:
  using tag_type = Tag;
  static constexpr TimeDomain kDomain = kTimeDomain;
  static constexpr bool kIsFamily = false;
  TaggedTimer(const TimerContext* context, uint32_t timer) : Timer(context, timer, "") {}
};
template <TimeDomain kTimeDomain, class Tag>
class TaggedTimerFamily {
 public:
  using tag_type = Tag;
  static constexpr TimeDomain kDomain = kTimeDomain;
  static constexpr bool kIsFamily = true;
  TaggedTimerFamily(const TimerContext* context, uint32_t timer)
      : context_(context), timer_(timer) {}
  /// The timer of that name, which must live as long as it is used.
  Timer Get(std::string_view name) const { return Timer(context_, timer_, name); }
  void Set(std::string_view name, Timestamp at) const { Get(name).Set(at); }

 private:
  const TimerContext* context_;
  uint32_t timer_;
};

template <class Tag>
using EventTimer = TaggedTimer<TimeDomain::kEvent, Tag>;
template <class Tag>
using ProcessingTimer = TaggedTimer<TimeDomain::kProcessing, Tag>;
template <class Tag>
using EventTimerFamily = TaggedTimerFamily<TimeDomain::kEvent, Tag>;
template <class Tag>
using ProcessingTimerFamily = TaggedTimerFamily<TimeDomain::kProcessing, Tag>;

template <class P>
inline constexpr bool kIsTimer = requires {
  typename P::tag_type;
  P::kDomain;
  P::kIsFamily;
};

}  // namespace joist

#endif  // JOIST_EXEC_TIMER_H_
