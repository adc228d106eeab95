// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/portability/runner_graph.h"

#include <org/apache/beam/model/fn_execution/v1/beam_fn_api.pb.h>
#include <org/apache/beam/model/pipeline/v1/beam_runner_api.pb.h>

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "joist/exec/group_by_key.h"
#include "joist/exec/group_for_state.h"
#include "joist/exec/reshuffle.h"
#include "joist/portability/dealt_elements.h"
#include "joist/portability/descriptor_coders.h"
#include "joist/portability/element_steps.h"
#include "joist/portability/encoded_test_stream.h"
#include "joist/portability/fused_stages.h"
#include "joist/portability/model_proto.h"
#include "joist/portability/opaque_windows.h"
#include "joist/portability/quoted.h"
#include "joist/portability/remote_stage.h"
#include "joist/portability/remote_windows.h"
#include "joist/portability/sdk_window_merger.h"
#include "joist/portability/side_input_view.h"
#include "joist/portability/test_stream_form.h"
#include "joist/portability/urns.h"

namespace joist::portability {
namespace {

constexpr std::string_view kSource = "joist/source";
constexpr std::string_view kSink = "joist/sink/";

/// Of a graph that is only looked at.
class NoMerger final : public WindowMergingWorker {
  Result<std::vector<MergedWindows>> Merge(std::span<const Window>) override {
    return Internal("a graph without workers is run");
  }
};

class GraphMaker {
 public:
  GraphMaker(ExpandedPipeline* pipeline, const RunnerGraphSetup& setup)
      : pipeline_(*pipeline),
        components_(*pipeline->components),
        setup_(setup),
        graph_(std::make_unique<Graph>()),
        windows_(std::make_shared<OpaqueWindows>()) {}

  Result<RunnerGraph> Make() {
    is_stream_ = setup_.is_stream;
    for (const auto& [id, collection] : components_.pcollections()) {
      is_stream_ = is_stream_ || collection.is_bounded() == pipeline::IsBounded::UNBOUNDED;
    }
    for (const ExpandedTransform& transform : pipeline_.transforms) {
      // The rest of what it began may wait for the first part to be safe: no batch is, before all
      // of it is done.
      is_stream_ = is_stream_ || (transform.urn == kProcessSizedUrn && transform.finalizes);
      has_script_ = has_script_ || transform.urn == kTestStreamUrn;
    }
    std::vector<FusedStage> stages = FuseStages(pipeline_);
    if (!is_stream_) FindDealt(stages);
    std::vector<RunnerStep> steps;
    for (const FusedStage& stage : stages) {
      const ExpandedTransform& first = pipeline_.transforms[stage.transforms[0]];
      step_ = {.name = NameOf(stage)};
      JOIST_RETURN_IF_ERROR(stage.environment.empty() ? AddOwn(first) : AddStage(stage));
      const bool is_flatten = stage.environment.empty() && first.urn == kFlattenUrn;
      if (!is_flatten) steps.push_back(std::move(step_));
    }
    return RunnerGraph{std::move(graph_), std::move(stages), std::move(steps)};
  }

 private:
  /// Those that a Reshuffle makes for one stage of an SDK, and for nothing else.
  void FindDealt(const std::vector<FusedStage>& stages) {
    for (const FusedStage& stage : stages) {
      const ExpandedTransform& first = pipeline_.transforms[stage.transforms[0]];
      if (stage.environment.empty() || first.is_stateful || first.needs_stable_input) continue;
      const size_t producer = pipeline_.producers.at(stage.input);
      if (pipeline_.transforms[producer].urn == kReshuffleUrn) dealt_.insert(stage.input);
    }
    std::set<std::string> read;
    const auto reads = [&](const std::string& collection) {
      if (!read.insert(collection).second) dealt_.erase(collection);
    };
    for (const FusedStage& stage : stages) {
      if (!stage.environment.empty()) reads(stage.input);
      for (const size_t t : stage.transforms) {
        const ExpandedTransform& transform = pipeline_.transforms[t];
        if (stage.environment.empty()) {
          for (const std::string& in : transform.inputs) dealt_.erase(in);
        }
        for (const SideInputUse& side : transform.side_inputs) dealt_.erase(side.collection);
      }
    }
  }

  /// Adds a node; returns its first output.
  int Add(std::string name, std::shared_ptr<const Step> step, std::vector<int> inputs,
          std::vector<int> side_inputs = {}) {
    Node node;
    node.name = Unique(std::move(name));
    node.kind = step->kind();
    node.inputs = std::move(inputs);
    node.side_inputs = std::move(side_inputs);
    const std::vector<const ElementType*> outputs = step->outputs();
    node.payload = std::move(step);
    const int added = graph_->Add(std::move(node), outputs);
    step_.nodes.push_back(added);
    const std::vector<int>& made = graph_->nodes()[static_cast<size_t>(added)].outputs;
    return made.empty() ? -1 : made[0];
  }
  std::string Unique(std::string name) {
    if (name.empty()) name = "Step";
    std::string unique = name;
    // Many may have one name; who comes next goes on where the last has stopped.
    for (int& n = names_[name]; !uniques_.insert(unique).second;) {
      unique = name + "_" + std::to_string(std::max(++n, 2));
    }
    return unique;
  }

  const pipeline::PCollection& CollectionOf(const std::string& id) const {
    return components_.pcollections().at(id);
  }
  Status WithStep(const std::string& name, const Status& status) const {
    return Status(status.code(), "step " + Quoted(name) + ": " + status.message());
  }

  // --- Windowing ---

  struct Windowing {
    WindowingStrategy strategy;
    std::shared_ptr<WindowCode> code;
    std::string coder;  ///< Of windows on the wire.
  };
  Result<const Windowing*> WindowingOf(const std::string& collection) {
    const std::string& id = CollectionOf(collection).windowing_strategy_id();
    const auto found = windowings_.find(id);
    if (found != windowings_.end()) return &found->second;
    const auto proto = components_.windowing_strategies().find(id);
    if (proto == components_.windowing_strategies().end()) {
      return InvalidArgument("the pipeline has no windowing strategy " + Quoted(id));
    }
    const pipeline::WindowingStrategy of = proto->second;
    Windowing made;
    JOIST_ASSIGN_OR_RETURN(const CoderSpec coder,
                           CoderFromProto(of.window_coder_id(), components_));
    made.code = std::make_shared<WindowCode>(coder, windows_);
    JOIST_ASSIGN_OR_RETURN(made.coder, pipeline_.coders->WindowWithLengths(of.window_coder_id()));
    JOIST_ASSIGN_OR_RETURN(
        made.strategy,
        WindowingFromProto(of, components_, [&](const pipeline::WindowingStrategy& custom) {
          return MakeRemoteWindows(custom, id, made.code);
        }));
    // Beam's Python SDK says so of every collection, has no way to say anything else, and does not
    // expect a last, empty pane.
    if (IsOfPython(of.environment_id())) {
      made.strategy.closing_behavior = ClosingBehavior::kEmitIfNonempty;
    }
    return &(windowings_[id] = std::move(made));
  }
  bool IsOfPython(const std::string& environment) const {
    return IsCapable(environment, "beam:version:sdk_base:apache/beam_python");
  }
  /// Whether an SDK says so of itself; `capability` is that, or how it begins.
  bool IsCapable(const std::string& environment, std::string_view capability) const {
    const auto found = components_.environments().find(environment);
    if (found == components_.environments().end()) return false;
    const auto& capabilities = found->second.capabilities();
    return std::any_of(capabilities.begin(), capabilities.end(),
                       [&](const std::string& one) { return one.starts_with(capability); });
  }
  Result<std::shared_ptr<const CustomWindowFn>> MakeRemoteWindows(
      const pipeline::WindowingStrategy& of, const std::string& id,
      const std::shared_ptr<WindowCode>& code) {
    std::shared_ptr<WindowMergingWorker> merger = std::make_shared<NoMerger>();
    if (setup_.workers != nullptr) {
      SdkWindowMergerSetup merging;
      const std::string environment =
          of.environment_id().empty() && components_.environments_size() > 0
              ? components_.environments().begin()->first
              : of.environment_id();
      merging.worker = [workers = setup_.workers, environment] {
        return workers->Get(environment, 0);
      };
      merging.endpoint = setup_.workers->server().endpoint();
      merging.descriptor_id = setup_.job_id + "-merge-" + id;
      merging.code = code;
      JOIST_ASSIGN_OR_RETURN(merger, MakeSdkWindowMerger(of, components_, std::move(merging)));
    }
    return std::shared_ptr<const CustomWindowFn>(
        std::make_shared<RemoteWindowFn>(of, std::move(merger)));
  }

  /// `made`, a node's output, is `collection`.
  Status Name(const std::string& collection, int made) {
    JOIST_ASSIGN_OR_RETURN(const Windowing* windowing, WindowingOf(collection));
    const Collection& is = graph_->collections()[static_cast<size_t>(made)];
    const bool is_bounded =
        !is_stream_ && CollectionOf(collection).is_bounded() != pipeline::IsBounded::UNBOUNDED;
    if (!(is.windowing == windowing->strategy) || is.is_bounded != is_bounded) {
      const std::string name = graph_->nodes()[static_cast<size_t>(is.producer)].name;
      made = Add(name + "/Windowing", MakeWindowedAs(windowing->strategy, is_bounded), {made});
    }
    collections_[collection] = made;
    return OkStatus();
  }

  // --- What the runner does itself ---

  Status AddOwn(const ExpandedTransform& transform) {
    if (transform.urn == kTestStreamUrn) return AddTestStream(transform);
    if (transform.outputs.size() != 1) {
      return InvalidArgument("step " + Quoted(transform.name) + " has " +
                             std::to_string(transform.outputs.size()) + " outputs; " +
                             transform.urn + " has one");
    }
    const std::string& out = transform.outputs[0];
    if (transform.urn == kImpulseUrn) {
      return Named(transform, out, Add(transform.name, MakeImpulse(), {}));
    }
    if (transform.urn == kFlattenUrn) {
      if (transform.inputs.empty()) {
        return Named(transform, out, Add(transform.name, MakeNothing(), {}));
      }
      Node node;
      node.name = Unique(transform.name);
      node.kind = StepKind::kFlatten;
      for (const std::string& in : transform.inputs) node.inputs.push_back(collections_.at(in));
      const int added = graph_->Add(std::move(node), {&element_type<std::string>});
      return Named(transform, out, graph_->nodes()[static_cast<size_t>(added)].outputs[0]);
    }
    if (transform.inputs.size() != 1) {
      return InvalidArgument("step " + Quoted(transform.name) + " has " +
                             std::to_string(transform.inputs.size()) + " inputs; " + transform.urn +
                             " has one");
    }
    const std::string& in = transform.inputs[0];
    if (transform.urn == kGroupByKeyUrn) {
      JOIST_ASSIGN_OR_RETURN(const int split, AddSplit(transform.name, in));
      if (!pipeline_.coders->AreGroupsOf(CollectionOf(in).coder_id(),
                                         CollectionOf(out).coder_id())) {
        return InvalidArgument("step " + Quoted(transform.name) +
                               " groups by key, and the coder of its output is not that of its "
                               "input's keys and iterables of its input's values");
      }
      const int grouped = Add(
          transform.name, MakeStep<GroupByKeyStep<std::string, std::string>>(NoState()), {split});
      return Named(transform, out, Add(transform.name + "/Join", MakeJoinGroups(), {grouped}));
    }
    if (dealt_.count(out) > 0) {  // By the step before its reader.
      return Named(transform, out, collections_.at(in));
    }
    return Named(transform, out,
                 Add(transform.name, MakeStep<ReshuffleStep<std::string>>(NoState()),
                     {collections_.at(in)}));
  }
  Status Named(const ExpandedTransform& transform, const std::string& collection, int made) {
    const Status named = Name(collection, made);
    return named.ok() ? named : WithStep(transform.name, named);
  }

  /// A collection of KVs by its encoded keys and values.
  Result<int> AddSplit(const std::string& name, const std::string& collection) {
    JOIST_ASSIGN_OR_RETURN(const WireCoder coder,
                           pipeline_.coders->Wire(CollectionOf(collection).coder_id()));
    if (!coder.is_kv()) {
      return InvalidArgument(
          "step " + Quoted(name) + " needs a collection of KVs, and its input has coder " +
          Quoted(components_.coders().at(CollectionOf(collection).coder_id()).spec().urn()));
    }
    return Add(name + "/Split", MakeSplitKv(coder), {collections_.at(collection)});
  }

  Status AddTestStream(const ExpandedTransform& transform) {
    const pipeline::PTransform& proto = components_.transforms().at(transform.id);
    pipeline::TestStreamPayload payload;
    if (!payload.ParseFromString(proto.spec().payload())) {
      return InvalidArgument("step " + Quoted(transform.name) + ": the payload of " +
                             transform.urn + " makes no sense");
    }
    const std::map<std::string, std::string> outputs(proto.outputs().begin(),
                                                     proto.outputs().end());
    std::vector<std::string> tags;
    for (const auto& [tag, collection] : outputs) tags.push_back(tag);
    JOIST_ASSIGN_OR_RETURN(
        const TestStreamForm form,
        TestStreamForm::Of(payload.coder_id(), components_, pipeline_.coders.get()));
    auto steps = MakeEncodedTestStream(
        payload, tags, [&form](std::string_view element) { return form.Encode(element); });
    if (!steps.ok()) return WithStep(transform.name, steps.status());
    for (size_t i = 0; i < tags.size(); ++i) {
      const std::string name = tags.size() == 1 ? transform.name : transform.name + "/" + tags[i];
      JOIST_RETURN_IF_ERROR(Named(transform, outputs.at(tags[i]), Add(name, (*steps)[i], {})));
    }
    return OkStatus();
  }

  // --- What SDKs do ---

  std::string WindowedCoder(const std::string& collection, const Windowing& windowing) {
    return pipeline_.coders->Make(kWindowedValueCoder,
                                  {CollectionOf(collection).coder_id(), windowing.coder});
  }
  void AddPort(const std::string& id, std::string_view urn, const std::string& coder,
               const std::string& collection, fn::ProcessBundleDescriptor* descriptor) {
    fn::RemoteGrpcPort port;
    port.set_coder_id(coder);
    pipeline::PTransform transform;
    transform.set_unique_name(id);
    transform.mutable_spec()->set_urn(std::string(urn));
    transform.mutable_spec()->set_payload(port.SerializeAsString());
    auto* const ends =
        urn == kDataSourceUrn ? transform.mutable_outputs() : transform.mutable_inputs();
    (*ends)["port"] = collection;
    (*descriptor->mutable_transforms())[id] = std::move(transform);
  }

  /// What the transforms of `descriptor` mention; then workers may be asked for it.
  Status Describe(const std::string& environment, fn::ProcessBundleDescriptor* descriptor) {
    std::set<std::string> collections;
    for (const auto& [id, transform] : descriptor->transforms()) {
      for (const auto& [tag, collection] : transform.inputs()) collections.insert(collection);
      for (const auto& [tag, collection] : transform.outputs()) collections.insert(collection);
    }
    for (const std::string& id : collections) {
      const pipeline::PCollection& collection = CollectionOf(id);
      (*descriptor->mutable_pcollections())[id] = collection;
      const std::string& strategy = collection.windowing_strategy_id();
      pipeline::WindowingStrategy& described =
          (*descriptor->mutable_windowing_strategies())[strategy];
      described = components_.windowing_strategies().at(strategy);
      // As SDKs are to name a window whose state they ask for.
      JOIST_ASSIGN_OR_RETURN(std::string coder,
                             pipeline_.coders->WindowWithLengths(described.window_coder_id()));
      described.set_window_coder_id(std::move(coder));
    }
    (*descriptor->mutable_environments())[environment] = components_.environments().at(environment);
    AddCoders(components_, descriptor);
    if (setup_.workers != nullptr) setup_.workers->AddDescriptor(environment, *descriptor);
    return OkStatus();
  }

  /// Restrictions of `process`, the splittable function of `stage`, come out cut as they went in.
  Status AddTruncation(const FusedStage& fused, const pipeline::PTransform& process,
                       const Windowing& windowing, RemoteStage* stage) {
    Truncation truncation;
    truncation.descriptor_id = stage->descriptor_id + "-truncate";
    JOIST_ASSIGN_OR_RETURN(truncation.coder,
                           pipeline_.coders->Wire(CollectionOf(fused.input).coder_id()));
    std::string truncated = stage->splittable + "/Truncate.out";
    while (components_.pcollections().count(truncated) > 0) truncated += "_";
    const pipeline::PCollection like = CollectionOf(fused.input);
    (*components_.mutable_pcollections())[truncated] = like;
    (*components_.mutable_pcollections())[truncated].set_unique_name(truncated);

    fn::ProcessBundleDescriptor descriptor;
    descriptor.set_id(truncation.descriptor_id);
    const std::string coder = WindowedCoder(fused.input, windowing);
    AddPort(stage->source, kDataSourceUrn, coder, fused.input, &descriptor);
    AddPort(std::string(kSink) + "0", kDataSinkUrn, coder, truncated, &descriptor);
    // By the same id: it asks for the same side inputs.
    pipeline::PTransform& cut = (*descriptor.mutable_transforms())[stage->splittable];
    cut = process;
    cut.mutable_spec()->set_urn(std::string(kTruncateUrn));
    cut.clear_outputs();
    (*cut.mutable_outputs())["out"] = truncated;
    stage->truncation = std::move(truncation);
    return Describe(fused.environment, &descriptor);
  }

  Status AddStage(const FusedStage& fused) {
    const ExpandedTransform& first = pipeline_.transforms[fused.transforms[0]];
    const Status added = TryAddStage(fused, first);
    return added.ok() || added.message().starts_with("step ") ? added : WithStep(first.name, added);
  }
  Status TryAddStage(const FusedStage& fused, const ExpandedTransform& first) {
    RemoteStage stage;
    stage.environment = fused.environment;
    stage.descriptor_id = setup_.job_id + "-stage-" + std::to_string(++stages_);
    stage.source = kSource;
    if (first.urn == kProcessSizedUrn) stage.splittable = first.id;
    stage.shares_bundles =
        !is_stream_ && (first.urn == kProcessSizedUrn || dealt_.count(fused.input) > 0);
    stage.run_id = setup_.job_id;
    stage.workers = setup_.workers;
    stage.counters = setup_.counters;
    step_.figures = stage.figures;
    for (const size_t t : fused.transforms) {
      stage.transforms.push_back({pipeline_.transforms[t].id, pipeline_.transforms[t].name});
    }

    fn::ProcessBundleDescriptor descriptor;
    descriptor.set_id(stage.descriptor_id);
    JOIST_ASSIGN_OR_RETURN(const Windowing* windowing, WindowingOf(fused.input));
    stage.windows = WindowCodec(*windowing->code);
    if (windowing->code->is_opaque()) {
      stage.opaque_windows = windows_;
      stage.saves_windows = !std::exchange(has_saver_, true);
    }
    AddPort(stage.source, kDataSourceUrn, WindowedCoder(fused.input, *windowing), fused.input,
            &descriptor);
    std::vector<int> side_inputs;
    for (const size_t t : fused.transforms) {
      const ExpandedTransform& transform = pipeline_.transforms[t];
      pipeline::PTransform proto = components_.transforms().at(transform.id);
      proto.clear_subtransforms();
      if (transform.urn == kFlattenUrn) {  // To encode anew.
        proto.mutable_spec()->clear_payload();
      }
      if (transform.is_stateful) {
        JOIST_RETURN_IF_ERROR(AddState(transform, *windowing, &proto, &stage));
      }
      for (const SideInputUse& side : transform.side_inputs) {
        JOIST_ASSIGN_OR_RETURN(const Windowing* of_side, WindowingOf(side.collection));
        JOIST_RETURN_IF_ERROR(CheckSideWindows(transform, side, of_side->strategy.window_fn));
        JOIST_ASSIGN_OR_RETURN(const int view, ViewOf(transform.name, side));
        side_inputs.push_back(view);
        stage.side_inputs.push_back({.transform_id = transform.id,
                                     .side_input_id = side.tag,
                                     .access = AccessOf(side),
                                     .windows = WindowCodec(*of_side->code)});
      }
      (*descriptor.mutable_transforms())[transform.id] = std::move(proto);
    }
    for (size_t i = 0; i < fused.outputs.size(); ++i) {
      const std::string& collection = fused.outputs[i];
      RemoteOutput output;
      output.collection = collection;
      output.sink = std::string(kSink) + std::to_string(i);
      JOIST_ASSIGN_OR_RETURN(output.coder,
                             pipeline_.coders->Wire(CollectionOf(collection).coder_id()));
      JOIST_ASSIGN_OR_RETURN(const Windowing* of_output, WindowingOf(collection));
      output.windows = WindowCodec(*of_output->code);
      AddPort(output.sink, kDataSinkUrn, WindowedCoder(collection, *of_output), collection,
              &descriptor);
      stage.outputs.push_back(std::move(output));
    }
    JOIST_RETURN_IF_ERROR(Describe(fused.environment, &descriptor));
    if (!stage.splittable.empty() && IsCapable(fused.environment, kTruncateUrn)) {
      JOIST_RETURN_IF_ERROR(
          AddTruncation(fused, descriptor.transforms().at(first.id), *windowing, &stage));
    }

    int input = collections_.at(fused.input);
    if (first.needs_stable_input) {
      input = Add(first.name + "/StableInput",
                  MakeStep<ReshuffleStep<std::string, true>>(NoState()), {input});
    }
    if (first.is_stateful) {
      JOIST_ASSIGN_OR_RETURN(input, AddSplit(first.name, fused.input));
      input = Add(first.name + "/ByKey",
                  first.needs_time_order
                      ? MakeStep<GroupForStateStep<std::string, std::string, true>>(NoState())
                      : MakeStep<GroupForStateStep<std::string, std::string>>(NoState()),
                  {input});
    }
    if (stage.shares_bundles) {
      input = Add(first.name + "/Deal", MakeDealtElements(stage.windows), {input});
    }
    const int made =
        Add(NameOf(fused), MakeRemoteStage(std::move(stage)), {input}, std::move(side_inputs));
    for (size_t i = 0; i < fused.outputs.size(); ++i) {
      JOIST_RETURN_IF_ERROR(Name(fused.outputs[i], made + static_cast<int>(i)));
    }
    return OkStatus();
  }
  /// That of its first transform, and how many follow.
  std::string NameOf(const FusedStage& fused) const {
    std::string name = pipeline_.transforms[fused.transforms[0]].name;
    if (fused.transforms.size() > 1) {
      name += " (+" + std::to_string(fused.transforms.size() - 1) + ")";
    }
    return name;
  }

  /// Which window of a side input belongs to one of the main input the runner has to know.
  static Status CheckSideWindows(const ExpandedTransform& transform, const SideInputUse& side,
                                 const WindowFn& windows) {
    if (windows.kind != WindowFn::Kind::kCustom && !windows.is_merging()) return OkStatus();
    return Status(StatusCode::kUnimplemented,
                  "step \"" + transform.name + "\" reads side input \"" + side.tag + "\" (" +
                      side.access + ") in windows of " + windows.ToString() +
                      ": Joist cannot tell which of them belongs to a window of the main input");
  }
  static SideInputAccess AccessOf(const SideInputUse& side) {
    return side.access == kMultimapSideInputUrn ? SideInputAccess::kMultimap
                                                : SideInputAccess::kIterable;
  }
  Result<int> ViewOf(const std::string& name, const SideInputUse& side) {
    const auto [at, is_new] = views_.try_emplace({side.collection, side.access}, -1);
    if (!is_new) return at->second;
    int input = collections_.at(side.collection);
    const std::string view = "View of " + CollectionOf(side.collection).unique_name();
    if (AccessOf(side) == SideInputAccess::kMultimap) {
      JOIST_ASSIGN_OR_RETURN(input, AddSplit(name, side.collection));
      at->second = Add(view, MakeMultimapSideInput(), {input});
    } else {
      at->second = Add(view, MakeIterableSideInput(), {input});
    }
    return at->second;
  }

  /// What `transform` keeps by key, and what `proto`'s timers are encoded by.
  Status AddState(const ExpandedTransform& transform, const Windowing& windowing,
                  pipeline::PTransform* proto, RemoteStage* stage) {
    pipeline::ParDoPayload payload;
    if (!payload.ParseFromString(proto->spec().payload())) {
      return InvalidArgument("the payload of " + transform.urn + " makes no sense");
    }
    const pipeline::Coder& kv =
        components_.coders().at(CollectionOf(transform.main_input).coder_id());
    if (kv.spec().urn() != kKvCoder || kv.component_coder_ids_size() != 2) {
      return InvalidArgument(
          "a function with state or timers needs a collection of KVs, and its "
          "input has coder " +
          Quoted(kv.spec().urn()));
    }
    const std::string key = kv.component_coder_ids(0);
    KeyedStateSpec state;
    JOIST_ASSIGN_OR_RETURN(state.key, pipeline_.coders->Wire(key));
    state.windows = stage->windows;
    state.has_script = has_script_;
    JOIST_RETURN_IF_ERROR(
        AddStatesAndTimers(transform.id, proto->spec().payload(), components_, &state));
    const std::string timer_coder = pipeline_.coders->Make(kTimerCoder, {key, windowing.coder});
    for (auto& [id, family] : *payload.mutable_timer_family_specs()) {
      family.set_timer_family_coder_id(timer_coder);
    }
    proto->mutable_spec()->set_payload(payload.SerializeAsString());
    stage->state = std::move(state);
    return OkStatus();
  }

  ExpandedPipeline& pipeline_;
  pipeline::Components& components_;
  const RunnerGraphSetup& setup_;
  std::unique_ptr<Graph> graph_;
  const std::shared_ptr<OpaqueWindows> windows_;
  bool is_stream_ = false;
  bool has_script_ = false;  ///< A test stream.
  int stages_ = 0;
  RunnerStep step_;                   ///< Whose nodes are added.
  bool has_saver_ = false;            ///< A stage that saves windows_.
  std::set<std::string> uniques_;     ///< Names of nodes.
  std::map<std::string, int> names_;  ///< That nodes were to have, and the last number behind each.
  std::set<std::string> dealt_;       ///< Collections: see FindDealt.
  std::map<std::string, Windowing> windowings_;               ///< By id.
  std::map<std::string, int> collections_;                    ///< In the graph, by id.
  std::map<std::pair<std::string, std::string>, int> views_;  ///< By collection and access.
};

}  // namespace

Result<RunnerGraph> MakeRunnerGraph(ExpandedPipeline* pipeline, const RunnerGraphSetup& setup) {
  return GraphMaker(pipeline, setup).Make();
}

}  // namespace joist::portability
