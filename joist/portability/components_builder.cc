// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/portability/components_builder.h"

#include <org/apache/beam/model/pipeline/v1/beam_runner_api.pb.h>
#include <org/apache/beam/model/pipeline/v1/standard_window_fns.pb.h>

#include <utility>

#include "joist/portability/model_proto.h"
#include "joist/portability/urns.h"

namespace joist::portability {
namespace {

/// A google.protobuf.Duration or Timestamp; both have nanos that are not negative here.
template <class Time>
void SetTime(Duration time, Time* proto) {
  constexpr int64_t kMillis = 1000;
  constexpr int32_t kNanosPerMilli = 1'000'000;
  const int64_t within = FloorMod(time.millis, kMillis);
  proto->set_seconds((time.millis - within) / kMillis);
  proto->set_nanos(static_cast<int32_t>(within) * kNanosPerMilli);
}

template <class Payload>
void SetSpec(std::string_view urn, const Payload& payload, pipeline::FunctionSpec* spec) {
  spec->set_urn(std::string(urn));
  spec->set_payload(payload.SerializeAsString());
}

Status WindowFnToProto(const WindowFn& fn, pipeline::FunctionSpec* spec) {
  switch (fn.kind) {
    case WindowFn::Kind::kGlobal: spec->set_urn(std::string(kGlobalWindowsUrn)); return OkStatus();
    case WindowFn::Kind::kFixed: {
      pipeline::FixedWindowsPayload payload;
      SetTime(fn.size, payload.mutable_size());
      SetTime(fn.offset, payload.mutable_offset());
      SetSpec(kFixedWindowsUrn, payload, spec);
      return OkStatus();
    }
    case WindowFn::Kind::kSliding: {
      pipeline::SlidingWindowsPayload payload;
      SetTime(fn.size, payload.mutable_size());
      SetTime(fn.period, payload.mutable_period());
      SetTime(fn.offset, payload.mutable_offset());
      SetSpec(kSlidingWindowsUrn, payload, spec);
      return OkStatus();
    }
    case WindowFn::Kind::kSessions: {
      pipeline::SessionWindowsPayload payload;
      SetTime(fn.size, payload.mutable_gap_size());
      SetSpec(kSessionWindowsUrn, payload, spec);
      return OkStatus();
    }
    case WindowFn::Kind::kCustom:
      if (fn.urn.empty()) {
        return InvalidArgument("the window function " + fn.ToString() + " has no URN");
      }
      spec->set_urn(fn.urn);
      spec->set_payload(fn.payload);
      return OkStatus();
  }
  return OkStatus();
}

Status TriggerToProto(const Trigger& trigger, pipeline::Trigger* proto) {
  const auto add_all = [&trigger](auto* composite) {
    for (const Trigger& child : trigger.children) {
      JOIST_RETURN_IF_ERROR(TriggerToProto(child, composite->add_subtriggers()));
    }
    return OkStatus();
  };
  switch (trigger.kind) {
    case Trigger::Kind::kDefault: proto->mutable_default_(); return OkStatus();
    case Trigger::Kind::kAlways: proto->mutable_always(); return OkStatus();
    case Trigger::Kind::kNever: proto->mutable_never(); return OkStatus();
    case Trigger::Kind::kAfterSynchronizedProcessingTime:
      proto->mutable_after_synchronized_processing_time();
      return OkStatus();
    case Trigger::Kind::kAfterCount:
      if (trigger.count > INT32_MAX) {
        return InvalidArgument("the trigger " + trigger.ToString() +
                               " counts further than Beam's protocol does, " +
                               std::to_string(INT32_MAX));
      }
      proto->mutable_element_count()->set_element_count(static_cast<int32_t>(trigger.count));
      return OkStatus();
    case Trigger::Kind::kAfterProcessingTime: {
      auto* transforms = proto->mutable_after_processing_time()->mutable_timestamp_transforms();
      // Beam's Python SDK asks for one.
      if (trigger.delays.empty()) transforms->Add()->mutable_delay();
      for (const Trigger::Delay& delay : trigger.delays) {
        pipeline::TimestampTransform* transform = transforms->Add();
        if (delay.period == Duration::Zero()) {
          transform->mutable_delay()->set_delay_millis(delay.delay.millis);
        } else {
          transform->mutable_align_to()->set_period(delay.period.millis);
          transform->mutable_align_to()->set_offset(delay.offset.millis);
        }
      }
      return OkStatus();
    }
    case Trigger::Kind::kAfterWatermark: {
      pipeline::Trigger::AfterEndOfWindow* parts = proto->mutable_after_end_of_window();
      if (trigger.children[0].kind != Trigger::Kind::kNever) {
        JOIST_RETURN_IF_ERROR(TriggerToProto(trigger.children[0], parts->mutable_early_firings()));
      }
      if (trigger.children[1].kind != Trigger::Kind::kNever) {
        JOIST_RETURN_IF_ERROR(TriggerToProto(trigger.children[1], parts->mutable_late_firings()));
      }
      return OkStatus();
    }
    case Trigger::Kind::kRepeatedly:
      return TriggerToProto(trigger.children[0], proto->mutable_repeat()->mutable_subtrigger());
    case Trigger::Kind::kOrFinally:
      JOIST_RETURN_IF_ERROR(
          TriggerToProto(trigger.children[0], proto->mutable_or_finally()->mutable_main()));
      return TriggerToProto(trigger.children[1], proto->mutable_or_finally()->mutable_finally());
    case Trigger::Kind::kAfterAll: return add_all(proto->mutable_after_all());
    case Trigger::Kind::kAfterFirst: return add_all(proto->mutable_after_any());
    case Trigger::Kind::kAfterEach: return add_all(proto->mutable_after_each());
  }
  return OkStatus();
}

pipeline::AccumulationMode::Enum ToProto(AccumulationMode mode) {
  switch (mode) {
    case AccumulationMode::kDiscarding: return pipeline::AccumulationMode::DISCARDING;
    case AccumulationMode::kAccumulating: return pipeline::AccumulationMode::ACCUMULATING;
    case AccumulationMode::kRetracting: return pipeline::AccumulationMode::RETRACTING;
  }
  return pipeline::AccumulationMode::UNSPECIFIED;
}

pipeline::OutputTime::Enum ToProto(TimestampCombiner combiner) {
  switch (combiner) {
    case TimestampCombiner::kEndOfWindow: return pipeline::OutputTime::END_OF_WINDOW;
    case TimestampCombiner::kEarliest: return pipeline::OutputTime::EARLIEST_IN_PANE;
    case TimestampCombiner::kLatest: return pipeline::OutputTime::LATEST_IN_PANE;
  }
  return pipeline::OutputTime::UNSPECIFIED;
}

/// `name` and the first number from `from` on under which `taken` has nothing.
template <class Taken>
std::string FreeId(const Taken& taken, std::string_view name, size_t from) {
  for (size_t number = from;; ++number) {
    std::string id = std::string(name) + std::to_string(number);
    if (!taken.contains(id)) return id;
  }
}

}  // namespace

ComponentsBuilder::ComponentsBuilder(pipeline::Components* components) : components_(components) {
  // Of several that are equal the first by name, whatever the order of the message's map.
  const auto keep = [](auto* known, auto key, const std::string& id) {
    const auto [at, is_new] = known->emplace(std::move(key), id);
    if (!is_new && id < at->second) at->second = id;
  };
  for (const auto& [id, coder] : components->coders()) {
    keep(&coders_,
         CoderKey{coder.spec().urn(),
                  coder.spec().payload(),
                  {coder.component_coder_ids().begin(), coder.component_coder_ids().end()}},
         id);
  }
  for (const auto& [id, windowing] : components->windowing_strategies()) {
    keep(&windowings_, windowing.SerializeAsString(), id);
  }
}

std::string ComponentsBuilder::AddCoder(const CoderSpec& coder) {
  CoderKey key{coder.urn, coder.payload, {}};
  for (const CoderSpec& component : coder.components) {
    std::get<2>(key).push_back(AddCoder(component));
  }
  if (const auto known = coders_.find(key); known != coders_.end()) return known->second;
  auto* all = components_->mutable_coders();
  const std::string id = FreeId(*all, "coder_", coders_.size());
  pipeline::Coder& proto = (*all)[id];
  proto.mutable_spec()->set_urn(coder.urn);
  proto.mutable_spec()->set_payload(coder.payload);
  for (const std::string& component : std::get<2>(key)) proto.add_component_coder_ids(component);
  coders_.emplace(std::move(key), id);
  return id;
}

Result<std::string> ComponentsBuilder::AddWindowing(const WindowingStrategy& windowing,
                                                    const std::string& environment_id) {
  JOIST_RETURN_IF_ERROR(windowing.Validate());
  const WindowFn& fn = windowing.window_fn;
  pipeline::WindowingStrategy proto;
  JOIST_RETURN_IF_ERROR(WindowFnToProto(fn, proto.mutable_window_fn()));
  JOIST_RETURN_IF_ERROR(TriggerToProto(windowing.trigger, proto.mutable_trigger()));
  proto.set_merge_status(windowing.windows_are_merged ? pipeline::MergeStatus::ALREADY_MERGED
                         : fn.is_merging()            ? pipeline::MergeStatus::NEEDS_MERGE
                                                      : pipeline::MergeStatus::NON_MERGING);
  proto.set_window_coder_id(
      AddCoder(MakeCoderSpec(fn.is_global() ? kGlobalWindowCoder : kIntervalWindowCoder)));
  proto.set_accumulation_mode(ToProto(windowing.accumulation_mode));
  proto.set_output_time(ToProto(windowing.timestamp_combiner));
  proto.set_closing_behavior(windowing.closing_behavior == ClosingBehavior::kEmitAlways
                                 ? pipeline::ClosingBehavior::EMIT_ALWAYS
                                 : pipeline::ClosingBehavior::EMIT_IF_NONEMPTY);
  proto.set_on_time_behavior(windowing.on_time_behavior == OnTimeBehavior::kFireAlways
                                 ? pipeline::OnTimeBehavior::FIRE_ALWAYS
                                 : pipeline::OnTimeBehavior::FIRE_IF_NONEMPTY);
  proto.set_allowed_lateness(windowing.allowed_lateness.millis);
  proto.set_assigns_to_one_window(fn.assigns_one_window());
  proto.set_environment_id(environment_id);

  std::string bytes = proto.SerializeAsString();
  if (const auto known = windowings_.find(bytes); known != windowings_.end()) return known->second;
  auto* all = components_->mutable_windowing_strategies();
  std::string id = FreeId(*all, "windowing_", windowings_.size());
  (*all)[id] = std::move(proto);
  windowings_.emplace(std::move(bytes), id);
  return id;
}

}  // namespace joist::portability
