// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/portability/pipeline_check.h"

#include <org/apache/beam/model/pipeline/v1/beam_runner_api.pb.h>

#include <algorithm>
#include <map>
#include <set>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "joist/portability/model_proto.h"
#include "joist/portability/quoted.h"
#include "joist/portability/topological_order.h"
#include "joist/portability/urns.h"

namespace joist::portability {
namespace {

Status CheckCount(size_t count, std::string_view what) {
  if (count <= kMostComponents) return OkStatus();
  return InvalidArgument("the pipeline has " + std::to_string(count) + " " + std::string(what) +
                         ", more than " + std::to_string(kMostComponents));
}

/// `"Count/Map" (id "ref_7")`.
std::string Described(const std::string& id, const pipeline::PTransform& transform) {
  return "the transform " + Quoted(transform.unique_name()) + " (id " + Quoted(id) + ")";
}

/// All coders: their parts exist, none is its own part, none is too large when spelled out.
class CoderCheck {
 public:
  explicit CoderCheck(const pipeline::Components& components) : components_(components) {}

  Status CheckAll() {
    for (const auto& [id, coder] : components_.coders()) JOIST_RETURN_IF_ERROR(Check(id, 0));
    return OkStatus();
  }

 private:
  struct Size {
    int depth = 0;  ///< 0: it is being looked at.
    int parts = 1;
  };

  Status Check(const std::string& id, int above) {
    const auto [known, is_new] = sizes_.emplace(id, Size());
    if (!is_new) {
      if (known->second.depth == 0) {
        return InvalidArgument("the coder " + Quoted(id) + " is a part of itself");
      }
      return OkStatus();
    }
    const auto found = components_.coders().find(id);
    if (found == components_.coders().end()) {
      return InvalidArgument("the coder " + Quoted(id) + " does not exist");
    }
    if (found->second.spec().urn().empty()) {
      return InvalidArgument("the coder " + Quoted(id) + " has no URN");
    }
    Size size{1, 1};
    for (const std::string& part : found->second.component_coder_ids()) {
      if (above < kMostCoderDepth) JOIST_RETURN_IF_ERROR(Check(part, above + 1));
      const auto at = sizes_.find(part);
      if (at == sizes_.end() || at->second.depth >= kMostCoderDepth) {
        return InvalidArgument("the coder " + Quoted(id) + " nests deeper than " +
                               std::to_string(kMostCoderDepth));
      }
      size.depth = std::max(size.depth, at->second.depth + 1);
      size.parts += at->second.parts;
      if (size.parts > kMostCoderParts) {
        return InvalidArgument("the coder " + Quoted(id) + " has more than " +
                               std::to_string(kMostCoderParts) + " parts");
      }
    }
    sizes_[id] = size;
    return OkStatus();
  }

  const pipeline::Components& components_;
  std::unordered_map<std::string, Size> sizes_;
};

class PipelineCheck {
 public:
  explicit PipelineCheck(const pipeline::Pipeline& proto)
      : proto_(proto), components_(proto.components()) {}

  Result<std::vector<std::string>> Run() {
    JOIST_RETURN_IF_ERROR(CheckCounts());
    JOIST_RETURN_IF_ERROR(CoderCheck(components_).CheckAll());
    JOIST_RETURN_IF_ERROR(CheckWindowings());
    JOIST_RETURN_IF_ERROR(CheckCollections());
    if (proto_.root_transform_ids().empty()) {
      return InvalidArgument("the pipeline has no transforms at its root");
    }
    for (const std::string& id : proto_.root_transform_ids()) JOIST_RETURN_IF_ERROR(Visit(id, 0));
    JOIST_RETURN_IF_ERROR(CheckProducers());
    return Order();
  }

 private:
  /// A transform without parts.
  struct Leaf {
    const std::string* id;
    const pipeline::PTransform* transform;
  };

  Status CheckCounts() const {
    JOIST_RETURN_IF_ERROR(CheckCount(components_.transforms_size(), "transforms"));
    JOIST_RETURN_IF_ERROR(CheckCount(components_.pcollections_size(), "collections"));
    JOIST_RETURN_IF_ERROR(CheckCount(components_.coders_size(), "coders"));
    JOIST_RETURN_IF_ERROR(
        CheckCount(components_.windowing_strategies_size(), "windowing strategies"));
    JOIST_RETURN_IF_ERROR(CheckCount(components_.environments_size(), "environments"));
    size_t edges = 0;
    for (const auto& [id, transform] : components_.transforms()) {
      edges += transform.inputs_size() + transform.outputs_size();
    }
    if (edges > kMostEdges) {
      return InvalidArgument("the transforms have " + std::to_string(edges) +
                             " inputs and outputs, more than " + std::to_string(kMostEdges));
    }
    return OkStatus();
  }

  Status CheckEnvironment(const std::string& id, const std::string& whose) const {
    if (id.empty() || components_.environments().contains(id)) return OkStatus();
    return InvalidArgument(whose + " names the environment " + Quoted(id) +
                           ", which does not exist");
  }

  Status CheckWindowings() const {
    for (const auto& [id, windowing] : components_.windowing_strategies()) {
      const std::string whose = "the windowing strategy " + Quoted(id);
      JOIST_RETURN_IF_ERROR(CheckEnvironment(windowing.environment_id(), whose));
      const std::string_view urn = windowing.window_fn().urn();
      // Functions of an SDK are its runner's.
      const bool is_known = urn.empty() || urn == kGlobalWindowsUrn || urn == kFixedWindowsUrn ||
                            urn == kSlidingWindowsUrn || urn == kSessionWindowsUrn;
      if (is_known) {
        const auto read = WindowingFromProto(windowing, components_);
        if (!read.ok()) return InvalidArgument(whose + ": " + read.status().message());
      } else if (!components_.coders().contains(windowing.window_coder_id())) {
        return InvalidArgument(whose + " names the coder of windows " +
                               Quoted(windowing.window_coder_id()) + ", which does not exist");
      }
    }
    return OkStatus();
  }

  Status CheckCollections() const {
    for (const auto& [id, collection] : components_.pcollections()) {
      const std::string whose = "the collection " + Quoted(id);
      if (!components_.coders().contains(collection.coder_id())) {
        return InvalidArgument(whose + " names the coder " + Quoted(collection.coder_id()) +
                               ", which does not exist");
      }
      if (!components_.windowing_strategies().contains(collection.windowing_strategy_id())) {
        return InvalidArgument(whose + " names the windowing strategy " +
                               Quoted(collection.windowing_strategy_id()) +
                               ", which does not exist");
      }
      if (collection.is_bounded() != pipeline::IsBounded::BOUNDED &&
          collection.is_bounded() != pipeline::IsBounded::UNBOUNDED) {
        return InvalidArgument(whose + " does not say whether it is bounded");
      }
    }
    return OkStatus();
  }

  Status Visit(const std::string& id, size_t depth) {
    const auto found = components_.transforms().find(id);
    if (found == components_.transforms().end()) {
      return InvalidArgument("the transform with the id " + Quoted(id) + " does not exist");
    }
    const pipeline::PTransform& transform = found->second;
    if (!visited_.insert(id).second) {
      return InvalidArgument(Described(id, transform) + " is a part of itself, or of two others");
    }
    if (depth >= kMostTransformDepth) {
      return InvalidArgument(Described(id, transform) + " nests deeper than " +
                             std::to_string(kMostTransformDepth));
    }
    JOIST_RETURN_IF_ERROR(CheckTransform(id, transform));
    for (const std::string& part : transform.subtransforms()) {
      JOIST_RETURN_IF_ERROR(Visit(part, depth + 1));
    }
    if (transform.subtransforms().empty() && !HandsOn(transform)) {
      leaves_.push_back({&found->first, &transform});
    }
    return OkStatus();
  }

  /// A composite may consist of nothing and give what it takes.
  static bool HandsOn(const pipeline::PTransform& transform) {
    const auto is_input = [&transform](const auto& output) {
      return std::any_of(transform.inputs().begin(), transform.inputs().end(),
                         [&output](const auto& input) { return input.second == output.second; });
    };
    return !transform.outputs().empty() &&
           std::any_of(transform.outputs().begin(), transform.outputs().end(), is_input);
  }

  Status CheckTransform(const std::string& id, const pipeline::PTransform& transform) const {
    const std::string whose = Described(id, transform);
    JOIST_RETURN_IF_ERROR(CheckEnvironment(transform.environment_id(), whose));
    for (const auto* edges : {&transform.inputs(), &transform.outputs()}) {
      for (const auto& [name, collection] : *edges) {
        if (components_.pcollections().contains(collection)) continue;
        return InvalidArgument(whose + " names the collection " + Quoted(collection) +
                               ", which does not exist");
      }
    }
    if (!transform.subtransforms().empty()) return OkStatus();
    const std::string& urn = transform.spec().urn();
    if (urn == kImpulseUrn) return CheckEdges(whose, transform, 0, 0);
    if (urn == kGroupByKeyUrn || urn == kAssignWindowsUrn)
      return CheckEdges(whose, transform, 1, 1);
    if (urn == kFlattenUrn) return CheckEdges(whose, transform, 0, kMostEdges);
    if (urn == kParDoUrn) return CheckParDo(whose, transform);
    return OkStatus();
  }

  /// That it has one output, and as many inputs.
  static Status CheckEdges(const std::string& whose, const pipeline::PTransform& transform,
                           size_t least, size_t most) {
    const size_t inputs = transform.inputs().size();
    if (inputs < least || inputs > most) {
      return InvalidArgument(whose + " has " + std::to_string(inputs) + " inputs instead of " +
                             std::to_string(least));
    }
    if (transform.outputs().size() != 1) {
      return InvalidArgument(whose + " has " + std::to_string(transform.outputs().size()) +
                             " outputs instead of 1");
    }
    return OkStatus();
  }

  static Status CheckParDo(const std::string& whose, const pipeline::PTransform& transform) {
    pipeline::ParDoPayload payload;
    if (!payload.ParseFromString(transform.spec().payload())) {
      return InvalidArgument(whose + " has a malformed payload");
    }
    for (const auto& [name, side] : payload.side_inputs()) {
      if (transform.inputs().contains(name)) continue;
      return InvalidArgument(whose + " has no input for its side input " + Quoted(name));
    }
    if (transform.inputs().size() != payload.side_inputs().size() + 1) {
      return InvalidArgument(
          whose + " has " +
          std::to_string(transform.inputs().size() - payload.side_inputs().size()) +
          " main inputs instead of 1");
    }
    return OkStatus();
  }

  Status CheckProducers() {
    for (size_t i = 0; i < leaves_.size(); ++i) {
      for (const auto& [name, collection] : leaves_[i].transform->outputs()) {
        const auto [at, is_new] = producers_.emplace(collection, i);
        if (is_new || at->second == i) continue;
        return InvalidArgument("the collection " + Quoted(collection) + " is output by both " +
                               Described(*leaves_[at->second].id, *leaves_[at->second].transform) +
                               " and " + Described(*leaves_[i].id, *leaves_[i].transform));
      }
    }
    for (const std::string& id : visited_) {
      const pipeline::PTransform& transform = components_.transforms().at(id);
      for (const auto* edges : {&transform.inputs(), &transform.outputs()}) {
        for (const auto& [name, collection] : *edges) {
          if (producers_.contains(collection)) continue;
          return InvalidArgument(Described(id, transform) + " has the collection " +
                                 Quoted(collection) + ", which no transform outputs");
        }
      }
    }
    return OkStatus();
  }

  Result<std::vector<std::string>> Order() const {
    std::vector<std::vector<size_t>> reads_from(leaves_.size());
    for (size_t i = 0; i < leaves_.size(); ++i) {
      for (const auto& [name, collection] : leaves_[i].transform->inputs()) {
        reads_from[i].push_back(producers_.at(collection));
      }
    }
    std::vector<std::string> order;
    std::vector<bool> is_ordered(leaves_.size());
    for (const size_t i : TopologicalOrder(reads_from)) {
      order.push_back(*leaves_[i].id);
      is_ordered[i] = true;
    }
    if (order.size() == leaves_.size()) return order;
    const auto in_circle = std::find(is_ordered.begin(), is_ordered.end(), false);
    const Leaf& leaf = leaves_[static_cast<size_t>(in_circle - is_ordered.begin())];
    return InvalidArgument(Described(*leaf.id, *leaf.transform) +
                           " waits for its own output: its data flows in a circle");
  }

  const pipeline::Pipeline& proto_;
  const pipeline::Components& components_;
  std::set<std::string> visited_;                      ///< Transforms, by id.
  std::vector<Leaf> leaves_;                           ///< In the order of the message.
  std::unordered_map<std::string, size_t> producers_;  ///< Leaves, by collection.
};

}  // namespace

Result<std::vector<std::string>> CheckPipeline(const pipeline::Pipeline& proto) {
  return PipelineCheck(proto).Run();
}

}  // namespace joist::portability
