// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/portability/expanded_pipeline.h"

#include <gtest/gtest.h>
#include <org/apache/beam/model/pipeline/v1/beam_runner_api.pb.h>

#include "joist/portability/element_steps.h"
#include "joist/portability/fused_stages.h"
#include "joist/portability/pipeline_check.h"
#include "joist/portability/topological_order.h"
#include "joist/portability/urns.h"
#include "joist/sdk/testing/passert.h"
#include "joist/sdk/testing/test_pipeline.h"

namespace joist::portability {
namespace {

/// An Impulse, "0", and ParDos, each of the collection of the one before.
pipeline::Pipeline Chain(int length) {
  pipeline::Pipeline proto;
  pipeline::Components& components = *proto.mutable_components();
  (*components.mutable_environments())["env"].set_urn("beam:env:external:v1");
  (*components.mutable_coders())["bytes"].mutable_spec()->set_urn(std::string(kBytesCoder));
  (*components.mutable_coders())["window"].mutable_spec()->set_urn(std::string(kGlobalWindowCoder));
  pipeline::WindowingStrategy& global = (*components.mutable_windowing_strategies())["global"];
  global.mutable_window_fn()->set_urn(std::string(kGlobalWindowsUrn));
  global.mutable_trigger()->mutable_default_();
  global.set_window_coder_id("window");
  for (int i = 0; i < length; ++i) {
    const std::string id = std::to_string(i);
    pipeline::PCollection& collection = (*components.mutable_pcollections())[id];
    collection.set_coder_id("bytes");
    collection.set_windowing_strategy_id("global");
    collection.set_is_bounded(pipeline::IsBounded::BOUNDED);
    pipeline::PTransform& transform = (*components.mutable_transforms())[id];
    transform.set_unique_name("Step " + id);
    transform.mutable_spec()->set_urn(std::string(i == 0 ? kImpulseUrn : kParDoUrn));
    if (i > 0) {
      transform.set_environment_id("env");
      (*transform.mutable_inputs())["in"] = std::to_string(i - 1);
    }
    (*transform.mutable_outputs())["out"] = id;
  }
  // The last one first.
  for (int i = length - 1; i >= 0; --i) proto.add_root_transform_ids(std::to_string(i));
  return proto;
}

TEST(TopologicalOrder, KeepsWhatIsInOrder) {
  EXPECT_EQ(TopologicalOrder({{}, {0}, {}, {1, 2}}), (std::vector<size_t>{0, 1, 2, 3}));
  EXPECT_EQ(TopologicalOrder({{3, 3}, {}, {0}, {1}}), (std::vector<size_t>{1, 3, 0, 2}));
  EXPECT_EQ(TopologicalOrder({{}, {2}, {1}, {2}}), (std::vector<size_t>{0}));
}

TEST(ExpandedPipeline, LongChainsAreSorted) {
  constexpr int kLength = 30'000;
  const pipeline::Pipeline proto = Chain(kLength);
  EXPECT_EQ(CheckPipeline(proto).status().message(), "");
  const auto expanded = ExpandPipeline(proto);
  ASSERT_TRUE(expanded.ok()) << expanded.status().message();
  ASSERT_EQ(expanded->transforms.size(), size_t{kLength});
  for (int i = 0; i < kLength; ++i) {
    ASSERT_EQ(expanded->transforms[static_cast<size_t>(i)].id, std::to_string(i));
  }
  const std::vector<FusedStage> stages = FuseStages(*expanded);
  ASSERT_EQ(stages.size(), 2U);
  EXPECT_EQ(stages[0].transforms, std::vector<size_t>{0});
  EXPECT_EQ(stages[1].transforms.size(), size_t{kLength - 1});
}

TEST(ExpandedPipeline, LongChainsOfStagesAreSorted) {
  constexpr int kLength = 30'000;
  pipeline::Pipeline proto = Chain(kLength);
  pipeline::Components& components = *proto.mutable_components();
  (*components.mutable_environments())["other"].set_urn("beam:env:external:v1");
  for (int i = 2; i < kLength; i += 2) {
    (*components.mutable_transforms())[std::to_string(i)].set_environment_id("other");
  }
  // The last one could be fused with what reads the Impulse, but for its side input.
  pipeline::PTransform& last = (*components.mutable_transforms())[std::to_string(kLength - 1)];
  (*last.mutable_inputs())["in"] = "0";
  (*last.mutable_inputs())["side"] = std::to_string(kLength - 2);
  pipeline::ParDoPayload payload;
  (*payload.mutable_side_inputs())["side"].mutable_access_pattern()->set_urn(
      std::string(kIterableSideInputUrn));
  last.mutable_spec()->set_payload(payload.SerializeAsString());
  const auto expanded = ExpandPipeline(proto);
  ASSERT_TRUE(expanded.ok()) << expanded.status().message();
  const std::vector<FusedStage> stages = FuseStages(*expanded);
  ASSERT_EQ(stages.size(), size_t{kLength});
  EXPECT_EQ(stages.back().input, "0");
  EXPECT_EQ(stages[stages.size() - 2].outputs,
            std::vector<std::string>{std::to_string(kLength - 2)});
}

TEST(ExpandedPipeline, CirclesAreRefused) {
  pipeline::Pipeline proto = Chain(3);
  (*(*proto.mutable_components()->mutable_transforms())["1"].mutable_inputs())["in"] = "2";
  EXPECT_EQ(ExpandPipeline(proto).status().message(),
            "step \"Step 2\" waits for what is made of its output");
}

TEST(ExpandedPipeline, CombinesWhoseInputsHaveNoKeysAreNotLifted) {
  pipeline::Pipeline proto = Chain(2);
  pipeline::Components& components = *proto.mutable_components();
  pipeline::Coder& bare = (*components.mutable_coders())["kv"];
  bare.mutable_spec()->set_urn(std::string(kKvCoder));
  (*components.mutable_pcollections())["0"].set_coder_id("kv");
  (*components.mutable_transforms())["1"].mutable_spec()->set_urn(std::string(kCombinePerKeyUrn));
  const auto expanded = ExpandPipeline(proto);
  ASSERT_TRUE(expanded.ok()) << expanded.status().message();
  EXPECT_EQ(expanded->transforms.size(), 2U);
}

TEST(ElementSteps, AnImpulseIsOneEmptyElement) {
  TestPipeline p;
  const auto impulse = AddRoot<std::string>(p.builder(), MakeImpulse());
  PAssert::That(impulse | Map([](const std::string& wire, Timestamp t, Window window) {
                  return wire == std::string(1, '\0') && t == Timestamp::Min() &&
                         window.is_global();
                }))
      .ContainsInAnyOrder({true});
  EXPECT_TRUE(p.RunOk());
}

}  // namespace
}  // namespace joist::portability
