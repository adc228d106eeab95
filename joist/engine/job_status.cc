// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/engine/job_status.h"

namespace joist {

std::string_view HoldsName(OperatorStatus::Holds holds) {
  switch (holds) {
    case OperatorStatus::Holds::kNothing: return "itself";
    case OperatorStatus::Holds::kWork: return "source";
    case OperatorStatus::Holds::kSideInput: return "side input";
    case OperatorStatus::Holds::kCheckpoint: return "checkpoint";
    case OperatorStatus::Holds::kWindows: return "windows";
    case OperatorStatus::Holds::kTimers: return "timers";
  }
  return "itself";
}

std::vector<int> FindHolders(const Graph& graph, const std::vector<Timestamp>& watermarks) {
  const auto& nodes = graph.nodes();
  std::vector<int> holders(nodes.size(), -1);
  for (size_t node = 0; node < nodes.size(); ++node) {
    if (watermarks[node] == Timestamp::Max()) continue;
    holders[node] = static_cast<int>(node);
    Timestamp input = Timestamp::Max();
    int slowest = -1;
    for (const int collection : nodes[node].inputs) {
      const int producer = graph.collections()[static_cast<size_t>(collection)].producer;
      if (slowest >= 0 && watermarks[static_cast<size_t>(producer)] >= input) continue;
      input = watermarks[static_cast<size_t>(producer)];
      slowest = producer;
    }
    if (slowest >= 0 && watermarks[node] >= input) {
      holders[node] = holders[static_cast<size_t>(slowest)];
    }
  }
  return holders;
}

}  // namespace joist
