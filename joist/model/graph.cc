// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/model/graph.h"

#include <algorithm>
#include <utility>

#include "joist/base/hash.h"

namespace joist {

std::string_view StepKindName(StepKind kind) {
  static constexpr std::string_view kNames[] = {"Read", "ParDo", "Flatten", "Group", "View"};
  return kNames[static_cast<size_t>(kind)];
}

std::string DescribeLocation(const std::source_location& where) {
  std::string_view file = where.file_name();
  if (const size_t slash = file.rfind('/'); slash != file.npos) file.remove_prefix(slash + 1);
  return std::string(file) + ":" + std::to_string(where.line());
}

std::string AtLocation(const std::source_location& where) {
  return where.line() == 0 ? "" : " at " + DescribeLocation(where);
}

Status SameNameFault(std::string_view name, const std::source_location& where,
                     const std::source_location& other) {
  const std::string at_other = AtLocation(other);
  return InvalidArgument("step \"" + std::string(name) + "\"" + AtLocation(where) +
                         " has the name of " +
                         (at_other.empty() ? "another step" : "the step" + at_other) +
                         "; give one of them another name: \"Name\" >> …");
}

int Graph::Add(Node node, std::vector<const ElementType*> outputs) {
  for (const Node& other : nodes_) {
    if (other.name == node.name) {
      AddFault(SameNameFault(node.name, node.where, other.where));
      break;
    }
  }
  const int id = static_cast<int>(nodes_.size());
  WindowingStrategy windowing;
  bool is_bounded = node.payload == nullptr || node.payload->is_bounded();
  if (!node.inputs.empty()) windowing = collections_[node.inputs[0]].windowing;
  for (int input : node.inputs) {
    const Collection& collection = collections_[input];
    is_bounded = is_bounded && collection.is_bounded;
    if (!collection.windowing.windows_are_merged) windowing.windows_are_merged = false;
  }
  if (node.payload != nullptr) {
    windowing = node.payload->OutputWindowing(windowing);
    if (node.payload->groups()) windowing = windowing.AfterGrouping();
  }
  for (size_t port = 0; port < outputs.size(); ++port) {
    node.outputs.push_back(static_cast<int>(collections_.size()));
    collections_.push_back({id, static_cast<int>(port), outputs[port], windowing, is_bounded});
  }
  nodes_.push_back(std::move(node));
  return id;
}

void Graph::SetDisplayData(std::string name, std::vector<DisplayItem> items) {
  display_data_[std::move(name)] = std::move(items);
}

const std::vector<DisplayItem>* Graph::display_data(std::string_view name) const {
  const auto found = display_data_.find(name);
  return found == display_data_.end() ? nullptr : &found->second;
}

Node Graph::TakeBackLast() {
  JOIST_CHECK(!nodes_.empty() && nodes_.back().outputs.empty());
  Node last = std::move(nodes_.back());
  nodes_.pop_back();
  return last;
}

void Graph::AddFault(Status fault) {
  if (fault_.ok()) fault_ = std::move(fault);
}

Status Graph::Validate() const {
  if (!fault_.ok()) return fault_;
  for (const Node& node : nodes_) {
    for (int input : node.inputs) {
      JOIST_CHECK(input >= 0 && input < static_cast<int>(collections_.size()));
      if (node.kind == StepKind::kFlatten &&
          *collections_[input].type->type != *collections_[node.outputs[0]].type->type) {
        return InvalidArgument(
            "step \"" + node.name + "\"" + AtLocation(node.where) +
            " joins collections of different types: " + collections_[input].type->name() + " and " +
            collections_[node.outputs[0]].type->name());
      }
    }
    for (int side : node.side_inputs) JOIST_CHECK(producer(side).kind == StepKind::kView);
    JOIST_RETURN_IF_ERROR(ValidateWindowing(node));
  }
  return OkStatus();
}

Status Graph::ValidateWindowing(const Node& node) const {
  const std::string step = "step \"" + node.name + "\"" + AtLocation(node.where) + " ";
  for (int output : node.outputs) {
    if (const Status valid = collections_[output].windowing.Validate(); !valid.ok()) {
      return InvalidArgument(step + "is windowed wrongly: " + valid.message());
    }
  }
  for (int input : node.inputs) {
    const WindowFn& fn = collections_[input].windowing.window_fn;
    const WindowFn& first = collections_[node.inputs[0]].windowing.window_fn;
    if (fn != first) {
      return InvalidArgument(step + "joins collections with different windows: " +
                             first.ToString() + " and " + fn.ToString());
    }
    if (node.kind == StepKind::kView && fn.is_merging()) {
      return InvalidArgument(step + "makes a side input of a collection in " + fn.ToString() +
                             ", whose windows no element of another collection has; put it into "
                             "other windows with WindowInto");
    }
    if (node.kind == StepKind::kView && !fn.is_of_time()) {
      return InvalidArgument(step + "makes a side input of a collection in " + fn.ToString() +
                             ", whose windows follow from its elements, so that no element of "
                             "another collection has them; put it into other windows with "
                             "WindowInto");
    }
    if (node.payload == nullptr || !node.payload->groups()) continue;
    const Collection& collection = collections_[input];
    if (const Status valid = collection.windowing.ValidateGrouping(collection.is_bounded);
        !valid.ok()) {
      return InvalidArgument(step + valid.message());
    }
  }
  return OkStatus();
}

bool Graph::has_unbounded() const {
  return std::any_of(collections_.begin(), collections_.end(),
                     [](const Collection& collection) { return !collection.is_bounded; });
}

uint64_t Graph::Fingerprint() const {
  uint64_t hash = HashWord(nodes_.size());
  const auto mix_all = [&hash](const std::vector<int>& ids) {
    hash = HashCombine(hash, ids.size());
    for (int id : ids) hash = HashCombine(hash, static_cast<uint64_t>(id));
  };
  for (const Node& node : nodes_) {
    hash = HashCombine(hash, HashBytes(node.name));
    hash = HashCombine(hash, static_cast<uint64_t>(node.kind));
    if (node.payload) hash = HashCombine(hash, HashBytes(node.payload->type_key()));
    mix_all(node.inputs);
    mix_all(node.side_inputs);
    mix_all(node.outputs);
  }
  return hash;
}

}  // namespace joist
