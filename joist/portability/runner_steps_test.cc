// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/portability/runner_steps.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <org/apache/beam/model/pipeline/v1/beam_runner_api.pb.h>

#include "joist/exec/step.h"
#include "joist/portability/urns.h"

namespace joist::portability {
namespace {

using ::testing::ElementsAre;

/// Nodes of the engine: 0 reads, 1 to 3 group, 4 flattens, 5 is what a worker does.
Graph EngineGraph() {
  Graph graph;
  int last = -1;
  int number = 0;
  for (const StepKind kind : {StepKind::kRead, StepKind::kParDo, StepKind::kGroup, StepKind::kParDo,
                              StepKind::kFlatten, StepKind::kParDo}) {
    Node node;
    node.name = "Node " + std::to_string(number++);
    node.kind = kind;
    if (last >= 0) node.inputs = {last};
    const int added = graph.Add(std::move(node), {&element_type<std::string>});
    last = graph.nodes()[static_cast<size_t>(added)].outputs[0];
  }
  return graph;
}

TEST(RunnerSteps, AddUpWhatTheirNodesHave) {
  const auto figures = std::make_shared<StageFigures>();
  figures->elements_in = 70;
  figures->elements_sent = 100;
  figures->elements_out = 7;
  figures->bundles = 3;
  const RunnerSteps steps(EngineGraph(),
                          {{.name = "Read", .nodes = {0}},
                           {.name = "Group", .nodes = {1, 2, 3}},
                           {.name = "Parse (+1)", .nodes = {5}, .figures = figures}});
  JobStatus status;
  status.job = "job";
  status.stage_progress = 0.5;
  status.steps.resize(5);  // Without the Flatten.
  for (size_t i = 0; i < 5; ++i) {
    StepStatus& step = status.steps[i];
    step.elements_in = 10 * (i + 1);
    step.elements_out = 10 * (i + 1) + 1;
    step.dropped_late = 1;
    step.holds.cells = i;
    step.watermark = Timestamp::Seconds(static_cast<int64_t>(100 - i));
    step.held_by = {2, OperatorStatus::Holds::kWindows};
  }
  const JobStatus of = steps.Of(status);
  EXPECT_EQ(of.job, "job");
  EXPECT_EQ(of.bundles, 3);
  ASSERT_EQ(of.steps.size(), 3);
  EXPECT_EQ(of.steps[0].name, "Read");
  EXPECT_EQ(of.steps[0].elements_out, 11);
  EXPECT_EQ(of.steps[1].name, "Group");
  EXPECT_EQ(of.steps[1].elements_in, 20);
  EXPECT_EQ(of.steps[1].elements_out, 41);
  EXPECT_EQ(of.steps[1].dropped_late, 3);
  EXPECT_EQ(of.steps[1].holds.cells, 1 + 2 + 3);
  EXPECT_EQ(of.steps[1].watermark, Timestamp::Seconds(97));
  EXPECT_EQ(of.steps[2].elements_in, 70);
  EXPECT_EQ(of.steps[2].elements_out, 7);
  EXPECT_EQ(of.steps[2].holds.waiting, 30);
  EXPECT_DOUBLE_EQ(of.stage_progress, 0.35);
  for (const StepStatus& step : of.steps) {
    ASSERT_TRUE(step.held_by.has_value());
    EXPECT_EQ(step.held_by->step, 1);
  }
}

TEST(BundleFigures, CountEachElementOnceWhateverTheWorkerSays) {
  StageFigures figures;
  {
    BundleFigures bundle(&figures);
    bundle.Sent(10);
    bundle.Begun(4);
    bundle.Begun(3);
    EXPECT_EQ(figures.elements_sent, 10);
    EXPECT_EQ(figures.elements_in, 4);
    bundle.Made(5);
    bundle.Came(3);
    EXPECT_EQ(figures.elements_out, 5);
    bundle.Came(4);
    EXPECT_EQ(figures.elements_out, 7);
    bundle.Begun(1000);
    EXPECT_EQ(figures.elements_in, 10);
    bundle.End();
    EXPECT_EQ(figures.bundles, 1);
    bundle.Sent(8);
    bundle.GivenAway(3);
    EXPECT_EQ(figures.elements_sent, 15);
    bundle.Came(1);
    EXPECT_EQ(figures.elements_out, 8);
  }
  // The second one has failed.
  EXPECT_EQ(figures.elements_in, 15);
  EXPECT_EQ(figures.bundles, 1);
}

TEST(RunnerSteps, AreHeldByNobodyWhoIsNotSeen) {
  const RunnerSteps steps(EngineGraph(), {{.name = "Read", .nodes = {0}}});
  JobStatus status;
  status.steps.resize(5);
  status.steps[0].held_by = {3, OperatorStatus::Holds::kWork};
  EXPECT_FALSE(steps.Of(status).steps[0].held_by.has_value());
}

TEST(RunnerSteps, AddUpWhatAJobHasCounted) {
  const RunnerSteps steps(EngineGraph(), {{.name = "Group", .nodes = {1, 2, 3}}});
  JobMetrics metrics;
  for (uint64_t i = 0; i < 5; ++i) metrics.steps.push_back({"", 10 * i, 10 * i + 1, 0.5});
  metrics.peak_memory_bytes = 5;
  const JobMetrics of = steps.Of(metrics);
  EXPECT_EQ(of.peak_memory_bytes, 5);
  ASSERT_EQ(of.steps.size(), 1);
  EXPECT_EQ(of.steps[0].step, "Group");
  EXPECT_EQ(of.steps[0].elements_in, 10);
  EXPECT_EQ(of.steps[0].elements_out, 31);
  EXPECT_EQ(of.steps[0].seconds, 1.5);
}

ExpandedTransform Transform(const std::string& name, std::string_view urn,
                            const std::string& environment, std::vector<std::string> inputs) {
  return {.id = name,
          .name = name,
          .urn = std::string(urn),
          .environment = environment,
          .main_input = inputs.size() == 1 ? inputs[0] : "",
          .inputs = inputs,
          .side_inputs = {},
          .outputs = {name + ".out"}};
}

TEST(DrawRunnerSteps, SaysWhatRunsTogetherInAWorker) {
  ExpandedPipeline pipeline;
  pipeline.components = std::make_unique<pipeline::Components>();
  auto& environments = *pipeline.components->mutable_environments();
  environments["p"].add_capabilities("beam:version:sdk_base:apache/beam_python3.11_sdk:2.77.0");
  environments["g"].add_capabilities("beam:version:sdk_base:apache/beam_go_sdk:2.77.0");
  pipeline.transforms = {Transform("Create/Impulse", kImpulseUrn, "", {}),
                         Transform("Create/Map", kParDoUrn, "p", {"Create/Impulse.out"}),
                         Transform("Pair", kParDoUrn, "p", {"Create/Map.out"}),
                         Transform("Both", kFlattenUrn, "", {"Pair.out", "Create/Map.out"}),
                         Transform("Group", kGroupByKeyUrn, "", {"Both.out"}),
                         Transform("Sum", kMergeAccumulatorsUrn, "g", {"Group.out"})};
  pipeline.transforms[5].side_inputs = {{"side", "Pair.out", std::string(kIterableSideInputUrn)}};
  for (size_t i = 0; i < pipeline.transforms.size(); ++i) {
    pipeline.producers[pipeline.transforms[i].outputs[0]] = i;
  }
  EXPECT_EQ(DrawRunnerSteps(pipeline, FuseStages(pipeline), "job"),
            "job: 6 steps in 4 stages\n"
            "├─ Create\n"
            "│  ├─ Impulse  [1]\n"
            "│  └─ Map  (ParDo in python)  ← Impulse  [2]\n"
            "├─ Pair  (ParDo in python)  ← Create/Map  [2]\n"
            "├─ Both  (Flatten)  ← Pair, Create/Map\n"
            "├─ Group  (GroupByKey)  ← Both  [3]\n"
            "└─ Sum  (Combine in go)  ← Group  side ← Pair  [4]\n");
}

}  // namespace
}  // namespace joist::portability
