// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Plans of graphs made by hand: which steps are fused, where stages end, in which order they run.

#include "joist/engine/plan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace joist {
namespace {

const ElementType kType = {&typeid(int), [] { return std::string("int"); },
                           [] { return CoderSpec(); }};

/// A graph in which each node has one output, whose number is the node's.
struct HandGraph {
  Graph graph;
  int Add(StepKind kind, std::vector<int> inputs, std::vector<int> sides = {}) {
    Node node;
    node.name = std::to_string(graph.nodes().size());
    node.kind = kind;
    node.inputs = std::move(inputs);
    node.side_inputs = std::move(sides);
    return graph.Add(std::move(node), {&kType});
  }
  int Read() { return Add(StepKind::kRead, {}); }
  int ParDo(int input, std::vector<int> sides = {}) {
    return Add(StepKind::kParDo, {input}, std::move(sides));
  }
  int Group(int input) { return Add(StepKind::kGroup, {input}); }
  int View(int input) { return Add(StepKind::kView, {input}); }
  int Flatten(std::vector<int> inputs) { return Add(StepKind::kFlatten, std::move(inputs)); }
};

/// What holds for every plan.
void CheckPlan(const Graph& graph, const Plan& plan) {
  const auto& nodes = graph.nodes();
  std::set<int> operators, sinks;
  for (int s = 0; s < static_cast<int>(plan.stages.size()); ++s) {
    const PlannedStage& stage = plan.stages[s];
    for (int need : stage.needs) ASSERT_LT(need, s);
    ASSERT_TRUE(std::is_sorted(stage.operators.begin(), stage.operators.end()));
    std::set<int> complete;  // Sinks that no later stage feeds.
    for (int t = 0; t < s; ++t) {
      for (int sink : plan.stages[t].sinks) complete.insert(sink);
    }
    for (int t = s; t < static_cast<int>(plan.stages.size()); ++t) {
      for (int sink : plan.stages[t].sinks) complete.erase(sink);
    }
    if (nodes[stage.root].kind != StepKind::kRead) {
      ASSERT_TRUE(complete.contains(stage.root) || plan.cut[stage.root]);
    }
    for (int node : stage.operators) {
      ASSERT_EQ(nodes[node].kind, StepKind::kParDo);
      ASSERT_TRUE(!plan.cut[node] || node == stage.root);
      for (int side : nodes[node].side_inputs) {
        ASSERT_TRUE(complete.contains(graph.collections()[side].producer)) << "node " << node;
      }
      operators.insert(node);
    }
    for (int sink : stage.sinks) {
      ASSERT_TRUE(nodes[sink].kind == StepKind::kGroup || nodes[sink].kind == StepKind::kView ||
                  plan.cut[sink]);
      sinks.insert(sink);
    }
  }
  for (int node = 0; node < static_cast<int>(nodes.size()); ++node) {
    if (nodes[node].kind == StepKind::kParDo) {
      ASSERT_TRUE(operators.contains(node));
    }
    if (nodes[node].kind == StepKind::kGroup || nodes[node].kind == StepKind::kView) {
      ASSERT_TRUE(sinks.contains(node));
    }
  }
}

TEST(Plan, FusesUpToAGrouping) {
  HandGraph g;
  const int read = g.Read();
  const int map = g.ParDo(read);
  const int group = g.Group(map);
  const int after = g.ParDo(group);
  const Plan plan = MakePlan(g.graph);
  CheckPlan(g.graph, plan);
  ASSERT_EQ(plan.stages.size(), 2u);
  EXPECT_EQ(plan.stages[0].root, read);
  EXPECT_EQ(plan.stages[0].operators, std::vector<int>{map});
  EXPECT_EQ(plan.stages[0].sinks, std::vector<int>{group});
  EXPECT_EQ(plan.stages[1].root, group);
  EXPECT_EQ(plan.stages[1].operators, std::vector<int>{after});
  EXPECT_EQ(plan.stages[1].needs, std::vector<int>{0});
}

TEST(Plan, FlattenIsSeenThrough) {
  HandGraph g;
  const int a = g.Read();
  const int b = g.Read();
  const int both = g.Flatten({a, b, a});
  const int map = g.ParDo(both);
  const Plan plan = MakePlan(g.graph);
  CheckPlan(g.graph, plan);
  ASSERT_EQ(plan.stages.size(), 2u);
  EXPECT_EQ(plan.consumers[a], (std::vector<Consumer>{{map, 0}, {map, 0}}));
  EXPECT_EQ(plan.consumers[b], (std::vector<Consumer>{{map, 0}}));
  EXPECT_EQ(plan.stages[0].operators, std::vector<int>{map});
  EXPECT_EQ(plan.stages[1].operators, std::vector<int>{map});
}

TEST(Plan, SideInputsComeFirst) {
  HandGraph g;
  const int main = g.Read();
  const int other = g.Read();
  const int view = g.View(other);
  g.ParDo(main, {view});
  const Plan plan = MakePlan(g.graph);
  CheckPlan(g.graph, plan);
  ASSERT_EQ(plan.stages.size(), 2u);
  EXPECT_EQ(plan.stages[0].root, other);
  EXPECT_EQ(plan.stages[1].root, main);
}

TEST(Plan, CutsAStepThatItsOwnStageFeeds) {
  HandGraph g;
  const int read = g.Read();
  const int map = g.ParDo(read);
  const int view = g.View(map);
  const int uses = g.ParDo(map, {view});
  const int last = g.ParDo(uses);
  const Plan plan = MakePlan(g.graph);
  CheckPlan(g.graph, plan);
  EXPECT_TRUE(plan.cut[uses]);
  EXPECT_FALSE(plan.cut[last]);
  ASSERT_EQ(plan.stages.size(), 2u);
  EXPECT_EQ(plan.stages[0].sinks, (std::vector<int>{view, uses}));
  EXPECT_EQ(plan.stages[1].root, uses);
  EXPECT_EQ(plan.stages[1].operators, (std::vector<int>{uses, last}));
}

TEST(Plan, CutsOnceTheWayRoundIsLong) {
  HandGraph g;
  const int read = g.Read();
  const int group = g.Group(g.ParDo(read));
  const int view = g.View(g.ParDo(group));
  const int uses = g.ParDo(read, {view});  // Its stage feeds the grouping behind its side input.
  const Plan plan = MakePlan(g.graph);
  CheckPlan(g.graph, plan);
  EXPECT_TRUE(plan.cut[uses]);
  EXPECT_EQ(plan.stages.size(), 3u);
}

TEST(Plan, OfRandomGraphs) {
  for (unsigned seed = 1; seed <= 3000; ++seed) {
    std::mt19937 random(seed);
    HandGraph g;
    std::vector<int> collections, views;
    const auto any = [&] { return collections[random() % collections.size()]; };
    for (size_t size = 2 + random() % 15, i = 0; i < size; ++i) {
      switch (collections.empty() ? 0 : random() % 8) {
        case 0: collections.push_back(g.Read()); break;
        case 1: collections.push_back(g.Group(any())); break;
        case 2: views.push_back(g.View(any())); break;
        case 3: {
          const int first = any();
          collections.push_back(g.Flatten({first, any()}));
          break;
        }
        case 4:
        case 5:
          if (!views.empty()) {
            collections.push_back(
                g.ParDo(any(), {views[random() % views.size()], views[random() % views.size()]}));
            break;
          }
          [[fallthrough]];
        default: collections.push_back(g.ParDo(any()));
      }
    }
    CheckPlan(g.graph, MakePlan(g.graph));
    ASSERT_FALSE(HasFatalFailure()) << "seed " << seed;
  }
}

}  // namespace
}  // namespace joist
