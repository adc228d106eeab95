// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/portability/model_proto.h"

#include <org/apache/beam/model/pipeline/v1/beam_runner_api.pb.h>
#include <org/apache/beam/model/pipeline/v1/standard_window_fns.pb.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "joist/model/custom_windows.h"
#include "joist/portability/quoted.h"
#include "joist/portability/urns.h"

namespace joist::portability {
namespace {

class CoderReader {
 public:
  explicit CoderReader(const pipeline::Components& components) : components_(components) {}

  Result<CoderSpec> Read(const std::string& id) {
    if (std::any_of(path_.begin(), path_.end(),
                    [&id](const std::string* outer) { return *outer == id; })) {
      return InvalidArgument("the coder " + Quoted(id) + " is a part of itself");
    }
    if (path_.size() >= kMostCoderDepth) {
      return InvalidArgument("the coder " + Quoted(*path_.front()) + " nests deeper than " +
                             std::to_string(kMostCoderDepth));
    }
    if (++parts_ > kMostCoderParts) {
      return InvalidArgument("the coder " + Quoted(*path_.front()) + " has more than " +
                             std::to_string(kMostCoderParts) + " parts");
    }
    const auto found = components_.coders().find(id);
    if (found == components_.coders().end()) {
      return InvalidArgument("the coder " + Quoted(id) +
                             (path_.empty()
                                  ? " does not exist"
                                  : ", part of " + Quoted(*path_.back()) + ", does not exist"));
    }
    const pipeline::Coder& proto = found->second;
    if (proto.spec().urn().empty()) {
      return InvalidArgument("the coder " + Quoted(id) + " has no URN");
    }
    CoderSpec coder;
    coder.urn = proto.spec().urn();
    coder.payload = proto.spec().payload();
    path_.push_back(&id);
    for (const std::string& component : proto.component_coder_ids()) {
      JOIST_ASSIGN_OR_RETURN(CoderSpec part, Read(component));
      coder.components.push_back(std::move(part));
    }
    path_.pop_back();
    return coder;
  }

 private:
  const pipeline::Components& components_;
  std::vector<const std::string*> path_;  ///< Of the coders that are being read.
  int parts_ = 0;
};

/// A google.protobuf.Duration or Timestamp.
template <class Time>
Result<Duration> MillisOf(const Time& time, std::string_view what) {
  constexpr int32_t kNanosPerMilli = 1'000'000;
  if (time.nanos() % kNanosPerMilli != 0) {
    return InvalidArgument("the " + std::string(what) + " of " + std::to_string(time.seconds()) +
                           " s and " + std::to_string(time.nanos()) +
                           " ns is no whole number of milliseconds");
  }
  return Duration::Seconds(time.seconds()) + Duration::Millis(time.nanos() / kNanosPerMilli);
}

template <class Payload>
Result<Payload> PayloadOf(const pipeline::FunctionSpec& spec) {
  Payload payload;
  if (!payload.ParseFromString(spec.payload())) {
    return InvalidArgument("the payload of the window function " + Quoted(spec.urn()) +
                           " is malformed");
  }
  return payload;
}

/// An offset counts from any boundary; Joist's from the first one at or after 0.
Duration OffsetWithin(Duration offset, Duration step) {
  return step.millis > 0 ? Duration{FloorMod(offset.millis, step.millis)} : offset;
}

Result<WindowFn> WindowFnFromProto(const pipeline::WindowingStrategy& strategy,
                                   const CustomWindowsMaker& custom) {
  const pipeline::FunctionSpec& spec = strategy.window_fn();
  if (spec.urn() == kGlobalWindowsUrn) return WindowFn::Global();
  if (spec.urn() == kFixedWindowsUrn) {
    JOIST_ASSIGN_OR_RETURN(const auto payload, PayloadOf<pipeline::FixedWindowsPayload>(spec));
    JOIST_ASSIGN_OR_RETURN(const Duration size, MillisOf(payload.size(), "size of fixed windows"));
    JOIST_ASSIGN_OR_RETURN(const Duration offset,
                           MillisOf(payload.offset(), "offset of fixed windows"));
    return WindowFn::Fixed(size, OffsetWithin(offset, size));
  }
  if (spec.urn() == kSlidingWindowsUrn) {
    JOIST_ASSIGN_OR_RETURN(const auto payload, PayloadOf<pipeline::SlidingWindowsPayload>(spec));
    JOIST_ASSIGN_OR_RETURN(const Duration size,
                           MillisOf(payload.size(), "size of sliding windows"));
    JOIST_ASSIGN_OR_RETURN(const Duration period,
                           MillisOf(payload.period(), "period of sliding windows"));
    JOIST_ASSIGN_OR_RETURN(const Duration offset,
                           MillisOf(payload.offset(), "offset of sliding windows"));
    return WindowFn::Sliding(size, period, OffsetWithin(offset, period));
  }
  if (spec.urn() == kSessionWindowsUrn) {
    JOIST_ASSIGN_OR_RETURN(const auto payload, PayloadOf<pipeline::SessionWindowsPayload>(spec));
    JOIST_ASSIGN_OR_RETURN(const Duration gap, MillisOf(payload.gap_size(), "gap of sessions"));
    return WindowFn::Sessions(gap);
  }
  if (spec.urn().empty()) return InvalidArgument("there is no window function");
  WindowFn fn;
  fn.kind = WindowFn::Kind::kCustom;
  fn.urn = spec.urn();
  fn.payload = spec.payload();
  JOIST_ASSIGN_OR_RETURN(fn.custom, custom(strategy));
  return fn;
}

Result<Trigger> TriggerFromProto(const pipeline::Trigger& proto, int depth);

template <class Triggers>
Result<std::vector<Trigger>> TriggersFromProto(const Triggers& protos, int depth) {
  std::vector<Trigger> triggers;
  for (const pipeline::Trigger& proto : protos) {
    JOIST_ASSIGN_OR_RETURN(Trigger trigger, TriggerFromProto(proto, depth));
    triggers.push_back(std::move(trigger));
  }
  return triggers;
}

Result<Trigger> AfterProcessingTimeFromProto(const pipeline::Trigger::AfterProcessingTime& proto) {
  Trigger trigger = Trigger::AfterProcessingTime();
  for (const pipeline::TimestampTransform& transform : proto.timestamp_transforms()) {
    Trigger::Delay delay;
    if (transform.has_delay()) {
      delay.delay = Duration::Millis(transform.delay().delay_millis());
      if (delay.delay < Duration::Zero()) {
        return InvalidArgument("a trigger after processing time has a negative delay");
      }
      if (delay.delay == Duration::Zero()) continue;
    } else if (transform.has_align_to()) {
      delay.period = Duration::Millis(transform.align_to().period());
      delay.offset = Duration::Millis(transform.align_to().offset());
      if (delay.period <= Duration::Zero()) {
        return InvalidArgument(
            "a trigger after processing time is aligned to a period that is not positive");
      }
    } else {
      return InvalidArgument("a trigger after processing time has a delay of no known kind");
    }
    trigger.delays.push_back(delay);
  }
  return trigger;
}

Result<Trigger> TriggerFromProto(const pipeline::Trigger& proto, int depth) {
  if (depth >= kMostTriggerDepth) {
    return InvalidArgument("the trigger nests deeper than " + std::to_string(kMostTriggerDepth));
  }
  using Proto = pipeline::Trigger;
  switch (proto.trigger_case()) {
    case Proto::kDefault: return Trigger::Default();
    case Proto::kAlways: return Trigger::Always();
    case Proto::kNever: return Trigger::Never();
    case Proto::kElementCount: return Trigger::AfterCount(proto.element_count().element_count());
    case Proto::kAfterProcessingTime:
      return AfterProcessingTimeFromProto(proto.after_processing_time());
    case Proto::kAfterSynchronizedProcessingTime: return Trigger::AfterSynchronizedProcessingTime();
    case Proto::kAfterEndOfWindow: {
      const Proto::AfterEndOfWindow& parts = proto.after_end_of_window();
      Trigger early = Trigger::Never();
      Trigger late = Trigger::Never();
      if (parts.has_early_firings()) {
        JOIST_ASSIGN_OR_RETURN(early, TriggerFromProto(parts.early_firings(), depth + 1));
      }
      if (parts.has_late_firings()) {
        JOIST_ASSIGN_OR_RETURN(late, TriggerFromProto(parts.late_firings(), depth + 1));
      }
      return Trigger::AfterWatermark(std::move(early), std::move(late));
    }
    case Proto::kRepeat: {
      JOIST_ASSIGN_OR_RETURN(Trigger part,
                             TriggerFromProto(proto.repeat().subtrigger(), depth + 1));
      return Trigger::Repeatedly(std::move(part));
    }
    case Proto::kOrFinally: {
      JOIST_ASSIGN_OR_RETURN(Trigger part, TriggerFromProto(proto.or_finally().main(), depth + 1));
      JOIST_ASSIGN_OR_RETURN(Trigger until,
                             TriggerFromProto(proto.or_finally().finally(), depth + 1));
      return Trigger::OrFinally(std::move(part), std::move(until));
    }
    case Proto::kAfterAll: {
      JOIST_ASSIGN_OR_RETURN(std::vector<Trigger> parts,
                             TriggersFromProto(proto.after_all().subtriggers(), depth + 1));
      return Trigger::AfterAll(std::move(parts));
    }
    case Proto::kAfterAny: {
      JOIST_ASSIGN_OR_RETURN(std::vector<Trigger> parts,
                             TriggersFromProto(proto.after_any().subtriggers(), depth + 1));
      return Trigger::AfterFirst(std::move(parts));
    }
    case Proto::kAfterEach: {
      JOIST_ASSIGN_OR_RETURN(std::vector<Trigger> parts,
                             TriggersFromProto(proto.after_each().subtriggers(), depth + 1));
      return Trigger::AfterEach(std::move(parts));
    }
    case Proto::TRIGGER_NOT_SET: break;
  }
  return InvalidArgument("there is no trigger, or one of a kind that is not known");
}

Status UnknownValue(std::string_view what, int value) {
  return InvalidArgument("the " + std::string(what) + " " + std::to_string(value) +
                         " is not known");
}

/// The enumerations; what is unspecified stays as it is.
Status ReadModes(const pipeline::WindowingStrategy& proto, WindowingStrategy* strategy) {
  switch (proto.accumulation_mode()) {
    case pipeline::AccumulationMode::UNSPECIFIED: break;
    case pipeline::AccumulationMode::DISCARDING:
      strategy->accumulation_mode = AccumulationMode::kDiscarding;
      break;
    case pipeline::AccumulationMode::ACCUMULATING:
      strategy->accumulation_mode = AccumulationMode::kAccumulating;
      break;
    case pipeline::AccumulationMode::RETRACTING:
      strategy->accumulation_mode = AccumulationMode::kRetracting;
      break;
    default: return UnknownValue("accumulation mode", proto.accumulation_mode());
  }
  switch (proto.output_time()) {
    case pipeline::OutputTime::UNSPECIFIED: break;
    case pipeline::OutputTime::END_OF_WINDOW:
      strategy->timestamp_combiner = TimestampCombiner::kEndOfWindow;
      break;
    case pipeline::OutputTime::LATEST_IN_PANE:
      strategy->timestamp_combiner = TimestampCombiner::kLatest;
      break;
    case pipeline::OutputTime::EARLIEST_IN_PANE:
      strategy->timestamp_combiner = TimestampCombiner::kEarliest;
      break;
    default: return UnknownValue("output time", proto.output_time());
  }
  switch (proto.closing_behavior()) {
    case pipeline::ClosingBehavior::UNSPECIFIED: break;
    case pipeline::ClosingBehavior::EMIT_ALWAYS:
      strategy->closing_behavior = ClosingBehavior::kEmitAlways;
      break;
    case pipeline::ClosingBehavior::EMIT_IF_NONEMPTY:
      strategy->closing_behavior = ClosingBehavior::kEmitIfNonempty;
      break;
    default: return UnknownValue("closing behavior", proto.closing_behavior());
  }
  switch (proto.on_time_behavior()) {
    case pipeline::OnTimeBehavior::UNSPECIFIED: break;
    case pipeline::OnTimeBehavior::FIRE_ALWAYS:
      strategy->on_time_behavior = OnTimeBehavior::kFireAlways;
      break;
    case pipeline::OnTimeBehavior::FIRE_IF_NONEMPTY:
      strategy->on_time_behavior = OnTimeBehavior::kFireIfNonempty;
      break;
    default: return UnknownValue("on-time behavior", proto.on_time_behavior());
  }
  switch (proto.merge_status()) {
    case pipeline::MergeStatus::UNSPECIFIED:
    case pipeline::MergeStatus::NON_MERGING:
    case pipeline::MergeStatus::NEEDS_MERGE: break;
    case pipeline::MergeStatus::ALREADY_MERGED: strategy->windows_are_merged = true; break;
    default: return UnknownValue("merge status", proto.merge_status());
  }
  return OkStatus();
}

}  // namespace

Result<CoderSpec> CoderFromProto(const std::string& coder_id,
                                 const pipeline::Components& components) {
  return CoderReader(components).Read(coder_id);
}

Result<std::shared_ptr<const CustomWindowFn>> FindCustomWindows(
    const pipeline::WindowingStrategy& proto) {
  std::shared_ptr<const CustomWindowFn> found =
      FindCustomWindowFn(proto.window_fn().urn(), proto.window_fn().payload());
  if (found == nullptr) {
    return InvalidArgument("the window function " + Quoted(proto.window_fn().urn()) +
                           " is not known here");
  }
  return found;
}

Result<WindowingStrategy> WindowingFromProto(const pipeline::WindowingStrategy& proto,
                                             const pipeline::Components& components,
                                             const CustomWindowsMaker& custom) {
  if (!proto.window_coder_id().empty() && !components.coders().contains(proto.window_coder_id())) {
    return InvalidArgument("the coder of windows " + Quoted(proto.window_coder_id()) +
                           " does not exist");
  }
  WindowingStrategy strategy;
  JOIST_ASSIGN_OR_RETURN(strategy.window_fn, WindowFnFromProto(proto, custom));
  JOIST_ASSIGN_OR_RETURN(strategy.trigger, TriggerFromProto(proto.trigger(), 0));
  strategy.allowed_lateness = Duration::Millis(proto.allowed_lateness());
  JOIST_RETURN_IF_ERROR(ReadModes(proto, &strategy));
  JOIST_RETURN_IF_ERROR(strategy.Validate());
  return strategy;
}

}  // namespace joist::portability
