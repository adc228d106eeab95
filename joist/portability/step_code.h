// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// StepCode: a step of a graph as bytes: the payload of kStepUrn. Values; pure functions.

#ifndef JOIST_PORTABILITY_STEP_CODE_H_
#define JOIST_PORTABILITY_STEP_CODE_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "joist/base/status.h"
#include "joist/model/graph.h"

namespace joist::portability {

struct StepCode {
  uint64_t index = 0;  ///< Of the node.
  std::string name = {};
  StepKind kind = StepKind::kParDo;
  std::string key = {};    ///< In the registry; empty for a flatten.
  std::string state = {};  ///< Encoded.

  /// kFailedPrecondition where the step cannot travel.
  static Result<StepCode> Of(const Graph& graph, size_t index);
  std::string Encode() const;
  static Result<StepCode> Decode(std::string_view bytes);
  /// The node, with neither inputs nor outputs; NOT_FOUND where this program lacks the step.
  Result<Node> MakeNode() const;
};

}  // namespace joist::portability

#endif  // JOIST_PORTABILITY_STEP_CODE_H_
