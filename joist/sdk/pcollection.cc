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

int PipelineBuilder::InputFrom(const PipelineBuilder& owner, int id, int instead) {
  if (&owner == this) return id;
  AddFault("takes a collection of another pipeline; make that collection in this pipeline as well");
  return instead;
}

void PipelineBuilder::AddFault(std::string_view what) {
  graph_.AddFault(InvalidArgument("step \"" + levels_.back().path + "\"" +
                                  AtLocation(levels_.back().where) + " " + std::string(what)));
}

PipelineBuilder::Scope::Scope(PipelineBuilder* builder, std::string_view name,
                              std::string_view kind, const std::source_location* where)
    : builder_(builder) {
  Level& outer = builder->levels_.back();
  std::string own(name);
  const auto find = [&](const std::string& candidate) {
    return std::find_if(outer.given.begin(), outer.given.end(),
                        [&](const Given& given) { return given.name == candidate; });
  };
  Level level;
  level.where = where != nullptr ? *where : outer.where;
  if (name.empty()) {
    own = std::string(kind);
    for (int n = 2; find(own) != outer.given.end(); ++n) {
      own = std::string(kind) + "_" + std::to_string(n);
    }
  }
  level.path = outer.path.empty() ? own : outer.path + "/" + own;
  if (const auto other = find(own); other != outer.given.end()) {
    // Whatever the steps inside are called: as Beam has it, a transform's name is unique.
    builder->graph_.AddFault(SameNameFault(level.path, level.where, other->where));
  }
  outer.given.push_back({own, level.where});
  builder->levels_.push_back(std::move(level));
}

PipelineBuilder::Scope::~Scope() { builder_->levels_.pop_back(); }

}  // namespace joist
