// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/portability/keyed_state_spec.h"

#include <gtest/gtest.h>
#include <org/apache/beam/model/pipeline/v1/beam_runner_api.pb.h>

#include <string>

#include "joist/model/coder_spec.h"
#include "joist/model/schema.h"

namespace joist::portability {
namespace {

TEST(KeyedStateSpec, HasAParDosStatesAndTimers) {
  pipeline::Components components;
  (*components.mutable_coders())["known"].mutable_spec()->set_urn(std::string(kVarintCoder));
  (*components.mutable_coders())["opaque"].mutable_spec()->set_urn("someone:coder:v1");
  pipeline::ParDoPayload payload;
  auto& states = *payload.mutable_state_specs();
  states["z"].mutable_bag_spec()->set_element_coder_id("known");
  states["map"].mutable_map_spec()->set_key_coder_id("opaque");
  states["map"].mutable_map_spec()->set_value_coder_id("known");
  states["multimap"].mutable_multimap_spec()->set_key_coder_id("known");
  states["multimap"].mutable_multimap_spec()->set_value_coder_id("opaque");
  auto& timers = *payload.mutable_timer_family_specs();
  timers["p"].set_time_domain(pipeline::TimeDomain_Enum_PROCESSING_TIME);
  timers["e"].set_time_domain(pipeline::TimeDomain_Enum_EVENT_TIME);
  payload.set_on_window_expiration_timer_family_spec("end");

  KeyedStateSpec spec;
  ASSERT_TRUE(AddStatesAndTimers("t", payload.SerializeAsString(), components, &spec).ok());
  ASSERT_EQ(spec.states.size(), 3u);
  EXPECT_EQ(spec.states[0].user_state_id, "map");
  EXPECT_EQ(spec.states[0].transform_id, "t");
  EXPECT_TRUE(spec.states[0].values.has_value());
  EXPECT_EQ(spec.states[1].user_state_id, "multimap");
  EXPECT_FALSE(spec.states[1].values.has_value());
  EXPECT_EQ(spec.states[2].user_state_id, "z");
  ASSERT_EQ(spec.timers.size(), 3u);
  EXPECT_EQ(spec.timers[0].timer_family_id, "e");
  EXPECT_EQ(spec.timers[0].domain, TimeDomain::kEvent);
  EXPECT_FALSE(spec.timers[0].is_expiration);
  EXPECT_EQ(spec.timers[1].timer_family_id, "end");
  EXPECT_TRUE(spec.timers[1].is_expiration);
  EXPECT_EQ(spec.timers[2].domain, TimeDomain::kProcessing);

  const std::vector<StateCell> cells = StateCellsOf(spec);
  ASSERT_EQ(cells.size(), 6u);
  EXPECT_EQ(cells[2].name, "state z of t");
  EXPECT_EQ(cells[2].coder, MakeCoderSpec("joist:user_state:bag", {MakeCoderSpec(kVarintCoder)}));
  EXPECT_EQ(cells[5].name, "timers p of t");
  EXPECT_EQ(cells[5].coder.urn, "joist:timers:processing");

  // A second transform's come behind; its expiration is also among its families, as Java has it.
  timers["end"].set_time_domain(pipeline::TimeDomain_Enum_EVENT_TIME);
  ASSERT_TRUE(AddStatesAndTimers("u", payload.SerializeAsString(), components, &spec).ok());
  EXPECT_EQ(spec.states.size(), 6u);
  ASSERT_EQ(spec.timers.size(), 6u);
  EXPECT_EQ(spec.timers[4].transform_id, "u");
  EXPECT_TRUE(spec.timers[4].is_expiration);
}

// A client that submits a pipeline again may have written them anew.
TEST(KeyedStateSpec, PayloadsOfAnSdksOwnCodersAreNoDifference) {
  pipeline::ParDoPayload payload;
  (*payload.mutable_state_specs())["s"].mutable_bag_spec()->set_element_coder_id("element");
  Schema fields;
  fields.fields.push_back({.name = "n", .type = FieldType::Atomic(AtomicType::kInt64)});
  const std::string schema = fields.Serialize();
  const auto cells = [&](std::string_view urn, const std::string& coder_payload) {
    pipeline::Components components;
    pipeline::FunctionSpec& spec = *(*components.mutable_coders())["element"].mutable_spec();
    spec.set_urn(std::string(urn));
    spec.set_payload(coder_payload);
    KeyedStateSpec states;
    EXPECT_TRUE(AddStatesAndTimers("t", payload.SerializeAsString(), components, &states).ok());
    return StateCellsOf(states)[0].coder;
  };
  EXPECT_EQ(cells("mine:pickled", "once"), cells("mine:pickled", "again"));
  EXPECT_FALSE(cells("mine:pickled", "") == cells("mine:cloud_pickled", ""));
  EXPECT_EQ(cells(kRowCoder, schema).components[0].payload, schema);
  EXPECT_EQ(cells(kRowCoder, "\xFF"), cells(kRowCoder, ""));
}

TEST(KeyedStateSpec, RefusesWhatItDoesNotKnow) {
  const pipeline::Components components;
  KeyedStateSpec spec;
  const auto why = [&](const std::string& payload) {
    const Status status = AddStatesAndTimers("t", payload, components, &spec);
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
    return status.message();
  };
  EXPECT_EQ(why("\xFF"), "transform \"t\" has a payload that is no ParDoPayload");
  pipeline::ParDoPayload payload;
  (*payload.mutable_state_specs())["s"];
  EXPECT_EQ(why(payload.SerializeAsString()),
            "transform \"t\" has a state \"s\" of an unknown kind");
  (*payload.mutable_state_specs())["s"].mutable_map_spec()->set_value_coder_id("none");
  EXPECT_TRUE(why(payload.SerializeAsString()).starts_with("transform \"t\", state \"s\": "));
  (*payload.mutable_state_specs())["s"].mutable_bag_spec()->set_element_coder_id("none");
  EXPECT_TRUE(why(payload.SerializeAsString()).starts_with("transform \"t\", state \"s\": "));
  payload.clear_state_specs();
  (*payload.mutable_timer_family_specs())["f"];
  EXPECT_EQ(
      why(payload.SerializeAsString()),
      "transform \"t\" has timers \"f\" that are neither of event time nor of processing time");
}

}  // namespace
}  // namespace joist::portability
