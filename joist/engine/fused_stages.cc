// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/sdk/graph_picture/fused_stages.h"

#include "joist/engine/plan.h"

namespace joist {

std::vector<int> FusedStages(const Graph& graph) {
  const Plan plan = MakePlan(graph);
  std::vector<int> stages(graph.nodes().size(), -1);
  for (size_t s = 0; s < plan.stages.size(); ++s) {
    const PlannedStage& stage = plan.stages[s];
    const auto put = [&](int node) {
      if (stages[node] < 0) stages[node] = static_cast<int>(s);
    };
    if (graph.nodes()[stage.root].kind == StepKind::kRead) put(stage.root);
    for (int node : stage.operators) put(node);
    for (int node : stage.sinks) {
      if (!plan.cut[node]) put(node);
    }
  }
  return stages;
}

}  // namespace joist
