// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/portability/pipeline_check.h"

#include <gtest/gtest.h>
#include <org/apache/beam/model/pipeline/v1/beam_runner_api.pb.h>

#include "joist/portability/components_builder.h"
#include "joist/portability/model_proto.h"
#include "joist/portability/urns.h"

namespace joist::portability {
namespace {

/// A valid pipeline to be spoilt: impulse -> ("Count": map -> group) -> end.
class Spoilable {
 public:
  Spoilable() {
    ComponentsBuilder builder(components());
    const std::string coder = builder.AddCoder(MakeCoderSpec(kBytesCoder));
    const std::string windowing = *builder.AddWindowing({});
    for (const std::string id : {"a", "b", "c", "d"}) {
      pipeline::PCollection& collection = (*components()->mutable_pcollections())[id];
      collection.set_coder_id(coder);
      collection.set_windowing_strategy_id(windowing);
      collection.set_is_bounded(pipeline::IsBounded::BOUNDED);
    }
    Put("impulse", kImpulseUrn, {}, {"a"});
    Put("map", kParDoUrn, {"a"}, {"b"});
    Put("group", kGroupByKeyUrn, {"b"}, {"c"});
    Put("end", kParDoUrn, {"c"}, {"d"});
    Put("count", "", {"a"}, {"c"});
    at("count").add_subtransforms("map");
    at("count").add_subtransforms("group");
    for (const char* root : {"impulse", "count", "end"}) proto.add_root_transform_ids(root);
  }

  pipeline::Components* components() { return proto.mutable_components(); }
  pipeline::PTransform& at(const std::string& id) {
    return (*components()->mutable_transforms())[id];
  }
  pipeline::PTransform& Put(const std::string& id, std::string_view urn,
                            const std::vector<std::string>& inputs,
                            const std::vector<std::string>& outputs) {
    pipeline::PTransform& transform = at(id);
    transform.set_unique_name(id);
    transform.mutable_spec()->set_urn(std::string(urn));
    for (const std::string& input : inputs) (*transform.mutable_inputs())["i" + input] = input;
    for (const std::string& output : outputs) (*transform.mutable_outputs())["o" + output] = output;
    return transform;
  }
  std::string Fault() const {
    const auto order = CheckPipeline(proto);
    EXPECT_FALSE(order.ok());
    return order.ok() ? "" : order.status().message();
  }

  pipeline::Pipeline proto;
};

TEST(PipelineCheck, GivesTheOrder) {
  Spoilable p;
  const auto order = CheckPipeline(p.proto);
  ASSERT_TRUE(order.ok()) << order.status().message();
  EXPECT_EQ(*order, (std::vector<std::string>{"impulse", "map", "group", "end"}));
}

TEST(PipelineCheck, OrderFollowsTheDataWhateverTheListing) {
  Spoilable p;
  p.proto.mutable_root_transform_ids()->SwapElements(0, 2);
  EXPECT_EQ(*CheckPipeline(p.proto), (std::vector<std::string>{"impulse", "map", "group", "end"}));
}

TEST(PipelineCheck, CompositesOfNothingHandOn) {
  Spoilable p;
  p.Put("same", "", {"c"}, {"c"});
  p.proto.add_root_transform_ids("same");
  EXPECT_EQ(CheckPipeline(p.proto)->size(), 4U);
}

TEST(PipelineCheck, WhatIsNamedMustExist) {
  {
    Spoilable p;
    p.proto.add_root_transform_ids("ghost");
    EXPECT_EQ(p.Fault(), "the transform with the id \"ghost\" does not exist");
  }
  {
    Spoilable p;
    (*p.at("map").mutable_inputs())["ia"] = "ghost";
    EXPECT_EQ(p.Fault(),
              "the transform \"map\" (id \"map\") names the collection \"ghost\", which does not "
              "exist");
  }
  {
    Spoilable p;
    p.at("map").set_environment_id("ghost");
    EXPECT_EQ(p.Fault(),
              "the transform \"map\" (id \"map\") names the environment \"ghost\", which does not "
              "exist");
  }
  {
    Spoilable p;
    (*p.components()->mutable_pcollections())["a"].set_coder_id("ghost");
    EXPECT_EQ(p.Fault(), "the collection \"a\" names the coder \"ghost\", which does not exist");
  }
  {
    Spoilable p;
    (*p.components()->mutable_pcollections())["a"].set_windowing_strategy_id("ghost");
    EXPECT_EQ(p.Fault(),
              "the collection \"a\" names the windowing strategy \"ghost\", which does not exist");
  }
  {
    Spoilable p;
    auto& windowing = (*p.components()->mutable_windowing_strategies())["w"];
    windowing.mutable_window_fn()->set_urn("someone:windows:v1");
    windowing.set_window_coder_id("ghost");
    EXPECT_EQ(p.Fault(),
              "the windowing strategy \"w\" names the coder of windows \"ghost\", which does not "
              "exist");
    windowing.mutable_window_fn()->set_urn(std::string(kFixedWindowsUrn));
    windowing.clear_window_coder_id();
    windowing.mutable_trigger()->mutable_default_();
    EXPECT_EQ(p.Fault(),
              "the windowing strategy \"w\": the size of FixedWindows(0s) must be positive");
  }
  {
    Spoilable p;
    p.proto.clear_root_transform_ids();
    EXPECT_EQ(p.Fault(), "the pipeline has no transforms at its root");
  }
}

TEST(PipelineCheck, TransformsFormTrees) {
  const std::string twice =
      "the transform \"map\" (id \"map\") is a part of itself, or of two others";
  {
    Spoilable p;
    p.proto.add_root_transform_ids("map");
    EXPECT_EQ(p.Fault(), twice);
  }
  {
    Spoilable p;
    p.at("map").add_subtransforms("map");
    EXPECT_EQ(p.Fault(), twice);
  }
  {
    Spoilable p;
    std::string above = "count";
    for (size_t depth = 0; depth < kMostTransformDepth; ++depth) {
      const std::string id = "deep" + std::to_string(depth);
      p.Put(id, "", {"a"}, {"a"});
      p.at(above).add_subtransforms(id);
      above = id;
    }
    EXPECT_EQ(p.Fault(), "the transform \"deep199\" (id \"deep199\") nests deeper than 200");
  }
}

TEST(PipelineCheck, DataFlowsFromOneProducerWithoutCircles) {
  {
    Spoilable p;
    (*p.at("end").mutable_outputs())["again"] = "b";
    EXPECT_EQ(p.Fault(),
              "the collection \"b\" is output by both the transform \"map\" (id \"map\") and the "
              "transform \"end\" (id \"end\")");
  }
  {
    Spoilable p;
    (*p.at("map").mutable_inputs())["ia"] = "d";
    EXPECT_EQ(p.Fault(),
              "the transform \"map\" (id \"map\") waits for its own output: its data flows in a "
              "circle");
  }
  {
    Spoilable p;
    p.proto.mutable_root_transform_ids()->erase(p.proto.root_transform_ids().begin());
    EXPECT_EQ(p.Fault(),
              "the transform \"count\" (id \"count\") has the collection \"a\", which no transform "
              "outputs");
  }
}

TEST(PipelineCheck, PrimitivesHaveTheirShape) {
  {
    Spoilable p;
    (*p.at("impulse").mutable_inputs())["i"] = "d";
    EXPECT_EQ(p.Fault(), "the transform \"impulse\" (id \"impulse\") has 1 inputs instead of 0");
  }
  {
    Spoilable p;
    p.at("group").clear_inputs();
    EXPECT_EQ(p.Fault(), "the transform \"group\" (id \"group\") has 0 inputs instead of 1");
  }
  {
    Spoilable p;
    p.at("group").clear_outputs();
    EXPECT_EQ(p.Fault(), "the transform \"group\" (id \"group\") has 0 outputs instead of 1");
  }
  {
    Spoilable p;
    p.at("end").mutable_spec()->set_payload("\xff\xff");
    EXPECT_EQ(p.Fault(), "the transform \"end\" (id \"end\") has a malformed payload");
  }
  {
    Spoilable p;
    pipeline::ParDoPayload payload;
    (*payload.mutable_side_inputs())["side"];
    p.at("end").mutable_spec()->set_payload(payload.SerializeAsString());
    EXPECT_EQ(p.Fault(),
              "the transform \"end\" (id \"end\") has no input for its side input \"side\"");
    (*p.at("end").mutable_inputs())["side"] = "a";
    EXPECT_TRUE(CheckPipeline(p.proto).ok());
    p.at("end").mutable_inputs()->erase("ic");
    EXPECT_EQ(p.Fault(), "the transform \"end\" (id \"end\") has 0 main inputs instead of 1");
  }
}

TEST(PipelineCheck, CodersAreBounded) {
  Spoilable p;
  auto& coders = *p.components()->mutable_coders();
  const auto put = [&coders](const std::string& id, const std::vector<std::string>& parts) {
    pipeline::Coder& coder = coders[id];
    coder.mutable_spec()->set_urn("u");
    for (const std::string& part : parts) coder.add_component_coder_ids(part);
  };
  put("0", {});
  for (int depth = 1; depth < kMostCoderDepth; ++depth) {
    put(std::to_string(depth), {std::to_string(depth - 1)});
  }
  EXPECT_TRUE(CheckPipeline(p.proto).ok());
  put("64", {"63"});
  EXPECT_EQ(p.Fault(), "the coder \"64\" nests deeper than 64");
  coders.erase("64");
  put("wide0", {"0", "0"});
  for (int depth = 1; depth < 30; ++depth) {
    const std::string below = "wide" + std::to_string(depth - 1);
    put("wide" + std::to_string(depth), {below, below});
  }
  EXPECT_NE(p.Fault().find("has more than 10000 parts"), std::string::npos);
  coders.clear();
  put("0", {"1"});
  put("1", {"0"});
  EXPECT_NE(p.Fault().find("is a part of itself"), std::string::npos);
  coders.clear();
  put("0", {"1"});
  EXPECT_EQ(p.Fault(), "the coder \"1\" does not exist");
}

TEST(PipelineCheck, CountsAreBounded) {
  Spoilable p;
  auto& environments = *p.components()->mutable_environments();
  for (size_t i = 0; i <= kMostComponents; ++i) environments[std::to_string(i)];
  EXPECT_EQ(p.Fault(), "the pipeline has 100001 environments, more than 100000");
}

}  // namespace
}  // namespace joist::portability
