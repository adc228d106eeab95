// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/engine/plan.h"

#include <algorithm>
#include <set>

namespace joist {
namespace {

void AddConsumers(const Graph& graph, const std::vector<std::vector<Consumer>>& direct,
                  int collection, std::vector<Consumer>* consumers) {
  for (const Consumer& consumer : direct[collection]) {
    const Node& node = graph.nodes()[consumer.node];
    if (node.kind == StepKind::kFlatten) {
      AddConsumers(graph, direct, node.outputs[0], consumers);
    } else {
      consumers->push_back(consumer);
    }
  }
}

/// The stages as they follow from which steps are cut; in the order of their roots.
std::vector<PlannedStage> MakeStages(const Graph& graph, const Plan& plan) {
  std::vector<PlannedStage> stages;
  const auto& nodes = graph.nodes();
  for (int root = 0; root < static_cast<int>(nodes.size()); ++root) {
    const StepKind kind = nodes[root].kind;
    if (kind != StepKind::kRead && kind != StepKind::kGroup && !plan.cut[root]) continue;
    PlannedStage stage;
    stage.root = root;
    std::set<int> operators, sinks;
    if (plan.cut[root]) operators.insert(root);
    std::vector<int> open(nodes[root].outputs);
    while (!open.empty()) {
      const int collection = open.back();
      open.pop_back();
      for (const auto [node, input] : plan.consumers[collection]) {
        if (nodes[node].kind == StepKind::kParDo && !plan.cut[node]) {
          if (operators.insert(node).second) {
            open.insert(open.end(), nodes[node].outputs.begin(), nodes[node].outputs.end());
          }
        } else {
          sinks.insert(node);
        }
      }
    }
    // A grouping that nothing reads needs no stage of its own.
    if (kind == StepKind::kGroup && operators.empty() && sinks.empty()) continue;
    stage.operators.assign(operators.begin(), operators.end());  // Node numbers are topological.
    stage.sinks.assign(sinks.begin(), sinks.end());
    stages.push_back(std::move(stage));
  }
  const auto add_producers = [&](int sink, PlannedStage* stage) {
    for (int i = 0; i < static_cast<int>(stages.size()); ++i) {
      const auto& sinks = stages[i].sinks;
      if (std::find(sinks.begin(), sinks.end(), sink) != sinks.end()) stage->needs.push_back(i);
    }
  };
  for (PlannedStage& stage : stages) {
    if (nodes[stage.root].kind != StepKind::kRead) add_producers(stage.root, &stage);
    for (int node : stage.operators) {
      for (int side : nodes[node].side_inputs) {
        add_producers(graph.collections()[side].producer, &stage);
      }
    }
  }
  return stages;
}

bool Reaches(const std::vector<PlannedStage>& stages, int from, int to, std::vector<bool>* seen) {
  if (from == to) return true;
  if ((*seen)[from]) return false;
  (*seen)[from] = true;
  return std::any_of(stages[from].needs.begin(), stages[from].needs.end(),
                     [&](int next) { return Reaches(stages, next, to, seen); });
}

/// A step in whose stage a side input of its own is produced, or -1.
int FindStepToCut(const Graph& graph, const std::vector<PlannedStage>& stages) {
  for (int s = 0; s < static_cast<int>(stages.size()); ++s) {
    for (int node : stages[s].operators) {
      for (int side : graph.nodes()[node].side_inputs) {
        const int view = graph.collections()[side].producer;
        for (int p = 0; p < static_cast<int>(stages.size()); ++p) {
          const auto& sinks = stages[p].sinks;
          if (std::find(sinks.begin(), sinks.end(), view) == sinks.end()) continue;
          std::vector<bool> seen(stages.size());
          if (Reaches(stages, p, s, &seen)) return node;
        }
      }
    }
  }
  return -1;
}

std::vector<PlannedStage> InOrder(const std::vector<PlannedStage>& stages) {
  std::vector<PlannedStage> ordered;
  std::vector<int> place(stages.size(), -1);
  while (ordered.size() < stages.size()) {
    const size_t before = ordered.size();
    for (size_t i = 0; i < stages.size(); ++i) {
      const auto& needs = stages[i].needs;
      if (place[i] >= 0 ||
          !std::all_of(needs.begin(), needs.end(), [&](int n) { return place[n] >= 0; })) {
        continue;
      }
      place[i] = static_cast<int>(ordered.size());
      ordered.push_back(stages[i]);
      for (int& need : ordered.back().needs) need = place[need];
    }
    JOIST_CHECK(ordered.size() > before);
  }
  return ordered;
}

}  // namespace

Plan MakePlan(const Graph& graph) {
  Plan plan;
  std::vector<std::vector<Consumer>> direct(graph.collections().size());
  for (int node = 0; node < static_cast<int>(graph.nodes().size()); ++node) {
    const std::vector<int>& inputs = graph.nodes()[node].inputs;
    for (int i = 0; i < static_cast<int>(inputs.size()); ++i)
      direct[inputs[i]].push_back({node, i});
  }
  plan.consumers.resize(direct.size());
  for (int c = 0; c < static_cast<int>(direct.size()); ++c) {
    AddConsumers(graph, direct, c, &plan.consumers[c]);
  }
  plan.cut.resize(graph.nodes().size());
  std::vector<PlannedStage> stages = MakeStages(graph, plan);
  for (int node; (node = FindStepToCut(graph, stages)) >= 0;) {
    JOIST_CHECK(!plan.cut[node]);
    plan.cut[node] = true;
    stages = MakeStages(graph, plan);
  }
  plan.stages = InOrder(stages);
  return plan;
}

}  // namespace joist
