// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/portability/model_proto.h"

#include <gtest/gtest.h>
#include <org/apache/beam/model/pipeline/v1/beam_runner_api.pb.h>
#include <org/apache/beam/model/pipeline/v1/standard_window_fns.pb.h>

#include "joist/joist.h"
#include "joist/model/custom_windows.h"
#include "joist/model/standard_coder.h"
#include "joist/portability/components_builder.h"
#include "joist/portability/urns.h"

namespace joist::portability {

struct ModelProtoShifts {
  int64_t hours = 8;
  Window AssignWindow(Timestamp t) const { return FixedWindow(t, Duration::Hours(hours)); }
};
JOIST_ROW(ModelProtoShifts, hours)

namespace {

CoderSpec CoderThereAndBack(const CoderSpec& coder) {
  pipeline::Components components;
  const std::string id = ComponentsBuilder(&components).AddCoder(coder);
  pipeline::Components parsed;
  EXPECT_TRUE(parsed.ParseFromString(components.SerializeAsString()));
  const Result<CoderSpec> back = CoderFromProto(id, parsed);
  EXPECT_TRUE(back.ok()) << back.status().message();
  return back.ok() ? *back : CoderSpec();
}

TEST(CoderProto, EveryStandardCoderComesBack) {
  const CoderSpec part = MakeCoderSpec(kVarintCoder);
  for (const std::string_view urn : StandardCoder::Urns()) {
    for (const std::vector<CoderSpec>& parts :
         {std::vector<CoderSpec>{}, {part}, {MakeCoderSpec(kStringCoder), part}}) {
      CoderSpec coder = MakeCoderSpec(urn, parts);
      EXPECT_EQ(CoderThereAndBack(coder), coder) << coder.ToString();
      coder.payload = std::string("\0\xff payload", 10);
      EXPECT_EQ(CoderThereAndBack(coder), coder) << coder.ToString();
    }
  }
}

TEST(CoderProto, RowsKeepTheirSchema) {
  const CoderSpec coder = Coder<ModelProtoShifts>::Spec();
  ASSERT_EQ(coder.urn, kRowCoder);
  const CoderSpec back = CoderThereAndBack(coder);
  EXPECT_EQ(back, coder);
  const Result<Schema> schema = Schema::Parse(back.payload);
  ASSERT_TRUE(schema.ok());
  EXPECT_EQ(schema->ToString(), "hours INT64");
}

TEST(CoderProto, UnknownOnesKeepAllTheyHave) {
  CoderSpec coder = MakeCoderSpec("someone:coder:v7", {MakeCoderSpec("another:coder:v1")});
  coder.payload = "pickled";
  EXPECT_EQ(CoderThereAndBack(coder), coder);
}

TEST(CoderProto, EqualOnesAreOne) {
  pipeline::Components components;
  const CoderSpec text = MakeCoderSpec(kStringCoder);
  const CoderSpec pair = MakeCoderSpec(kKvCoder, {text, text});
  std::string first;
  {
    ComponentsBuilder builder(&components);
    first = builder.AddCoder(pair);
    EXPECT_EQ(builder.AddCoder(pair), first);
    EXPECT_EQ(components.coders_size(), 2);
  }
  // Nor are they added again to a message that has them.
  ComponentsBuilder again(&components);
  EXPECT_EQ(again.AddCoder(pair), first);
  EXPECT_EQ(components.coders_size(), 2);
  // New ones take no id that is there.
  EXPECT_NE(again.AddCoder(MakeCoderSpec(kBytesCoder)), first);
  EXPECT_EQ(components.coders_size(), 3);
}

std::string CoderFault(const pipeline::Components& components, const std::string& id) {
  const Result<CoderSpec> coder = CoderFromProto(id, components);
  EXPECT_FALSE(coder.ok());
  EXPECT_EQ(coder.ok() ? StatusCode::kOk : coder.status().code(), StatusCode::kInvalidArgument);
  return coder.ok() ? "" : coder.status().message();
}

void PutCoder(pipeline::Components* components, const std::string& id, std::string_view urn,
              const std::vector<std::string>& parts) {
  pipeline::Coder& coder = (*components->mutable_coders())[id];
  coder.mutable_spec()->set_urn(std::string(urn));
  for (const std::string& part : parts) coder.add_component_coder_ids(part);
}

TEST(CoderProto, MalformedOnesAreRefused) {
  pipeline::Components components;
  PutCoder(&components, "lost", kIterableCoder, {"nowhere"});
  PutCoder(&components, "a", kKvCoder, {"b", "b"});
  PutCoder(&components, "b", kIterableCoder, {"a"});
  PutCoder(&components, "nameless", "", {});
  EXPECT_EQ(CoderFault(components, "nowhere"), "the coder \"nowhere\" does not exist");
  EXPECT_EQ(CoderFault(components, "lost"),
            "the coder \"nowhere\", part of \"lost\", does not exist");
  EXPECT_EQ(CoderFault(components, "a"), "the coder \"a\" is a part of itself");
  EXPECT_EQ(CoderFault(components, "nameless"), "the coder \"nameless\" has no URN");
  EXPECT_EQ(CoderFault(components, "line\nbreak"), "the coder \"line break\" does not exist");
}

TEST(CoderProto, DepthAndSizeAreBounded) {
  pipeline::Components components;
  PutCoder(&components, "0", kBytesCoder, {});
  for (int depth = 1; depth <= kMostCoderDepth; ++depth) {
    const std::string below = std::to_string(depth - 1);
    PutCoder(&components, std::to_string(depth), kIterableCoder, {below});
    PutCoder(&components, "wide" + std::to_string(depth), kKvCoder,
             {depth == 1 ? "0" : "wide" + below, depth == 1 ? "0" : "wide" + below});
  }
  EXPECT_TRUE(CoderFromProto(std::to_string(kMostCoderDepth - 1), components).ok());
  EXPECT_EQ(CoderFault(components, std::to_string(kMostCoderDepth)),
            "the coder \"64\" nests deeper than 64");
  EXPECT_EQ(CoderFault(components, "wide40"), "the coder \"wide40\" has more than 10000 parts");
}

Result<WindowingStrategy> WindowingThereAndBack(const WindowingStrategy& windowing) {
  pipeline::Components components;
  JOIST_ASSIGN_OR_RETURN(const std::string id,
                         ComponentsBuilder(&components).AddWindowing(windowing));
  pipeline::Components parsed;
  EXPECT_TRUE(parsed.ParseFromString(components.SerializeAsString()));
  return WindowingFromProto(parsed.windowing_strategies().at(id), parsed);
}

void ExpectBack(const WindowingStrategy& windowing) {
  const Result<WindowingStrategy> back = WindowingThereAndBack(windowing);
  ASSERT_TRUE(back.ok()) << windowing.ToString() << ": " << back.status().message();
  EXPECT_EQ(*back, windowing) << windowing.ToString() << " became " << back->ToString();
}

TEST(WindowingProto, EveryWindowFunctionComesBack) {
  for (const WindowFn& fn :
       {WindowFn::Global(), WindowFn::Fixed(Duration::Millis(1)),
        WindowFn::Fixed(Duration::Minutes(90), Duration::Millis(1500)),
        WindowFn::Sliding(Duration::Seconds(10), Duration::Millis(2500), Duration::Millis(2499)),
        WindowFn::Sliding(Duration::Seconds(1), Duration::Seconds(3)),
        WindowFn::Sessions(Duration::Millis(333)), WindowFn::Fixed(Duration::Days(100'000)),
        CustomWindows(ModelProtoShifts{6})}) {
    WindowingStrategy windowing;
    windowing.window_fn = fn;
    ExpectBack(windowing);
  }
}

TEST(WindowingProto, CustomFunctionsAreWhatTheyWere) {
  WindowingStrategy windowing;
  windowing.window_fn = CustomWindows(ModelProtoShifts{6});
  const Result<WindowingStrategy> back = WindowingThereAndBack(windowing);
  ASSERT_TRUE(back.ok());
  const std::vector<Window> windows = CustomWindowsAt(back->window_fn, Timestamp::Millis(1));
  ASSERT_EQ(windows.size(), 1U);
  EXPECT_EQ(windows[0].end, Timestamp::Seconds(6 * 3600));
}

TEST(WindowingProto, EveryTriggerComesBack) {
  Trigger aligned = Trigger::AfterProcessingTime(Duration::Seconds(3));
  aligned.delays.push_back({{}, Duration::Minutes(1), Duration::Seconds(5)});
  const Trigger five = Trigger::AfterCount(5);
  const Trigger soon = Trigger::AfterProcessingTime();
  for (const Trigger& trigger :
       {Trigger::Default(), Trigger::AfterWatermark(), Trigger::AfterWatermark(five, soon),
        Trigger::AfterWatermark(five, Trigger::Never()),
        Trigger::AfterWatermark(Trigger::Never(), Trigger::Always()), soon, aligned,
        Trigger::AfterSynchronizedProcessingTime(), five, Trigger::AfterCount(INT32_MAX),
        Trigger::Repeatedly(five), Trigger::OrFinally(soon, five),
        Trigger::AfterEach({five, soon, aligned}), Trigger::AfterFirst({five, aligned}),
        Trigger::AfterAll({aligned, five}), Trigger::Always(), Trigger::Never(),
        Trigger::Repeatedly(Trigger::AfterFirst({Trigger::AfterAll({five, soon}), aligned}))}) {
    WindowingStrategy windowing;
    windowing.trigger = trigger;
    ExpectBack(windowing);
  }
}

TEST(WindowingProto, EveryModeComesBack) {
  WindowingStrategy windowing;
  windowing.window_fn = WindowFn::Sessions(Duration::Seconds(1));
  windowing.allowed_lateness = Duration::Hours(5);
  for (const auto mode : {AccumulationMode::kDiscarding, AccumulationMode::kAccumulating,
                          AccumulationMode::kRetracting}) {
    windowing.accumulation_mode = mode;
    for (const auto combiner : {TimestampCombiner::kEndOfWindow, TimestampCombiner::kEarliest,
                                TimestampCombiner::kLatest}) {
      windowing.timestamp_combiner = combiner;
      for (const bool flag : {false, true}) {
        windowing.closing_behavior =
            flag ? ClosingBehavior::kEmitAlways : ClosingBehavior::kEmitIfNonempty;
        ExpectBack(windowing);
        windowing.on_time_behavior =
            flag ? OnTimeBehavior::kFireIfNonempty : OnTimeBehavior::kFireAlways;
        ExpectBack(windowing);
        windowing.windows_are_merged = flag;
        ExpectBack(windowing);
      }
    }
  }
}

TEST(WindowingProto, EqualOnesAreOne) {
  pipeline::Components components;
  ComponentsBuilder builder(&components);
  WindowingStrategy hourly;
  hourly.window_fn = WindowFn::Fixed(Duration::Hours(1));
  const Result<std::string> first = builder.AddWindowing(hourly);
  ASSERT_TRUE(first.ok());
  EXPECT_EQ(*builder.AddWindowing(hourly), *first);
  EXPECT_EQ(*ComponentsBuilder(&components).AddWindowing(hourly), *first);
  EXPECT_NE(*builder.AddWindowing(WindowingStrategy()), *first);
  EXPECT_EQ(components.windowing_strategies_size(), 2);
}

TEST(WindowingProto, TellsTheRunnerWhatTheFunctionDoes) {
  pipeline::Components components;
  ComponentsBuilder builder(&components);
  WindowingStrategy windowing;
  windowing.window_fn = WindowFn::Sessions(Duration::Seconds(1));
  const auto add = [&] {
    return components.windowing_strategies().at(*builder.AddWindowing(windowing));
  };
  EXPECT_EQ(add().merge_status(), pipeline::MergeStatus::NEEDS_MERGE);
  EXPECT_TRUE(add().assigns_to_one_window());
  EXPECT_EQ(components.coders().at(add().window_coder_id()).spec().urn(), kIntervalWindowCoder);
  windowing.windows_are_merged = true;
  EXPECT_EQ(add().merge_status(), pipeline::MergeStatus::ALREADY_MERGED);
  windowing = {};
  EXPECT_EQ(add().merge_status(), pipeline::MergeStatus::NON_MERGING);
  EXPECT_EQ(components.coders().at(add().window_coder_id()).spec().urn(), kGlobalWindowCoder);
  windowing.window_fn = WindowFn::Sliding(Duration::Seconds(2), Duration::Seconds(1));
  EXPECT_FALSE(add().assigns_to_one_window());
}

TEST(WindowingProto, WhatTheProtocolCannotSayIsRefused) {
  WindowingStrategy windowing;
  windowing.trigger = Trigger::Repeatedly(Trigger::AfterCount(int64_t{1} << 31));
  const Result<WindowingStrategy> back = WindowingThereAndBack(windowing);
  ASSERT_FALSE(back.ok());
  EXPECT_EQ(back.status().message(),
            "the trigger AfterCount(2147483648) counts further than Beam's protocol does, "
            "2147483647");
}

/// A valid message to be spoilt.
pipeline::WindowingStrategy PlainProto() {
  pipeline::WindowingStrategy proto;
  proto.mutable_window_fn()->set_urn(std::string(kGlobalWindowsUrn));
  proto.mutable_trigger()->mutable_default_();
  return proto;
}

std::string WindowingFault(const pipeline::WindowingStrategy& proto) {
  const Result<WindowingStrategy> windowing = WindowingFromProto(proto, {});
  EXPECT_FALSE(windowing.ok());
  return windowing.ok() ? "" : windowing.status().message();
}

TEST(WindowingProto, UnspecifiedIsBeamsDefault) {
  const Result<WindowingStrategy> windowing = WindowingFromProto(PlainProto(), {});
  ASSERT_TRUE(windowing.ok());
  EXPECT_EQ(*windowing, WindowingStrategy());
}

TEST(WindowingProto, OffsetsCountFromAnyBoundary) {
  pipeline::WindowingStrategy proto = PlainProto();
  pipeline::FixedWindowsPayload payload;
  payload.mutable_size()->set_seconds(10);
  payload.mutable_offset()->set_seconds(-3);
  proto.mutable_window_fn()->set_urn(std::string(kFixedWindowsUrn));
  proto.mutable_window_fn()->set_payload(payload.SerializeAsString());
  const Result<WindowingStrategy> windowing = WindowingFromProto(proto, {});
  ASSERT_TRUE(windowing.ok());
  EXPECT_EQ(windowing->window_fn, WindowFn::Fixed(Duration::Seconds(10), Duration::Seconds(7)));
}

TEST(WindowingProto, MalformedOnesAreRefused) {
  pipeline::WindowingStrategy proto = PlainProto();
  proto.mutable_window_fn()->clear_urn();
  EXPECT_EQ(WindowingFault(proto), "there is no window function");
  proto.mutable_window_fn()->set_urn("beam:window_fn:pickled_python:v1");
  EXPECT_EQ(WindowingFault(proto),
            "the window function \"beam:window_fn:pickled_python:v1\" is not known here");
  proto.mutable_window_fn()->set_urn(std::string(kFixedWindowsUrn));
  EXPECT_EQ(WindowingFault(proto), "the size of FixedWindows(0s) must be positive");
  proto.mutable_window_fn()->set_payload("\xff\xff");
  EXPECT_EQ(WindowingFault(proto),
            "the payload of the window function \"beam:window_fn:fixed_windows:v1\" is malformed");
  pipeline::SessionWindowsPayload sessions;
  sessions.mutable_gap_size()->set_nanos(1'500'000);
  proto.mutable_window_fn()->set_urn(std::string(kSessionWindowsUrn));
  proto.mutable_window_fn()->set_payload(sessions.SerializeAsString());
  EXPECT_EQ(WindowingFault(proto),
            "the gap of sessions of 0 s and 1500000 ns is no whole number of milliseconds");

  proto = PlainProto();
  proto.set_window_coder_id("gone");
  EXPECT_EQ(WindowingFault(proto), "the coder of windows \"gone\" does not exist");
  proto = PlainProto();
  proto.set_allowed_lateness(-1);
  EXPECT_EQ(WindowingFault(proto), "the allowed lateness is negative");
  proto = PlainProto();
  proto.set_accumulation_mode(static_cast<pipeline::AccumulationMode::Enum>(17));
  EXPECT_EQ(WindowingFault(proto), "the accumulation mode 17 is not known");
}

TEST(WindowingProto, MalformedTriggersAreRefused) {
  pipeline::WindowingStrategy proto = PlainProto();
  proto.clear_trigger();
  EXPECT_EQ(WindowingFault(proto), "there is no trigger, or one of a kind that is not known");
  proto.mutable_trigger()->mutable_repeat();
  EXPECT_EQ(WindowingFault(proto), "there is no trigger, or one of a kind that is not known");
  proto.mutable_trigger()->mutable_after_all();
  EXPECT_EQ(WindowingFault(proto), "the trigger AfterAll has 0 parts, which it cannot have");
  proto.mutable_trigger()->mutable_element_count()->set_element_count(0);
  EXPECT_EQ(WindowingFault(proto), "the trigger AfterCount(0) must wait for at least one element");
  auto* transform =
      proto.mutable_trigger()->mutable_after_processing_time()->add_timestamp_transforms();
  EXPECT_EQ(WindowingFault(proto), "a trigger after processing time has a delay of no known kind");
  transform->mutable_align_to();
  EXPECT_EQ(WindowingFault(proto),
            "a trigger after processing time is aligned to a period that is not positive");
  transform->mutable_delay()->set_delay_millis(-1);
  EXPECT_EQ(WindowingFault(proto), "a trigger after processing time has a negative delay");

  proto = PlainProto();
  pipeline::Trigger* trigger = proto.mutable_trigger();
  for (int depth = 0; depth < kMostTriggerDepth; ++depth) {
    trigger = trigger->mutable_repeat()->mutable_subtrigger();
  }
  trigger->mutable_always();
  EXPECT_EQ(WindowingFault(proto), "the trigger nests deeper than 64");
}

}  // namespace
}  // namespace joist::portability
