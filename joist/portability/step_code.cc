// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/portability/step_code.h"

#include <tuple>
#include <utility>

#include "joist/exec/step.h"
#include "joist/portability/quoted.h"

namespace joist::portability {
namespace {

// Index, name, kind, key, state.
using StepParts = std::tuple<uint64_t, std::string, uint8_t, std::string, std::string>;

}  // namespace

Result<StepCode> StepCode::Of(const Graph& graph, size_t index) {
  const Node& node = graph.nodes()[index];
  StepCode code{.index = index, .name = node.name, .kind = node.kind};
  if (node.kind == StepKind::kFlatten) return code;
  const std::string refusal = "step \"" + node.name + "\"" + AtLocation(node.where) +
                              " cannot be sent to another process: ";
  if (!node.payload->EncodeState(&code.state)) {
    return Status(StatusCode::kFailedPrecondition,
                  refusal +
                      "its function captures something; make it a struct declared with JOIST_ROW, "
                      "or take what it needs as a side input");
  }
  code.key = node.payload->type_key();
  if (const auto entry = FindStep(code.key); !entry.ok()) {
    return Status(entry.status().code(), refusal + entry.status().message());
  }
  return code;
}

std::string StepCode::Encode() const {
  return EncodeToString(StepParts{index, name, static_cast<uint8_t>(kind), key, state});
}

Result<StepCode> StepCode::Decode(std::string_view bytes) {
  Result<StepParts> parts = DecodeFromString<StepParts>(bytes);
  if (!parts.ok()) return InvalidArgument("a step is malformed: " + parts.status().message());
  StepCode code;
  uint8_t kind = 0;
  std::tie(code.index, code.name, kind, code.key, code.state) = std::move(*parts);
  if (kind > static_cast<uint8_t>(StepKind::kView)) {
    return InvalidArgument("the step " + Quoted(code.name) + " is of no known kind");
  }
  code.kind = static_cast<StepKind>(kind);
  return code;
}

Result<Node> StepCode::MakeNode() const {
  Node node;
  node.name = name;
  node.kind = kind;
  if (kind == StepKind::kFlatten) return node;
  const Result<const StepEntry*> entry = FindStep(key);
  if (!entry.ok()) {
    return Status(entry.status().code(),
                  "the step " + Quoted(name) + ": " + OneLine(entry.status().message()));
  }
  node.payload = (*entry)->decode(state);
  if (node.payload == nullptr || node.payload->kind() != kind) {
    return InvalidArgument("the step " + Quoted(name) + " is malformed");
  }
  return node;
}

}  // namespace joist::portability
