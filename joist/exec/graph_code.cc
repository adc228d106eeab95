// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/exec/graph_code.h"

#include <algorithm>
#include <tuple>
#include <vector>

#include "joist/exec/step.h"

namespace joist {
namespace {

// Name, kind, key, state, inputs, side inputs.
using NodeCode =
    std::tuple<std::string, uint8_t, std::string, std::string, std::vector<int>, std::vector<int>>;

Result<std::string> StateOf(const Node& node) {
  if (node.kind == StepKind::kFlatten) return std::string();
  const std::string where = "step \"" + node.name + "\" at " + DescribeLocation(node.where);
  std::string state;
  if (!node.payload->EncodeState(&state)) {
    return Status(StatusCode::kFailedPrecondition,
                  where +
                      " cannot be sent to another process: its function captures something; "
                      "make it a struct declared with JOIST_ROW, or take what it needs as a side "
                      "input");
  }
  if (Result<const StepEntry*> entry = FindStep(node.payload->type_key()); !entry.ok()) {
    return Status(entry.status().code(),
                  where + " cannot be sent to another process: " + entry.status().message());
  }
  return state;
}

bool AllBelow(const std::vector<int>& ids, size_t bound) {
  return std::all_of(ids.begin(), ids.end(),
                     [bound](int id) { return id >= 0 && static_cast<size_t>(id) < bound; });
}

}  // namespace

Status CheckTravels(const Graph& graph) {
  for (const Node& node : graph.nodes()) {
    if (Result<std::string> state = StateOf(node); !state.ok()) return state.status();
  }
  return OkStatus();
}

Result<std::string> EncodeGraph(const Graph& graph) {
  std::vector<NodeCode> codes;
  for (const Node& node : graph.nodes()) {
    JOIST_ASSIGN_OR_RETURN(std::string state, StateOf(node));
    codes.emplace_back(node.name, static_cast<uint8_t>(node.kind),
                       node.payload ? std::string(node.payload->type_key()) : std::string(),
                       std::move(state), node.inputs, node.side_inputs);
  }
  return EncodeToString(codes);
}

Result<Graph> DecodeGraph(std::string_view bytes) {
  JOIST_ASSIGN_OR_RETURN(const std::vector<NodeCode> codes,
                         DecodeFromString<std::vector<NodeCode>>(bytes));
  Graph graph;
  for (const auto& [name, kind, key, state, inputs, side_inputs] : codes) {
    const Status malformed = DataLoss("the graph's bytes are malformed at step \"" + name + "\"");
    const size_t known = graph.collections().size();
    if (kind > static_cast<uint8_t>(StepKind::kView) || !AllBelow(inputs, known) ||
        !AllBelow(side_inputs, known)) {
      return malformed;
    }
    Node node;
    node.name = name;
    node.kind = static_cast<StepKind>(kind);
    node.inputs = inputs;
    node.side_inputs = side_inputs;
    std::vector<const ElementType*> outputs;
    if (node.kind == StepKind::kFlatten) {
      if (inputs.empty()) return malformed;
      outputs.push_back(graph.collections()[inputs[0]].type);
    } else {
      JOIST_ASSIGN_OR_RETURN(const StepEntry* entry, FindStep(key));
      node.payload = entry->decode(state);
      if (node.payload == nullptr || node.payload->kind() != node.kind) return malformed;
      outputs = node.payload->outputs();
    }
    graph.Add(std::move(node), std::move(outputs));
  }
  JOIST_RETURN_IF_ERROR(graph.Validate());
  return graph;
}

}  // namespace joist
