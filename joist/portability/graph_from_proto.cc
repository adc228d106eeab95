// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include <org/apache/beam/model/pipeline/v1/beam_runner_api.pb.h>

#include <charconv>
#include <map>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "joist/portability/graph_to_proto.h"
#include "joist/portability/pipeline_check.h"
#include "joist/portability/quoted.h"
#include "joist/portability/step_code.h"
#include "joist/portability/urns.h"

namespace joist::portability {
namespace {

std::string Shortest(double value) {
  char text[32];
  return std::string(text, std::to_chars(text, text + sizeof(text), value).ptr);
}

class GraphReader {
 public:
  explicit GraphReader(const pipeline::Pipeline& proto) : components_(proto.components()) {}

  Result<Graph> Read() {
    for (const auto& [id, transform] : components_.transforms()) {
      JOIST_RETURN_IF_ERROR(FindStepOf(transform));
    }
    for (const auto& [index, step] : steps_) {
      if (index != graph_.nodes().size()) {
        return InvalidArgument("the pipeline lacks its step " +
                               std::to_string(graph_.nodes().size()));
      }
      JOIST_RETURN_IF_ERROR(AddStep(step));
    }
    for (const auto& [id, transform] : components_.transforms()) {
      JOIST_RETURN_IF_ERROR(ReadDisplayData(transform));
    }
    JOIST_RETURN_IF_ERROR(graph_.Validate());
    return std::move(graph_);
  }

 private:
  struct FoundStep {
    StepCode code;
    const pipeline::PTransform* transform;
    pipeline::ParDoPayload payload = {};
  };

  /// Notes the step that `transform` is; composites and impulses are none.
  Status FindStepOf(const pipeline::PTransform& transform) {
    const std::string& urn = transform.spec().urn();
    const auto annotation = transform.annotations().find(std::string(kStepUrn));
    pipeline::ParDoPayload payload;
    const std::string* bytes = nullptr;
    if (annotation != transform.annotations().end()) {
      bytes = &annotation->second;
    } else if (urn == kStepUrn) {
      bytes = &transform.spec().payload();
    } else if (urn == kParDoUrn && payload.ParseFromString(transform.spec().payload()) &&
               payload.do_fn().urn() == kStepUrn) {
      bytes = &payload.do_fn().payload();
    } else if (!transform.subtransforms().empty() || urn == kImpulseUrn) {
      return OkStatus();
    } else {
      return InvalidArgument("the transform " + Quoted(transform.unique_name()) + ", " +
                             Quoted(urn) + ", is no step of this program");
    }
    JOIST_ASSIGN_OR_RETURN(StepCode code, StepCode::Decode(*bytes));
    const uint64_t index = code.index;
    if (steps_.contains(index)) {
      return InvalidArgument("the pipeline has its step " + std::to_string(index) + " twice");
    }
    steps_.emplace(index, FoundStep{std::move(code), &transform, std::move(payload)});
    return OkStatus();
  }

  static Status Malformed(const FoundStep& step, std::string_view why) {
    return InvalidArgument("the step " + Quoted(step.code.name) + " " + std::string(why));
  }

  Status AddStep(const FoundStep& step) {
    JOIST_ASSIGN_OR_RETURN(Node node, step.code.MakeNode());
    if (node.kind != StepKind::kRead) JOIST_RETURN_IF_ERROR(ReadInputs(step, &node));
    const bool needs_one = node.kind == StepKind::kParDo || node.kind == StepKind::kView;
    const bool fits = node.kind == StepKind::kRead ? node.inputs.empty()
                      : needs_one                  ? node.inputs.size() == 1
                                                   : !node.inputs.empty();
    if (!fits) return Malformed(step, "has a wrong number of inputs");
    std::vector<const ElementType*> types =
        node.kind == StepKind::kFlatten
            ? std::vector<const ElementType*>{graph_.collections()[node.inputs[0]].type}
            : node.payload->outputs();
    if (static_cast<size_t>(step.transform->outputs().size()) != types.size()) {
      return Malformed(step, "has a wrong number of outputs");
    }
    const bool is_view = node.kind == StepKind::kView;
    const int added = graph_.Add(std::move(node), std::move(types));
    const std::vector<int>& outputs = graph_.nodes()[static_cast<size_t>(added)].outputs;
    if (is_view) {
      views_.emplace(step.code.index, outputs[0]);
      return OkStatus();
    }
    for (size_t port = 0; port < outputs.size(); ++port) {
      const auto found = step.transform->outputs().find("out" + std::to_string(port));
      if (found == step.transform->outputs().end()) {
        return Malformed(step, "lacks its output " + std::to_string(port));
      }
      collections_.emplace(found->second, outputs[port]);
    }
    return OkStatus();
  }

  Status ReadInputs(const FoundStep& step, Node* node) {
    const auto& inputs = step.transform->inputs();
    const size_t sides = step.payload.side_inputs().size();
    for (size_t i = 0; i + sides < inputs.size(); ++i) {
      const auto named = inputs.find("in" + std::to_string(i));
      const auto known =
          named == inputs.end() ? collections_.end() : collections_.find(named->second);
      if (known == collections_.end()) {
        return Malformed(step, "lacks its input " + std::to_string(i));
      }
      node->inputs.push_back(known->second);
    }
    for (size_t i = 0; i < sides; ++i) {
      const auto side = step.payload.side_inputs().find("side" + std::to_string(i));
      if (side == step.payload.side_inputs().end()) {
        return Malformed(step, "lacks its side input " + std::to_string(i));
      }
      JOIST_ASSIGN_OR_RETURN(const StepCode view,
                             StepCode::Decode(side->second.view_fn().payload()));
      const auto known = views_.find(view.index);
      if (known == views_.end()) {
        return Malformed(step, "has a side input of no view before it");
      }
      node->side_inputs.push_back(known->second);
    }
    return OkStatus();
  }

  Status ReadDisplayData(const pipeline::PTransform& transform) {
    if (transform.display_data().empty()) return OkStatus();
    std::vector<DisplayItem> items;
    std::string name;
    for (const pipeline::DisplayData& data : transform.display_data()) {
      pipeline::LabelledPayload payload;
      if (!payload.ParseFromString(data.payload())) {
        return InvalidArgument("the display data of " + Quoted(transform.unique_name()) +
                               " is malformed");
      }
      name = payload.namespace_();
      DisplayItem item{.key = payload.key(), .label = payload.label(), .value = {}};
      switch (payload.value_case()) {
        case pipeline::LabelledPayload::kIntValue:
          item.type = DisplayItem::Type::kInteger;
          item.value = std::to_string(payload.int_value());
          break;
        case pipeline::LabelledPayload::kDoubleValue:
          item.type = DisplayItem::Type::kDouble;
          item.value = Shortest(payload.double_value());
          break;
        case pipeline::LabelledPayload::kBoolValue:
          item.type = DisplayItem::Type::kBoolean;
          item.value = payload.bool_value() ? "true" : "false";
          break;
        default: item.value = payload.string_value();
      }
      items.push_back(std::move(item));
    }
    graph_.SetDisplayData(std::move(name), std::move(items));
    return OkStatus();
  }

  const pipeline::Components& components_;
  std::map<uint64_t, FoundStep> steps_;               ///< By index.
  std::unordered_map<std::string, int> collections_;  ///< Of the graph, by id.
  std::map<uint64_t, int> views_;                     ///< Collections of views, by index.
  Graph graph_;
};

}  // namespace

Result<Graph> GraphFromProto(const pipeline::Pipeline& proto) {
  if (const auto order = CheckPipeline(proto); !order.ok()) return order.status();
  return GraphReader(proto).Read();
}

}  // namespace joist::portability
