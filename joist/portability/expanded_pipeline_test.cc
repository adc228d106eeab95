// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/portability/expanded_pipeline.h"

#include <gtest/gtest.h>
#include <org/apache/beam/model/pipeline/v1/beam_runner_api.pb.h>

#include <algorithm>
#include <functional>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "joist/portability/urns.h"

namespace joist::portability {
namespace {

using Names = std::vector<std::string>;

/// A pipeline in the making. Collections are "bytes" where nothing else is said.
class Draft {
 public:
  Draft() {
    PutCoder("bytes", kBytesCoder);
    PutCoder("number", kVarintCoder);
    PutCoder("kv", kKvCoder, {"bytes", "number"});
    PutCoder("own", "my:coder:v1");
    for (const char* id : {"sdk", "other"}) {
      (*components()->mutable_environments())[id].add_capabilities(std::string(kVarintCoder));
    }
    (*components()->mutable_windowing_strategies())["global"];
  }

  pipeline::Components* components() { return proto.mutable_components(); }
  void PutCoder(const std::string& id, std::string_view urn, const Names& parts = {}) {
    pipeline::Coder& coder = (*components()->mutable_coders())[id];
    coder.mutable_spec()->set_urn(std::string(urn));
    for (const std::string& part : parts) coder.add_component_coder_ids(part);
  }
  pipeline::PCollection& PutCollection(const std::string& id, const std::string& coder = "bytes") {
    pipeline::PCollection& collection = (*components()->mutable_pcollections())[id];
    collection.set_unique_name(id);
    collection.set_coder_id(coder);
    collection.set_windowing_strategy_id("global");
    return collection;
  }
  /// A root transform "id". Its collections are made, where they are new.
  pipeline::PTransform& Put(const std::string& id, std::string_view urn, const Names& inputs,
                            const Names& outputs, const std::string& environment = "") {
    proto.add_root_transform_ids(id);
    return PutPart(id, urn, inputs, outputs, environment);
  }
  pipeline::PTransform& PutPart(const std::string& id, std::string_view urn, const Names& inputs,
                                const Names& outputs, const std::string& environment = "") {
    pipeline::PTransform& transform = (*components()->mutable_transforms())[id];
    transform.set_unique_name("The " + id);
    transform.mutable_spec()->set_urn(std::string(urn));
    transform.set_environment_id(environment);
    const auto put = [this](const std::string& tag, const std::string& collection, auto* to) {
      (*to)[tag] = collection;
      if (components()->pcollections().count(collection) == 0) PutCollection(collection);
    };
    for (const std::string& in : inputs) put("i" + in, in, transform.mutable_inputs());
    for (const std::string& out : outputs) put("o" + out, out, transform.mutable_outputs());
    return transform;
  }
  pipeline::PTransform& ParDo(const std::string& id, const Names& inputs, const Names& outputs,
                              const pipeline::ParDoPayload& payload = {}) {
    pipeline::PTransform& made = Put(id, kParDoUrn, inputs, outputs, "sdk");
    made.mutable_spec()->set_payload(payload.SerializeAsString());
    return made;
  }
  /// impulse -> "in", KVs -> combine -> "out".
  void PutCombine() {
    PutCollection("in", "kv");
    PutCollection("out", "kv");
    Put("impulse", kImpulseUrn, {}, {"start"});
    ParDo("pairs", {"start"}, {"in"});
    pipeline::CombinePayload payload;
    payload.set_accumulator_coder_id("own");
    payload.mutable_combine_fn()->set_urn("my:sum");
    Put("sum", kCombinePerKeyUrn, {"in"}, {"out"}, "sdk")
        .mutable_spec()
        ->set_payload(payload.SerializeAsString());
  }
  pipeline::Trigger* trigger() {
    return (*components()->mutable_windowing_strategies())["global"].mutable_trigger();
  }

  ExpandedPipeline Expanded() const {
    Result<ExpandedPipeline> expanded = ExpandPipeline(proto);
    EXPECT_TRUE(expanded.ok()) << expanded.status().message();
    return expanded.ok() ? *std::move(expanded) : ExpandedPipeline();
  }
  Names Ids() const {
    Names ids;
    for (const ExpandedTransform& transform : Expanded().transforms) ids.push_back(transform.id);
    return ids;
  }
  Names Urns() const {
    Names urns;
    for (const ExpandedTransform& transform : Expanded().transforms) urns.push_back(transform.urn);
    return urns;
  }
  Status Fault() const {
    const Result<ExpandedPipeline> expanded = ExpandPipeline(proto);
    EXPECT_FALSE(expanded.ok());
    return expanded.status();
  }

  pipeline::Pipeline proto;
};

const ExpandedTransform& ById(const ExpandedPipeline& pipeline, const std::string& id) {
  const auto found = std::find_if(pipeline.transforms.begin(), pipeline.transforms.end(),
                                  [&](const auto& transform) { return transform.id == id; });
  if (found == pipeline.transforms.end()) ADD_FAILURE() << "there is no transform " << id;
  return found == pipeline.transforms.end() ? pipeline.transforms.at(0) : *found;
}
std::string Spelled(const std::string& id, const pipeline::Components& components) {
  const pipeline::Coder& coder = components.coders().at(id);
  std::string text = MakeCoderSpec(coder.spec().urn()).ToString();
  for (int i = 0; i < coder.component_coder_ids_size(); ++i) {
    text += (i == 0 ? "<" : ", ") + Spelled(coder.component_coder_ids(i), components);
  }
  return coder.component_coder_ids_size() == 0 ? text : text + ">";
}
std::string CoderOf(const std::string& collection, const ExpandedPipeline& pipeline) {
  return Spelled(pipeline.components->pcollections().at(collection).coder_id(),
                 *pipeline.components);
}

TEST(ExpandPipeline, CompositesAreWhatTheyAreMadeOf) {
  Draft p;
  p.Put("impulse", kImpulseUrn, {}, {"a"});
  p.Put("outer", "my:composite:v1", {"a"}, {"c"}).add_subtransforms("inner");
  p.PutPart("inner", "", {"a"}, {"c"}).add_subtransforms("first");
  (*p.components()->mutable_transforms())["inner"].add_subtransforms("second");
  p.PutPart("first", kParDoUrn, {"a"}, {"b"}, "sdk");
  p.PutPart("second", kParDoUrn, {"b"}, {"c"}, "other");
  // Of nothing: what they give is what they are given.
  p.Put("empty", "", {"c"}, {"c"});
  p.Put("named", "my:identity:v1", {"c"}, {"c"});
  EXPECT_EQ(p.Ids(), (Names{"impulse", "first", "second"}));
  const ExpandedPipeline expanded = p.Expanded();
  EXPECT_EQ(expanded.transforms[0].environment, "");
  EXPECT_EQ(expanded.transforms[1].environment, "sdk");
  EXPECT_EQ(expanded.transforms[2].environment, "other");
  EXPECT_EQ(expanded.transforms[1].name, "The first");
  EXPECT_EQ(expanded.transforms[1].main_input, "a");
  EXPECT_EQ(expanded.producers.at("c"), 2U);
}

TEST(ExpandPipeline, WhatTheRunnerKnowsIsNotTakenApart) {
  for (const std::string_view urn :
       {kReshuffleUrn, kRedistributeUrn, kRedistributeByKeyUrn, kGroupByKeyUrn}) {
    Draft p;
    p.Put("impulse", kImpulseUrn, {}, {"a"});
    p.Put("known", urn, {"a"}, {"b"}, "sdk").add_subtransforms("part");
    p.PutPart("part", kParDoUrn, {"a"}, {"b"}, "sdk");
    EXPECT_EQ(p.Urns(), (Names{std::string(kImpulseUrn), std::string(urn)}));
    EXPECT_EQ(p.Expanded().transforms[1].environment, "") << urn;
  }
}

TEST(ExpandPipeline, EachComesAfterWhatItReads) {
  std::mt19937 random(5);
  for (int round = 0; round < 200; ++round) {
    Draft p;
    const size_t count = 2 + random() % 12;
    p.Put("t0", kImpulseUrn, {}, {"c0"});
    for (size_t t = 1; t < count; ++t) {
      const std::string in = "c" + std::to_string(random() % t);
      const std::string side = "c" + std::to_string(random() % t);
      pipeline::ParDoPayload payload;
      if (side != in) {
        (*payload.mutable_side_inputs())["i" + side].mutable_access_pattern()->set_urn(
            std::string(kIterableSideInputUrn));
      }
      p.ParDo("t" + std::to_string(t), {in, side}, {"c" + std::to_string(t)}, payload);
    }
    auto* const roots = p.proto.mutable_root_transform_ids();
    std::shuffle(roots->begin(), roots->end(), random);
    const ExpandedPipeline expanded = p.Expanded();
    ASSERT_EQ(expanded.transforms.size(), count);
    for (size_t t = 0; t < count; ++t) {
      const ExpandedTransform& of = expanded.transforms[t];
      for (const std::string& in : of.inputs) EXPECT_LT(expanded.producers.at(in), t);
      for (const SideInputUse& side : of.side_inputs) {
        EXPECT_LT(expanded.producers.at(side.collection), t);
      }
      for (const std::string& out : of.outputs) EXPECT_EQ(expanded.producers.at(out), t);
    }
  }
}

TEST(ExpandPipeline, ReadsWhatAParDoNeeds) {
  Draft p;
  p.Put("impulse", kImpulseUrn, {}, {"a"});
  p.Put("impulse2", kImpulseUrn, {}, {"side"});
  pipeline::ParDoPayload payload;
  (*payload.mutable_side_inputs())["iside"].mutable_access_pattern()->set_urn(
      std::string(kMultimapSideInputUrn));
  (*payload.mutable_state_specs())["bag"];
  payload.set_requires_time_sorted_input(true);
  payload.set_requires_stable_input(true);
  payload.set_requests_finalization(true);
  p.ParDo("all", {"a", "side"}, {"b"}, payload);
  pipeline::ParDoPayload timers;
  (*timers.mutable_timer_family_specs())["soon"];
  p.ParDo("timers", {"a"}, {"c"}, timers);
  p.ParDo("plain", {"a"}, {"d"});
  const ExpandedPipeline expanded = p.Expanded();
  const ExpandedTransform& all = ById(expanded, "all");
  EXPECT_TRUE(all.is_stateful);
  EXPECT_TRUE(all.needs_time_order);
  EXPECT_TRUE(all.needs_stable_input);
  EXPECT_TRUE(all.finalizes);
  EXPECT_EQ(all.main_input, "a");
  EXPECT_EQ(all.inputs, (Names{"a"}));
  ASSERT_EQ(all.side_inputs.size(), 1U);
  EXPECT_EQ(all.side_inputs[0].tag, "iside");
  EXPECT_EQ(all.side_inputs[0].collection, "side");
  EXPECT_EQ(all.side_inputs[0].access, kMultimapSideInputUrn);
  EXPECT_TRUE(ById(expanded, "timers").is_stateful);
  const ExpandedTransform& plain = ById(expanded, "plain");
  EXPECT_FALSE(plain.is_stateful || plain.needs_time_order || plain.needs_stable_input ||
               plain.finalizes);
}

TEST(ExpandPipeline, CollectionsGetTheLengthsARunnerNeeds) {
  Draft p;
  p.PutCollection("own", "own");
  p.Put("impulse", kImpulseUrn, {}, {"a"});
  p.ParDo("make", {"a"}, {"own"});
  const ExpandedPipeline expanded = p.Expanded();
  EXPECT_EQ(CoderOf("a", expanded), "bytes");
  EXPECT_EQ(CoderOf("own", expanded), "length_prefix<my:coder:v1>");
}

TEST(ExpandPipeline, CombinersAreLifted) {
  Draft p;
  p.PutCombine();
  const ExpandedPipeline expanded = p.Expanded();
  EXPECT_EQ(p.Urns(), (Names{std::string(kImpulseUrn), std::string(kParDoUrn),
                             std::string(kPrecombineUrn), std::string(kGroupByKeyUrn),
                             std::string(kMergeAccumulatorsUrn), std::string(kExtractOutputsUrn)}));
  const auto& made = expanded.transforms;
  ASSERT_EQ(made.size(), 6U);
  EXPECT_EQ(made[2].main_input, "in");
  for (size_t i = 3; i < 6; ++i) EXPECT_EQ(made[i].main_input, made[i - 1].outputs[0]);
  EXPECT_EQ(made[5].outputs[0], "out");
  EXPECT_EQ(CoderOf(made[2].outputs[0], expanded), "kv<bytes, length_prefix<my:coder:v1>>");
  EXPECT_EQ(CoderOf(made[3].outputs[0], expanded),
            "kv<bytes, iterable<length_prefix<my:coder:v1>>>");
  EXPECT_EQ(CoderOf(made[4].outputs[0], expanded), "kv<bytes, length_prefix<my:coder:v1>>");
  EXPECT_EQ(made[3].environment, "");
  EXPECT_EQ(made[4].environment, "sdk");
  for (const size_t i : {2, 4, 5}) {
    pipeline::CombinePayload payload;
    ASSERT_TRUE(
        payload.ParseFromString(expanded.components->transforms().at(made[i].id).spec().payload()));
    EXPECT_EQ(payload.combine_fn().urn(), "my:sum");
  }
}

TEST(ExpandPipeline, OnlyWhereTheTriggerDoesNotCount) {
  struct {
    const char* what;
    std::function<void(pipeline::Trigger*)> set;
    bool is_lifted;
  } const cases[] = {
      {"default", [](auto* t) { t->mutable_default_(); }, true},
      {"never", [](auto* t) { t->mutable_never(); }, true},
      {"always", [](auto* t) { t->mutable_always(); }, true},
      {"processing time", [](auto* t) { t->mutable_after_processing_time(); }, true},
      {"one element", [](auto* t) { t->mutable_element_count()->set_element_count(1); }, true},
      {"two elements", [](auto* t) { t->mutable_element_count()->set_element_count(2); }, false},
      {"end of window", [](auto* t) { t->mutable_after_end_of_window(); }, true},
      {"early at two",
       [](auto* t) {
         t->mutable_after_end_of_window()
             ->mutable_early_firings()
             ->mutable_element_count()
             ->set_element_count(2);
       },
       false},
      {"late at two",
       [](auto* t) {
         t->mutable_after_end_of_window()
             ->mutable_late_firings()
             ->mutable_element_count()
             ->set_element_count(2);
       },
       false},
      {"repeated two",
       [](auto* t) {
         t->mutable_repeat()->mutable_subtrigger()->mutable_element_count()->set_element_count(2);
       },
       false},
      {"repeated time",
       [](auto* t) { t->mutable_repeat()->mutable_subtrigger()->mutable_after_processing_time(); },
       true},
      {"any of time and two",
       [](auto* t) {
         t->mutable_after_any()->add_subtriggers()->mutable_after_processing_time();
         t->mutable_after_any()->add_subtriggers()->mutable_element_count()->set_element_count(2);
       },
       false},
      {"all", [](auto* t) { t->mutable_after_all(); }, false},
      {"one after the other", [](auto* t) { t->mutable_after_each(); }, false},
      {"or finally", [](auto* t) { t->mutable_or_finally(); }, false},
  };
  for (const auto& one : cases) {
    SCOPED_TRACE(one.what);
    Draft p;
    p.PutCombine();
    // As it is where it is not lifted.
    auto& sum = p.components()->mutable_transforms()->at("sum");
    sum.add_subtransforms("group");
    sum.add_subtransforms("values");
    p.PutPart("group", kGroupByKeyUrn, {"in"}, {"grouped"});
    p.PutPart("values", "beam:transform:combine_grouped_values:v1", {"grouped"}, {"out"}, "sdk");
    one.set(p.trigger());
    EXPECT_EQ(p.Ids().size(), one.is_lifted ? 6U : 4U);
  }
}

TEST(ExpandPipeline, ACombineOfNoPairsIsNotLifted) {
  Draft p;
  p.PutCombine();
  p.components()->mutable_coders()->at("kv").clear_component_coder_ids();
  EXPECT_EQ(p.Urns().back(), kCombinePerKeyUrn);
}

TEST(ExpandPipeline, SplittableFunctionsBecomeTheirSteps) {
  Draft p;
  p.Put("impulse", kImpulseUrn, {}, {"a"});
  p.Put("impulse2", kImpulseUrn, {}, {"side"});
  pipeline::ParDoPayload payload;
  payload.set_restriction_coder_id("own");
  payload.set_requests_finalization(true);
  (*payload.mutable_side_inputs())["iside"].mutable_access_pattern()->set_urn(
      std::string(kIterableSideInputUrn));
  p.ParDo("read", {"a", "side"}, {"b", "c"}, payload);
  const ExpandedPipeline expanded = p.Expanded();
  const auto& made = expanded.transforms;
  ASSERT_EQ(made.size(), 6U);
  const ExpandedTransform& pair = ById(expanded, "read/PairWithRestriction");
  const ExpandedTransform& split = ById(expanded, "read/SplitAndSize");
  const ExpandedTransform& deal = ById(expanded, "read/Reshuffle");
  const ExpandedTransform& process = ById(expanded, "read");  // Its metrics are known by that.
  EXPECT_EQ(pair.urn, kPairWithRestrictionUrn);
  EXPECT_EQ(split.urn, kSplitAndSizeUrn);
  EXPECT_EQ(deal.urn, kReshuffleUrn);
  EXPECT_EQ(process.urn, kProcessSizedUrn);
  EXPECT_EQ(pair.main_input, "a");
  EXPECT_EQ(split.main_input, pair.outputs[0]);
  EXPECT_EQ(deal.main_input, split.outputs[0]);
  EXPECT_EQ(process.main_input, deal.outputs[0]);
  EXPECT_EQ(process.outputs, (Names{"b", "c"}));
  EXPECT_TRUE(process.finalizes);
  EXPECT_FALSE(pair.finalizes);
  EXPECT_EQ(process.side_inputs.size(), 1U);
  EXPECT_EQ(deal.environment, "");
  EXPECT_EQ(CoderOf(pair.outputs[0], expanded), "kv<bytes, length_prefix<my:coder:v1>>");
  EXPECT_EQ(CoderOf(split.outputs[0], expanded),
            "kv<kv<bytes, length_prefix<my:coder:v1>>, double>");
  EXPECT_EQ(CoderOf(deal.outputs[0], expanded), CoderOf(split.outputs[0], expanded));
}

TEST(ExpandPipeline, FlattensJoinWhatIsEncodedAlike) {
  Draft p;
  p.PutCoder("bytes2", kBytesCoder);
  p.PutCollection("same", "bytes2");
  p.PutCollection("number", "number");
  p.Put("impulse", kImpulseUrn, {}, {"a"});
  p.ParDo("numbers", {"a"}, {"number"});
  p.ParDo("others", {"a"}, {"same"});
  p.Put("flatten", kFlattenUrn, {"a", "number", "same"}, {"all"});
  const ExpandedPipeline expanded = p.Expanded();
  EXPECT_EQ(expanded.transforms.size(), 5U);
  const ExpandedTransform& flatten = ById(expanded, "flatten");
  EXPECT_EQ(flatten.environment, "");
  ASSERT_EQ(flatten.inputs.size(), 3U);
  EXPECT_EQ(flatten.inputs[0], "a");
  EXPECT_EQ(flatten.inputs[2], "same");
  const ExpandedTransform& anew = expanded.transforms[expanded.producers.at(flatten.inputs[1])];
  EXPECT_EQ(anew.urn, kFlattenUrn);
  EXPECT_EQ(anew.environment, "sdk");
  EXPECT_EQ(anew.main_input, "number");
  EXPECT_EQ(CoderOf(flatten.inputs[1], expanded), "bytes");
  EXPECT_EQ(expanded.components->transforms().at(anew.id).environment_id(), "sdk");
}

// An SDK may know more of the type after a reshuffle than before.
TEST(ExpandPipeline, AReshuffleGivesWhatItsOutputIsEncodedBy) {
  for (const std::string_view urn : {kReshuffleUrn, kRedistributeUrn, kRedistributeByKeyUrn}) {
    Draft p;
    p.PutCollection("any", "own");
    p.PutCollection("number", "number");
    p.Put("impulse", kImpulseUrn, {}, {"a"});
    p.ParDo("make", {"a"}, {"any"});
    p.Put("shuffle", urn, {"any"}, {"number"});
    const ExpandedPipeline expanded = p.Expanded();
    ASSERT_EQ(expanded.transforms.size(), 4U) << urn;
    const ExpandedTransform& anew = expanded.transforms[2];
    EXPECT_EQ(anew.urn, kFlattenUrn);
    EXPECT_EQ(anew.environment, "sdk");
    EXPECT_EQ(anew.main_input, "any");
    EXPECT_EQ(CoderOf(anew.outputs[0], expanded), "varint");
    EXPECT_EQ(expanded.transforms[3].main_input, anew.outputs[0]);
  }
}

TEST(ExpandPipeline, AFlattenThatNobodyCanEncodeForIsRefused) {
  Draft p;
  p.PutCollection("all", "number");
  p.Put("impulse", kImpulseUrn, {}, {"a"});
  p.Put("flatten", kFlattenUrn, {"a"}, {"all"});
  EXPECT_EQ(p.Fault().message(),
            "step \"The flatten\" has collections with different coders, and no environment is "
            "there to encode them alike");
}

TEST(ExpandPipeline, TestStreamsAreDecodedByTheirSdk) {
  Draft p;
  p.PutCollection("events", "own");
  p.PutCollection("numbers", "number");
  pipeline::TestStreamPayload payload;
  payload.set_coder_id("own");
  p.Put("stream", kTestStreamUrn, {}, {"events"})
      .mutable_spec()
      ->set_payload(payload.SerializeAsString());
  p.ParDo("end", {"events"}, {"a"});
  EXPECT_EQ(p.Ids().size(), 3U);  // A length before the bytes is what its coder does not have.
  const ExpandedPipeline expanded = p.Expanded();
  EXPECT_EQ(expanded.transforms[0].urn, kTestStreamUrn);
  EXPECT_EQ(CoderOf(expanded.transforms[0].outputs[0], expanded), "length_prefix<my:coder:v1>");
  EXPECT_EQ(expanded.transforms[1].urn, kFlattenUrn);
  EXPECT_EQ(expanded.transforms[1].outputs, (Names{"events"}));
  EXPECT_EQ(expanded.transforms[2].main_input, "events");

  Draft plain;
  plain.PutCollection("numbers", "number");
  payload.set_coder_id("number");
  plain.Put("stream", kTestStreamUrn, {}, {"numbers"})
      .mutable_spec()
      ->set_payload(payload.SerializeAsString());
  EXPECT_EQ(plain.Ids(), (Names{"stream"}));
}

TEST(ExpandPipeline, RefusesWhatCannotRunByName) {
  const auto fault = [](const std::function<void(Draft*)>& spoil) {
    Draft p;
    p.Put("impulse", kImpulseUrn, {}, {"a"});
    spoil(&p);
    return p.Fault();
  };
  const Status foreign = fault([](Draft* p) { p->Put("x", "my:thing:v1", {"a"}, {"b"}); });
  EXPECT_EQ(foreign.code(), StatusCode::kUnimplemented);
  EXPECT_EQ(
      foreign.message(),
      "step \"The x\": transform \"my:thing:v1\" belongs to no environment of the pipeline, and "
      "Joist has none of its own for it");
  EXPECT_EQ(fault([](Draft* p) { p->Put("x", kParDoUrn, {"a"}, {"b"}, "gone"); }).code(),
            StatusCode::kUnimplemented);

  const Status side = fault([](Draft* p) {
    pipeline::ParDoPayload payload;
    (*payload.mutable_side_inputs())["ia"].mutable_access_pattern()->set_urn("my:access");
    p->Put("impulse2", kImpulseUrn, {}, {"main"});
    p->ParDo("x", {"main", "a"}, {"b"}, payload);
  });
  EXPECT_EQ(side.code(), StatusCode::kUnimplemented);
  EXPECT_EQ(side.message(),
            "step \"The x\" reads side input \"ia\" as \"my:access\", which Joist does not know");

  EXPECT_EQ(fault([](Draft* p) { p->Put("impulse2", kImpulseUrn, {}, {"a"}); }).message(),
            "collection \"a\" is made by two steps, \"The impulse\" and \"The impulse2\"");
  EXPECT_EQ(fault([](Draft* p) { p->ParDo("x", {"nowhere"}, {"b"}); }).message(),
            "step \"The x\" reads collection \"nowhere\", which no step makes");
  EXPECT_EQ(fault([](Draft* p) {
              p->ParDo("x", {"a"}, {"b"});
              p->components()->mutable_pcollections()->erase("b");
            }).message(),
            "step \"The x\" makes collection \"b\", which the pipeline does not have");
  EXPECT_EQ(fault([](Draft* p) {
              p->Put("impulse2", kImpulseUrn, {}, {"a2"});
              p->ParDo("x", {"a", "a2"}, {"b"});
            }).message(),
            "step \"The x\" has 2 main inputs; it needs one");
  EXPECT_EQ(fault([](Draft* p) {
              p->ParDo("x", {"a"}, {"b"}).mutable_spec()->set_payload("\xff\xff");
            }).message(),
            "step \"The x\": the payload of \"beam:transform:pardo:v1\" makes no sense");
  EXPECT_EQ(fault([](Draft* p) { p->proto.add_root_transform_ids("none"); }).message(),
            "the pipeline has no transform \"none\"");
  EXPECT_EQ(fault([](Draft* p) { p->PutCollection("a", "none"); }).message(),
            "the pipeline has no coder \"none\"");
}

TEST(ExpandPipeline, CirclesAreRefused) {
  Draft p;
  p.ParDo("x", {"b"}, {"a"});
  p.ParDo("y", {"a"}, {"b"});
  EXPECT_TRUE(p.Fault().message().ends_with("waits for what is made of its output"))
      << p.Fault().message();

  Draft composites;
  composites.Put("outer", "", {}, {}).add_subtransforms("inner");
  composites.PutPart("inner", "", {}, {}).add_subtransforms("outer");
  EXPECT_EQ(composites.Fault().message(), "step \"The inner\" nests deeper than 200");
}

}  // namespace
}  // namespace joist::portability
