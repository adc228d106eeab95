// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/portability/graph_to_proto.h"

#include <org/apache/beam/model/pipeline/v1/beam_runner_api.pb.h>

#include <charconv>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "joist/model/standard_coder.h"
#include "joist/portability/components_builder.h"
#include "joist/portability/step_code.h"
#include "joist/portability/urns.h"

namespace joist::portability {
namespace {

constexpr char kDisplayDataUrn[] = "beam:display_data:labelled:v1";

std::string CollectionId(int collection) { return "collection_" + std::to_string(collection); }
std::string Numbered(const char* name, size_t number) { return name + std::to_string(number); }

bool IsGroupByKey(const Node& node) {
  return node.kind == StepKind::kGroup && node.inputs.size() == 1 &&
         node.payload->type_key().find("14GroupByKeyStepI") != std::string_view::npos;
}

template <class Number>
Number NumberOf(const std::string& text) {
  Number number{};
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

void AddDisplayData(const std::vector<DisplayItem>* items, const std::string& name,
                    pipeline::PTransform* transform) {
  if (items == nullptr) return;
  for (const DisplayItem& item : *items) {
    pipeline::LabelledPayload payload;
    payload.set_key(item.key);
    payload.set_label(item.label);
    payload.set_namespace_(name);
    switch (item.type) {
      case DisplayItem::Type::kString: payload.set_string_value(item.value); break;
      case DisplayItem::Type::kInteger: payload.set_int_value(NumberOf<int64_t>(item.value)); break;
      case DisplayItem::Type::kDouble:
        payload.set_double_value(NumberOf<double>(item.value));
        break;
      case DisplayItem::Type::kBoolean: payload.set_bool_value(item.value == "true"); break;
    }
    pipeline::DisplayData* data = transform->add_display_data();
    data->set_urn(kDisplayDataUrn);
    data->set_payload(payload.SerializeAsString());
  }
}

class GraphWriter {
 public:
  GraphWriter(const Graph& graph, pipeline::Pipeline* proto)
      : graph_(graph),
        proto_(proto),
        components_(proto->mutable_components()),
        builder_(components_) {}

  Status Write() {
    AddEnvironment();
    for (size_t i = 0; i < graph_.collections().size(); ++i) {
      JOIST_RETURN_IF_ERROR(AddCollection(static_cast<int>(i)));
    }
    FindComposites();
    for (size_t i = 0; i < graph_.nodes().size(); ++i) JOIST_RETURN_IF_ERROR(AddStep(i));
    AddEdgesOfComposites();
    return OkStatus();
  }

 private:
  void AddEnvironment() {
    pipeline::Environment& environment =
        (*components_->mutable_environments())[std::string(kJoistEnvironment)];
    environment.set_urn("beam:env:default:v1");
    environment.add_capabilities(std::string(kStepUrn));
    for (const std::string_view urn : StandardCoder::Urns()) {
      environment.add_capabilities(std::string(urn));
    }
  }

  bool IsView(int collection) const { return graph_.producer(collection).kind == StepKind::kView; }

  Status AddCollection(int id) {
    if (IsView(id)) return OkStatus();
    const Collection& collection = graph_.collections()[id];
    pipeline::PCollection proto;
    proto.set_unique_name(graph_.producer(id).name + "." + std::to_string(collection.port));
    CoderSpec coder = collection.type->coder();
    if (coder.urn.empty()) {
      coder = MakeCoderSpec(kOpaqueCoder);
      coder.payload = collection.type->name();
    }
    proto.set_coder_id(builder_.AddCoder(coder));
    JOIST_ASSIGN_OR_RETURN(
        const std::string windowing,
        builder_.AddWindowing(collection.windowing, std::string(kJoistEnvironment)));
    proto.set_windowing_strategy_id(windowing);
    proto.set_is_bounded(collection.is_bounded ? pipeline::IsBounded::BOUNDED
                                               : pipeline::IsBounded::UNBOUNDED);
    (*components_->mutable_pcollections())[CollectionId(id)] = std::move(proto);
    return OkStatus();
  }

  /// "A/B" and "A" for "A/B/C".
  static std::vector<std::string> CompositesOf(const std::string& name) {
    std::vector<std::string> composites;
    for (size_t slash = name.find('/'); slash != name.npos; slash = name.find('/', slash + 1)) {
      composites.push_back(name.substr(0, slash));
    }
    return composites;
  }

  void FindComposites() {
    for (const Node& node : graph_.nodes()) {
      for (std::string& composite : CompositesOf(node.name)) {
        composites_.emplace(std::move(composite), Numbered("composite_", composites_.size()));
      }
    }
  }

  pipeline::PTransform* Add(const std::string& id, const std::string& name) {
    pipeline::PTransform* transform = &(*components_->mutable_transforms())[id];
    transform->set_unique_name(name);
    return transform;
  }

  /// Makes `id`, of the full name `name`, a part of the composites that its name says.
  void Place(std::string id, const std::string& name) {
    std::vector<std::string> outer = CompositesOf(name);
    for (; !outer.empty(); outer.pop_back()) {
      const std::string& composite_id = composites_.at(outer.back());
      const bool is_new = !components_->transforms().contains(composite_id);
      pipeline::PTransform* composite = Add(composite_id, outer.back());
      composite->add_subtransforms(id);
      if (!is_new) return;
      AddDisplayData(graph_.display_data(outer.back()), outer.back(), composite);
      id = composite_id;
    }
    proto_->add_root_transform_ids(id);
  }

  /// A name that no other transform has: a step may have the name of a composite.
  std::string FreeName(std::string name) {
    while (composites_.contains(name) || !taken_.insert(name).second) name += "/Step";
    return name;
  }

  Status AddStep(size_t index) {
    const Node& node = graph_.nodes()[index];
    JOIST_ASSIGN_OR_RETURN(const StepCode code, StepCode::Of(graph_, index));
    const std::string id = Numbered("step_", index);
    pipeline::PTransform* transform = Add(id, FreeName(node.name));
    AddDisplayData(graph_.display_data(node.name), node.name, transform);
    // A step inside of a composite of its own name is a part of that.
    Place(id, composites_.contains(node.name) ? node.name + "/" : node.name);
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      (*transform->mutable_inputs())[Numbered("in", i)] = CollectionId(node.inputs[i]);
    }
    if (node.kind == StepKind::kView) {
      (*transform->mutable_annotations())[std::string(kStepUrn)] = code.Encode();
      (*transform->mutable_outputs())["out0"] = CollectionId(node.inputs[0]);
      return OkStatus();
    }
    for (size_t i = 0; i < node.outputs.size(); ++i) {
      (*transform->mutable_outputs())[Numbered("out", i)] = CollectionId(node.outputs[i]);
    }
    switch (node.kind) {
      case StepKind::kRead: AddRead(id, code); return OkStatus();
      case StepKind::kParDo: return SetParDo(node, code, transform);
      default: break;
    }
    if (node.kind == StepKind::kFlatten || IsGroupByKey(node)) {
      transform->mutable_spec()->set_urn(
          std::string(node.kind == StepKind::kFlatten ? kFlattenUrn : kGroupByKeyUrn));
      (*transform->mutable_annotations())[std::string(kStepUrn)] = code.Encode();
      return OkStatus();
    }
    transform->set_environment_id(std::string(kJoistEnvironment));
    SetStep(code, transform->mutable_spec());
    return OkStatus();
  }

  static void SetStep(const StepCode& code, pipeline::FunctionSpec* spec) {
    spec->set_urn(std::string(kStepUrn));
    spec->set_payload(code.Encode());
  }

  static void SetParDoSpec(const pipeline::ParDoPayload& payload, pipeline::PTransform* transform) {
    transform->set_environment_id(std::string(kJoistEnvironment));
    transform->mutable_spec()->set_urn(std::string(kParDoUrn));
    transform->mutable_spec()->set_payload(payload.SerializeAsString());
  }

  Status SetParDo(const Node& node, const StepCode& code, pipeline::PTransform* transform) {
    pipeline::ParDoPayload payload;
    SetStep(code, payload.mutable_do_fn());
    for (size_t i = 0; i < node.side_inputs.size(); ++i) {
      const auto view = static_cast<size_t>(graph_.collections()[node.side_inputs[i]].producer);
      const std::string tag = Numbered("side", i);
      (*transform->mutable_inputs())[tag] = CollectionId(graph_.nodes()[view].inputs[0]);
      pipeline::SideInput& side = (*payload.mutable_side_inputs())[tag];
      side.mutable_access_pattern()->set_urn(std::string(kIterableSideInputUrn));
      JOIST_ASSIGN_OR_RETURN(const StepCode view_code, StepCode::Of(graph_, view));
      SetStep(view_code, side.mutable_view_fn());
      side.mutable_window_mapping_fn()->set_urn("joist:window_mapping:last_moment:v1");
    }
    SetParDoSpec(payload, transform);
    return OkStatus();
  }

  /// The parts of the composite `id`: an impulse and a ParDo.
  void AddRead(const std::string& id, const StepCode& code) {
    const std::string started = id + "_impulse";
    pipeline::PTransform* impulse = Add(started, FreeName(code.name + "/Impulse"));
    impulse->mutable_spec()->set_urn(std::string(kImpulseUrn));
    (*impulse->mutable_outputs())["out0"] = started;
    pipeline::PCollection& collection = (*components_->mutable_pcollections())[started];
    collection.set_unique_name(code.name + "/Impulse.0");
    collection.set_coder_id(builder_.AddCoder(MakeCoderSpec(kBytesCoder)));
    collection.set_windowing_strategy_id(
        *builder_.AddWindowing({}, std::string(kJoistEnvironment)));
    collection.set_is_bounded(pipeline::IsBounded::BOUNDED);

    pipeline::PTransform* read = Add(id + "_read", FreeName(code.name + "/Read"));
    (*read->mutable_inputs())["in0"] = started;
    pipeline::PTransform& composite = components_->mutable_transforms()->at(id);
    *read->mutable_outputs() = composite.outputs();
    pipeline::ParDoPayload payload;
    SetStep(code, payload.mutable_do_fn());
    SetParDoSpec(payload, read);
    composite.add_subtransforms(started);
    composite.add_subtransforms(id + "_read");
  }

  /// What goes into a composite and what comes out of it.
  void AddEdgesOfComposites() {
    const auto is_within = [](const std::string& name, const std::string& composite) {
      return name == composite || name.starts_with(composite + "/");
    };
    const auto add = [&](const Node& consumer, int collection) {
      const std::string& producer = graph_.producer(collection).name;
      const std::string id = CollectionId(collection);
      for (const std::string& composite : CompositesOf(consumer.name + "/")) {
        if (is_within(producer, composite) || !composites_.contains(composite)) continue;
        (*Composite(composite)->mutable_inputs())[id] = id;
      }
      for (const std::string& composite : CompositesOf(producer + "/")) {
        if (is_within(consumer.name, composite) || !composites_.contains(composite)) continue;
        (*Composite(composite)->mutable_outputs())[id] = id;
      }
    };
    for (const Node& node : graph_.nodes()) {
      for (const int input : node.inputs) add(node, input);
      for (const int side : node.side_inputs) {
        add(node, graph_.producer(side).inputs[0]);
      }
    }
  }

  pipeline::PTransform* Composite(const std::string& name) {
    return &components_->mutable_transforms()->at(composites_.at(name));
  }

  const Graph& graph_;
  pipeline::Pipeline* proto_;
  pipeline::Components* components_;
  ComponentsBuilder builder_;
  std::map<std::string, std::string> composites_;  ///< Names: ids.
  std::set<std::string> taken_;                    ///< Unique names.
};

}  // namespace

Status GraphToProto(const Graph& graph, pipeline::Pipeline* proto) {
  JOIST_RETURN_IF_ERROR(graph.Validate());
  proto->Clear();
  return GraphWriter(graph, proto).Write();
}

}  // namespace joist::portability
