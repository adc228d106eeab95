// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Plan: a graph cut into stages. A stage begins with a source (a read, or what a grouping has
// gathered), runs its batches through steps fused into one chain, and ends in the sinks of
// groupings and views. Pure: planning runs nothing.

#ifndef JOIST_ENGINE_PLAN_H_
#define JOIST_ENGINE_PLAN_H_

#include <vector>

#include "joist/model/graph.h"

namespace joist {

struct PlannedStage {
  int root = 0;  ///< Node: a read, a grouping, or a step whose input is kept (see cut).
  std::vector<int> operators;  ///< Nodes, each after those it gets batches from.
  std::vector<int> sinks;      ///< Nodes: groupings, views, and cut steps fed by this stage.
  std::vector<int> needs;      ///< Stages that must be complete before this one starts.
};

/// Where batches go: one of a node's inputs.
struct Consumer {
  int node = 0;
  int input = 0;  ///< A grouping may have several.
  friend bool operator==(const Consumer&, const Consumer&) = default;
};

struct Plan {
  /// In an order in which they can run.
  std::vector<PlannedStage> stages;
  /// By node: a step that needs a side input which its own stage would produce. Its input is kept
  /// until the side input is complete; the step then begins a stage of its own.
  std::vector<bool> cut;
  /// By collection: where its batches go, Flatten seen through.
  std::vector<std::vector<Consumer>> consumers;
};

Plan MakePlan(const Graph& graph);

}  // namespace joist

#endif  // JOIST_ENGINE_PLAN_H_
