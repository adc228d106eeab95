// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/engine/step_tap.h"

#include <string>
#include <utility>

namespace joist {
namespace {

const ElementType& InputType(const Graph& graph, int node) {
  return *graph.collections()[graph.nodes()[node].inputs[0]].type;
}

}  // namespace

Status StepTap::Check(const Graph& graph, int node) {
  const Node& of = graph.nodes()[node];
  const auto refuse = [&](const std::string& why) {
    return Status(StatusCode::kUnimplemented, "step \"" + of.name + "\" " + why);
  };
  switch (of.kind) {
    case StepKind::kParDo: break;
    case StepKind::kRead: return refuse("begins the pipeline: it is given nothing");
    default: return refuse("groups, combines or shows; only what functions are given is kept");
  }
  if (!of.side_inputs.empty() && !graph.has_unbounded()) {
    return refuse("has side inputs, which are kept of streams only");
  }
  const ElementType& type = InputType(graph, node);
  if (type.tape == nullptr || type.tape->make_tap == nullptr) {
    return refuse("is given elements of the type " + type.name() + ", which has no coder");
  }
  return OkStatus();
}

StepTap::StepTap(const Graph& graph, int node, int taps)
    : tape_(*InputType(graph, node).tape),
      node_(node),
      record_(BundleRecord::kMostBytes / static_cast<size_t>(taps)) {}

Receiver* StepTap::Before(Receiver* input) {
  if (tap_ == nullptr) tap_ = tape_.make_tap(&record_, input);
  return tap_.get();
}

void StepTap::Begin(Operator& op) {
  std::string whole;
  op.SaveWhole(&whole);
  record_.Begin(std::move(whole));
}

}  // namespace joist
