// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/sdk/pcollection.h"

#include <algorithm>

namespace joist {

int PipelineBuilder::Add(StepKind kind, std::shared_ptr<const StepPayload> payload,
                         std::vector<int> inputs, std::vector<int> side_inputs,
                         std::vector<const ElementType*> outputs) {
  Node node;
  node.name = levels_.back().path;
  node.kind = kind;
  node.payload = std::move(payload);
  node.inputs = std::move(inputs);
  node.side_inputs = std::move(side_inputs);
  node.where = levels_.back().where;
  return graph_.Add(std::move(node), std::move(outputs));
}

PipelineBuilder::Scope::Scope(PipelineBuilder* builder, std::string_view name, std::string_view kind,
                              const std::source_location* where)
    : builder_(builder) {
  Level& outer = builder->levels_.back();
  std::string own(name);
  const auto taken = [&](const std::string& candidate) {
    return std::find(outer.given.begin(), outer.given.end(), candidate) != outer.given.end();
  };
  Level level;
  level.where = where != nullptr ? *where : outer.where;
  if (name.empty()) {
    own = std::string(kind);
    for (int n = 2; taken(own); ++n) own = std::string(kind) + "_" + std::to_string(n);
  }
  outer.given.push_back(own);
  level.path = outer.path.empty() ? own : outer.path + "/" + own;
  builder->levels_.push_back(std::move(level));
}

PipelineBuilder::Scope::~Scope() { builder_->levels_.pop_back(); }

}  // namespace joist
