// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/portability/expanded_pipeline.h"

#include <org/apache/beam/model/pipeline/v1/beam_runner_api.pb.h>

#include <algorithm>
#include <set>
#include <utility>

#include "joist/portability/pipeline_check.h"
#include "joist/portability/quoted.h"
#include "joist/portability/test_stream_form.h"
#include "joist/portability/topological_order.h"
#include "joist/portability/urns.h"

namespace joist::portability {
namespace {

/// Transforms that a runner executes by itself, whoever they belong to.
constexpr std::string_view kOfRunner[] = {kFlattenUrn,     kGroupByKeyUrn, kImpulseUrn,
                                          kTestStreamUrn,  kReshuffleUrn,  kRedistributeByKeyUrn,
                                          kRedistributeUrn};
/// Those of which elements come out as they went in.
constexpr std::string_view kHandOn[] = {kFlattenUrn, kReshuffleUrn, kRedistributeByKeyUrn,
                                        kRedistributeUrn};
/// Those that are made of others, and known as they are.
constexpr std::string_view kKnownComposites[] = {kReshuffleUrn, kRedistributeByKeyUrn,
                                                 kRedistributeUrn, kGroupByKeyUrn};

template <size_t N>
bool IsOneOf(std::string_view urn, const std::string_view (&of)[N]) {
  return std::find(std::begin(of), std::end(of), urn) != std::end(of);
}

/// Whether a trigger does not mind that elements are combined before it sees them.
bool AllowsLifting(const pipeline::Trigger& trigger) {
  const auto all = [](const auto& parts) {
    return std::all_of(parts.begin(), parts.end(), &AllowsLifting);
  };
  switch (trigger.trigger_case()) {
    case pipeline::Trigger::TRIGGER_NOT_SET:
    case pipeline::Trigger::kDefault:
    case pipeline::Trigger::kAlways:
    case pipeline::Trigger::kNever:
    case pipeline::Trigger::kAfterProcessingTime:
    case pipeline::Trigger::kAfterSynchronizedProcessingTime: return true;
    case pipeline::Trigger::kElementCount: return trigger.element_count().element_count() == 1;
    case pipeline::Trigger::kAfterEndOfWindow:
      return AllowsLifting(trigger.after_end_of_window().early_firings()) &&
             AllowsLifting(trigger.after_end_of_window().late_firings());
    case pipeline::Trigger::kAfterAny: return all(trigger.after_any().subtriggers());
    case pipeline::Trigger::kRepeat: return AllowsLifting(trigger.repeat().subtrigger());
    default: return false;
  }
}

class Expander {
 public:
  explicit Expander(const pipeline::Pipeline& from) : from_(from) {
    made_.components = std::make_unique<pipeline::Components>(from.components());
    made_.coders = std::make_unique<RunnerCoders>(made_.components.get());
  }

  Result<ExpandedPipeline> Expand() {
    for (const std::string& root : from_.root_transform_ids()) {
      JOIST_RETURN_IF_ERROR(AddLeaves(root, 0));
    }
    JOIST_RETURN_IF_ERROR(FixEncodings());
    JOIST_RETURN_IF_ERROR(FixTestStreams());
    for (auto& [id, collection] : *made_.components->mutable_pcollections()) {
      JOIST_ASSIGN_OR_RETURN(std::string with, made_.coders->WithLengths(collection.coder_id()));
      collection.set_coder_id(std::move(with));
    }
    JOIST_RETURN_IF_ERROR(Sort());
    return std::move(made_);
  }

 private:
  using Transform = pipeline::PTransform;
  pipeline::Components& components() { return *made_.components; }

  static std::string NameOf(const Transform& transform) {
    return "step " + Quoted(transform.unique_name());
  }

  Status AddLeaves(const std::string& id, size_t depth) {
    const auto found = components().transforms().find(id);
    if (found == components().transforms().end()) {
      return InvalidArgument("the pipeline has no transform " + Quoted(id));
    }
    if (depth > kMostTransformDepth) {
      return InvalidArgument(NameOf(found->second) + " nests deeper than " +
                             std::to_string(kMostTransformDepth));
    }
    const Transform transform = found->second;
    const std::string& urn = transform.spec().urn();
    if (urn == kCombinePerKeyUrn && CanLift(transform)) return Lift(transform);
    if (transform.subtransforms_size() > 0 && !IsOneOf(urn, kKnownComposites)) {
      for (const std::string& part : transform.subtransforms()) {
        JOIST_RETURN_IF_ERROR(AddLeaves(part, depth + 1));
      }
      return OkStatus();
    }
    // A composite of nothing: what it gives is what it is given.
    if (urn.empty()) return OkStatus();
    if (transform.outputs_size() > 0 &&
        std::all_of(transform.outputs().begin(), transform.outputs().end(), [&](const auto& out) {
          return std::any_of(transform.inputs().begin(), transform.inputs().end(),
                             [&](const auto& in) { return in.second == out.second; });
        })) {
      return OkStatus();
    }
    if (urn == kParDoUrn) {
      pipeline::ParDoPayload payload;
      if (!payload.ParseFromString(transform.spec().payload())) return Malformed(transform);
      if (!payload.restriction_coder_id().empty()) return Split(transform, payload, id);
    }
    return Add(id, transform);
  }

  static Status Malformed(const Transform& transform) {
    return InvalidArgument(NameOf(transform) + ": the payload of " +
                           Quoted(transform.spec().urn()) + " makes no sense");
  }

  /// Takes over a transform that is executed.
  Status Add(const std::string& id, const Transform& transform) {
    ExpandedTransform made;
    made.id = id;
    made.name = transform.unique_name();
    made.urn = transform.spec().urn();
    if (!IsOneOf(made.urn, kOfRunner)) {
      made.environment = transform.environment_id();
      if (made.environment.empty() || components().environments().count(made.environment) == 0) {
        return Status(
            StatusCode::kUnimplemented,
            NameOf(transform) + ": transform " + Quoted(made.urn) +
                " belongs to no environment of the pipeline, and Joist has none of its own "
                "for it");
      }
    }
    std::map<std::string, std::string> side_inputs;  // Tag, access.
    if (IsParDoLike(made.urn)) {
      pipeline::ParDoPayload payload;
      if (!payload.ParseFromString(transform.spec().payload())) return Malformed(transform);
      for (const auto& [tag, side] : payload.side_inputs()) {
        side_inputs[tag] = side.access_pattern().urn();
      }
      const bool keeps_state = made.urn == kParDoUrn || made.urn == kProcessSizedUrn;
      made.is_stateful =
          keeps_state && (payload.state_specs_size() > 0 || payload.timer_family_specs_size() > 0);
      made.needs_time_order = keeps_state && payload.requires_time_sorted_input();
      made.needs_stable_input = keeps_state && payload.requires_stable_input();
      made.finalizes = keeps_state && payload.requests_finalization();
    }
    for (const auto& [tag, collection] : Sorted(transform.inputs())) {
      if (components().pcollections().count(collection) == 0) {
        return InvalidArgument(NameOf(transform) + " reads collection " + Quoted(collection) +
                               ", which the pipeline does not have");
      }
      const auto side = side_inputs.find(tag);
      if (side == side_inputs.end()) {
        made.inputs.push_back(collection);
        continue;
      }
      if (side->second != kIterableSideInputUrn && side->second != kMultimapSideInputUrn) {
        return Status(StatusCode::kUnimplemented, NameOf(transform) + " reads side input " +
                                                      Quoted(tag) + " as " + Quoted(side->second) +
                                                      ", which Joist does not know");
      }
      made.side_inputs.push_back({tag, collection, side->second});
    }
    for (const auto& [tag, collection] : Sorted(transform.outputs())) {
      if (components().pcollections().count(collection) == 0) {
        return InvalidArgument(NameOf(transform) + " makes collection " + Quoted(collection) +
                               ", which the pipeline does not have");
      }
      made.outputs.push_back(collection);
    }
    if (!made.environment.empty()) {
      if (first_environment_.empty()) first_environment_ = made.environment;
      for (const std::string& out : made.outputs) made_in_.emplace(out, made.environment);
    }
    if (made.inputs.size() == 1) made.main_input = made.inputs[0];
    if (!made.environment.empty() && made.inputs.size() != 1) {
      return InvalidArgument(NameOf(transform) + " has " + std::to_string(made.inputs.size()) +
                             " main inputs; it needs one");
    }
    made_.transforms.push_back(std::move(made));
    return OkStatus();
  }

  /// In the order of their tags: maps of messages have none.
  template <class Map>
  static std::map<std::string, std::string> Sorted(const Map& map) {
    return {map.begin(), map.end()};
  }
  static bool IsParDoLike(std::string_view urn) {
    return urn == kParDoUrn || urn == kPairWithRestrictionUrn || urn == kSplitAndSizeUrn ||
           urn == kTruncateUrn || urn == kProcessSizedUrn;
  }

  bool CanLift(const Transform& transform) {
    if (transform.inputs_size() != 1 || transform.outputs_size() != 1) return false;
    if (transform.environment_id().empty()) return false;
    const auto in = components().pcollections().find(transform.inputs().begin()->second);
    if (in == components().pcollections().end()) return false;
    const auto windowing =
        components().windowing_strategies().find(in->second.windowing_strategy_id());
    if (windowing == components().windowing_strategies().end()) return false;
    const auto coder = components().coders().find(in->second.coder_id());
    if (coder == components().coders().end() || coder->second.spec().urn() != kKvCoder ||
        coder->second.component_coder_ids_size() != 2) {
      return false;
    }
    return AllowsLifting(windowing->second.trigger());
  }

  // What is made by the runner has names that no SDK gives.
  std::string NewCollection(const std::string& id, const pipeline::PCollection& like,
                            const std::string& coder_id) {
    pipeline::PCollection made = like;
    made.set_unique_name(id);
    made.set_coder_id(coder_id);
    const std::string unique = Unused(components().pcollections(), id);
    (*components().mutable_pcollections())[unique] = std::move(made);
    return unique;
  }
  /// `id`, or where that is taken one with a number behind it, which no one before has had.
  template <class Map>
  std::string Unused(const Map& taken, const std::string& id) {
    std::string unused = id;
    while (taken.contains(unused)) unused = id + "_" + std::to_string(++last_number_[id]);
    return unused;
  }
  Status NewTransform(const std::string& id, Transform transform) {
    const std::string unique = Unused(components().transforms(), id);
    const Status added = Add(unique, transform);
    (*components().mutable_transforms())[unique] = std::move(transform);
    return added;
  }
  static Transform Like(const Transform& of, std::string_view part, std::string_view urn) {
    Transform transform;
    transform.set_unique_name(of.unique_name() + "/" + std::string(part));
    transform.mutable_spec()->set_urn(std::string(urn));
    transform.mutable_spec()->set_payload(of.spec().payload());
    transform.set_environment_id(of.environment_id());
    *transform.mutable_annotations() = of.annotations();
    return transform;
  }

  /// Combine what comes, group the accumulators, merge them, extract the results.
  Status Lift(const Transform& combine) {
    pipeline::CombinePayload payload;
    if (!payload.ParseFromString(combine.spec().payload())) return Malformed(combine);
    const std::string& in_id = combine.inputs().begin()->second;
    const std::string& out_id = combine.outputs().begin()->second;
    const auto out = components().pcollections().find(out_id);
    if (out == components().pcollections().end()) {
      return InvalidArgument(NameOf(combine) + " makes collection " + Quoted(out_id) +
                             ", which the pipeline does not have");
    }
    const pipeline::PCollection in = components().pcollections().at(in_id);
    const pipeline::PCollection result = out->second;
    const std::string key = components().coders().at(in.coder_id()).component_coder_ids(0);
    const std::string& accumulator = payload.accumulator_coder_id();
    const std::string key_accumulator = made_.coders->Make(kKvCoder, {key, accumulator});
    const std::string key_accumulators =
        made_.coders->Make(kKvCoder, {key, made_.coders->Make(kIterableCoder, {accumulator})});
    const std::string& name = combine.unique_name();
    const std::string combined = NewCollection(name + "/Precombine.out", in, key_accumulator);
    const std::string grouped = NewCollection(name + "/Group.out", result, key_accumulators);
    const std::string merged = NewCollection(name + "/Merge.out", result, key_accumulator);

    Transform precombine = Like(combine, "Precombine", kPrecombineUrn);
    *precombine.mutable_inputs() = combine.inputs();
    (*precombine.mutable_outputs())["out"] = combined;
    JOIST_RETURN_IF_ERROR(NewTransform(name + "/Precombine", std::move(precombine)));
    Transform group = Like(combine, "Group", kGroupByKeyUrn);
    group.mutable_spec()->clear_payload();
    (*group.mutable_inputs())["in"] = combined;
    (*group.mutable_outputs())["out"] = grouped;
    JOIST_RETURN_IF_ERROR(NewTransform(name + "/Group", std::move(group)));
    Transform merge = Like(combine, "Merge", kMergeAccumulatorsUrn);
    (*merge.mutable_inputs())["in"] = grouped;
    (*merge.mutable_outputs())["out"] = merged;
    JOIST_RETURN_IF_ERROR(NewTransform(name + "/Merge", std::move(merge)));
    Transform extract = Like(combine, "ExtractOutputs", kExtractOutputsUrn);
    (*extract.mutable_inputs())["in"] = merged;
    *extract.mutable_outputs() = combine.outputs();
    return NewTransform(name + "/ExtractOutputs", std::move(extract));
  }

  /// Restrictions for the elements, which are split, dealt out and worked on.
  Status Split(const Transform& pardo, const pipeline::ParDoPayload& payload,
               const std::string& id) {
    std::string main_tag;
    for (const auto& [tag, collection] : pardo.inputs()) {
      if (payload.side_inputs().count(tag) == 0) main_tag = tag;
    }
    const auto in = components().pcollections().find(
        pardo.inputs().count(main_tag) == 0 ? std::string() : pardo.inputs().at(main_tag));
    if (in == components().pcollections().end()) {
      return InvalidArgument(NameOf(pardo) + " has no main input");
    }
    const pipeline::PCollection like = in->second;
    const std::string pair_coder =
        made_.coders->Make(kKvCoder, {like.coder_id(), payload.restriction_coder_id()});
    const std::string sized_coder =
        made_.coders->Make(kKvCoder, {pair_coder, made_.coders->Make(kDoubleCoder, {})});
    const std::string& name = pardo.unique_name();
    const std::string paired = NewCollection(name + "/PairWithRestriction.out", like, pair_coder);
    const std::string split = NewCollection(name + "/SplitAndSize.out", like, sized_coder);
    const std::string dealt = NewCollection(name + "/Reshuffle.out", like, sized_coder);

    const auto with_input = [&](Transform transform, const std::string& collection) {
      *transform.mutable_inputs() = pardo.inputs();
      (*transform.mutable_inputs())[main_tag] = collection;
      return transform;
    };
    Transform pair = with_input(Like(pardo, "PairWithRestriction", kPairWithRestrictionUrn),
                                pardo.inputs().at(main_tag));
    (*pair.mutable_outputs())["out"] = paired;
    JOIST_RETURN_IF_ERROR(NewTransform(id + "/PairWithRestriction", std::move(pair)));
    Transform size = with_input(Like(pardo, "SplitAndSize", kSplitAndSizeUrn), paired);
    (*size.mutable_outputs())["out"] = split;
    JOIST_RETURN_IF_ERROR(NewTransform(id + "/SplitAndSize", std::move(size)));
    Transform deal = Like(pardo, "Reshuffle", kReshuffleUrn);
    deal.mutable_spec()->clear_payload();
    (*deal.mutable_inputs())["in"] = split;
    (*deal.mutable_outputs())["out"] = dealt;
    JOIST_RETURN_IF_ERROR(NewTransform(id + "/Reshuffle", std::move(deal)));
    Transform process = with_input(Like(pardo, "Process", kProcessSizedUrn), dealt);
    *process.mutable_outputs() = pardo.outputs();
    // Its counters are known under the transform's own id.
    const Status added = Add(id, process);
    (*components().mutable_transforms())[id] = std::move(process);
    return added;
  }

  /// What goes through the runner unchanged is to be encoded as what comes out is.
  Status FixEncodings() {
    const size_t count = made_.transforms.size();
    for (size_t i = 0; i < count; ++i) {
      if (!IsOneOf(made_.transforms[i].urn, kHandOn) || made_.transforms[i].outputs.size() != 1) {
        continue;
      }
      const std::string id = made_.transforms[i].id;
      const pipeline::PCollection like =
          components().pcollections().at(made_.transforms[i].outputs[0]);
      for (size_t input = 0; input < made_.transforms[i].inputs.size(); ++input) {
        const std::string from = made_.transforms[i].inputs[input];
        if (made_.coders->AreSame(components().pcollections().at(from).coder_id(),
                                  like.coder_id())) {
          continue;
        }
        const std::string to = NewCollection(id + "/Transcode" + std::to_string(input) + ".out",
                                             components().pcollections().at(from), like.coder_id());
        JOIST_RETURN_IF_ERROR(AddTranscode(i, input, from, to, EnvironmentFor(from, id)));
        made_.transforms[i].inputs[input] = to;
        if (!made_.transforms[i].main_input.empty()) made_.transforms[i].main_input = to;
      }
    }
    return OkStatus();
  }
  /// A test stream's elements are encoded as it says, which may not be as its outputs are.
  Status FixTestStreams() {
    const size_t count = made_.transforms.size();
    for (size_t i = 0; i < count; ++i) {
      if (made_.transforms[i].urn != kTestStreamUrn) continue;
      const std::string id = made_.transforms[i].id;
      pipeline::TestStreamPayload payload;
      if (!payload.ParseFromString(components().transforms().at(id).spec().payload())) {
        return Malformed(components().transforms().at(id));
      }
      JOIST_ASSIGN_OR_RETURN(
          const TestStreamForm form,
          TestStreamForm::Of(payload.coder_id(), components(), made_.coders.get()));
      size_t number = 0;
      for (auto& [tag, out] : *components().mutable_transforms()->at(id).mutable_outputs()) {
        const std::string to = out;
        const pipeline::PCollection like = components().pcollections().at(to);
        if (made_.coders->AreSame(like.coder_id(), form.coder_id())) continue;
        out = NewCollection(id + "/Encoded" + std::to_string(number), like, form.coder_id());
        std::replace(made_.transforms[i].outputs.begin(), made_.transforms[i].outputs.end(), to,
                     out);
        JOIST_RETURN_IF_ERROR(AddTranscode(i, number++, out, to, EnvironmentFor(to, id)));
      }
    }
    return OkStatus();
  }

  /// Lets an SDK encode `from` as `to` is: a Flatten of one.
  Status AddTranscode(size_t of, size_t number, const std::string& from, const std::string& to,
                      const std::string& environment) {
    const std::string part = "/Transcode" + std::to_string(number);
    const std::string name = made_.transforms[of].name;
    if (environment.empty()) {
      return InvalidArgument("step " + Quoted(name) +
                             " has collections with different coders, and no environment is "
                             "there to encode them alike");
    }
    Transform transcode;
    transcode.set_unique_name(name + part);
    transcode.mutable_spec()->set_urn(std::string(kFlattenUrn));
    transcode.set_environment_id(environment);
    (*transcode.mutable_inputs())["in"] = from;
    (*transcode.mutable_outputs())["out"] = to;
    ExpandedTransform made;
    made.id = made_.transforms[of].id + part;
    made.name = transcode.unique_name();
    made.urn = kFlattenUrn;
    made.environment = environment;
    made.main_input = from;
    made.inputs = {from};
    made.outputs = {to};
    (*components().mutable_transforms())[made.id] = std::move(transcode);
    made_.transforms.push_back(std::move(made));
    return OkStatus();
  }

  /// Where elements of a collection can be encoded anew.
  std::string EnvironmentFor(const std::string& collection, const std::string& flatten) {
    const auto made_in = made_in_.find(collection);
    if (made_in != made_in_.end()) return made_in->second;
    const std::string& own = components().transforms().at(flatten).environment_id();
    return own.empty() ? first_environment_ : own;
  }

  /// Each after those that it reads from.
  Status Sort() {
    std::map<std::string, size_t> made_by;
    for (size_t i = 0; i < made_.transforms.size(); ++i) {
      for (const std::string& out : made_.transforms[i].outputs) {
        if (!made_by.emplace(out, i).second) {
          return InvalidArgument("collection " + Quoted(out) + " is made by two steps, " +
                                 Quoted(made_.transforms[made_by.at(out)].name) + " and " +
                                 Quoted(made_.transforms[i].name));
        }
      }
    }
    std::vector<std::vector<size_t>> reads_from(made_.transforms.size());
    for (size_t i = 0; i < made_.transforms.size(); ++i) {
      const ExpandedTransform& transform = made_.transforms[i];
      std::vector<std::string> read = transform.inputs;
      for (const SideInputUse& side : transform.side_inputs) read.push_back(side.collection);
      for (const std::string& collection : read) {
        const auto producer = made_by.find(collection);
        if (producer == made_by.end()) {
          return InvalidArgument("step " + Quoted(transform.name) + " reads collection " +
                                 Quoted(collection) + ", which no step makes");
        }
        reads_from[i].push_back(producer->second);
      }
    }
    std::vector<ExpandedTransform> sorted;
    std::vector<bool> is_sorted(made_.transforms.size());
    for (const size_t i : TopologicalOrder(reads_from)) {
      sorted.push_back(made_.transforms[i]);
      is_sorted[i] = true;
    }
    if (sorted.size() < made_.transforms.size()) {
      const auto first = std::find(is_sorted.begin(), is_sorted.end(), false) - is_sorted.begin();
      return InvalidArgument("step " + Quoted(made_.transforms[static_cast<size_t>(first)].name) +
                             " waits for what is made of its output");
    }
    made_.transforms = std::move(sorted);
    for (size_t i = 0; i < made_.transforms.size(); ++i) {
      for (const std::string& out : made_.transforms[i].outputs) made_.producers[out] = i;
    }
    return OkStatus();
  }

  const pipeline::Pipeline& from_;
  ExpandedPipeline made_;
  std::string first_environment_;               ///< Of a transform; empty if there is none.
  std::map<std::string, std::string> made_in_;  ///< Environments, by collection.
  std::map<std::string, int> last_number_;      ///< Behind an id that was taken.
};

}  // namespace

ExpandedPipeline::ExpandedPipeline() = default;
ExpandedPipeline::~ExpandedPipeline() = default;
ExpandedPipeline::ExpandedPipeline(ExpandedPipeline&&) noexcept = default;
ExpandedPipeline& ExpandedPipeline::operator=(ExpandedPipeline&&) noexcept = default;

Result<ExpandedPipeline> ExpandPipeline(const pipeline::Pipeline& from) {
  return Expander(from).Expand();
}

}  // namespace joist::portability
