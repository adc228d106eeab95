// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/portability/runner_steps.h"

#include <org/apache/beam/model/pipeline/v1/beam_runner_api.pb.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "joist/exec/step.h"
#include "joist/portability/urns.h"
#include "joist/sdk/graph_picture/graph_picture.h"

namespace joist::portability {
namespace {

/// Adds what another node of the same step has.
void AddTo(const StepStatus& more, StepStatus* to) {
  to->dropped_late += more.dropped_late;
  to->busy_seconds += more.busy_seconds;
  to->blocked_seconds += more.blocked_seconds;
  to->idle_seconds += more.idle_seconds;
  OperatorStatus& holds = to->holds;
  holds.waiting += more.holds.waiting;
  if (more.holds.backlog.has_value()) {
    holds.backlog = holds.backlog.value_or(0) + *more.holds.backlog;
  }
  holds.keys += more.holds.keys;
  holds.cells += more.holds.cells;
  holds.bytes += more.holds.bytes;
}

StepKind KindOf(std::string_view urn) {
  if (urn == kFlattenUrn) return StepKind::kFlatten;
  if (urn == kImpulseUrn || urn == kTestStreamUrn) return StepKind::kRead;
  const bool groups = urn == kGroupByKeyUrn || urn == kReshuffleUrn ||
                      urn == kRedistributeByKeyUrn || urn == kRedistributeUrn;
  return groups ? StepKind::kGroup : StepKind::kParDo;
}

/// "beam:transform:group_by_key:v1" as "group_by_key", but as Beam's SDKs say where they all do.
std::string KindName(std::string_view urn) {
  for (const std::string_view part :
       {kParDoUrn, kPairWithRestrictionUrn, kSplitAndSizeUrn, kTruncateUrn, kProcessSizedUrn}) {
    if (urn == part) return "ParDo";
  }
  for (const std::string_view part : {kPrecombineUrn, kMergeAccumulatorsUrn, kExtractOutputsUrn}) {
    if (urn == part) return "Combine";
  }
  if (urn == kGroupByKeyUrn) return "GroupByKey";
  if (urn == kFlattenUrn) return "Flatten";
  if (urn == kImpulseUrn) return "Impulse";
  if (urn == kReshuffleUrn) return "Reshuffle";
  constexpr std::string_view kPrefix = "beam:transform:";
  if (urn.starts_with(kPrefix)) urn.remove_prefix(kPrefix.size());
  return std::string(urn.substr(0, urn.rfind(":v")));
}

/// "python", "go", "java"; nothing where the environment does not say.
std::string LanguageOf(const pipeline::Environment& environment) {
  constexpr std::string_view kSdk = "beam:version:sdk_base:apache/beam_";
  for (const std::string& capability : environment.capabilities()) {
    if (!capability.starts_with(kSdk)) continue;
    const std::string_view sdk = std::string_view(capability).substr(kSdk.size());
    return std::string(sdk.substr(0, sdk.find_first_of("_0123456789")));
  }
  return "";
}

}  // namespace

RunnerSteps::RunnerSteps(const Graph& graph, std::vector<RunnerStep> steps)
    : steps_(std::move(steps)) {
  size_t shown = 0;
  for (const Node& node : graph.nodes()) {
    shown_.push_back(node.kind == StepKind::kFlatten ? kNone : shown++);
  }
  step_of_.assign(shown, kNone);
  for (size_t i = 0; i < steps_.size(); ++i) {
    for (const int node : steps_[i].nodes) {
      const size_t place = shown_[static_cast<size_t>(node)];
      if (place != kNone) step_of_[place] = i;
    }
  }
}

JobStatus RunnerSteps::Of(const JobStatus& status) const {
  JobStatus of = status;
  of.metrics.clear();
  of.steps.clear();
  // Of steps whose workers have elements that they have not begun.
  uint64_t begun = 0;
  uint64_t all = 0;
  for (const RunnerStep& step : steps_) {
    StepStatus sum;
    bool is_first = true;
    for (const int node : step.nodes) {
      const size_t place = shown_[static_cast<size_t>(node)];
      if (place == kNone) continue;
      StepStatus one = status.steps[place];
      if (!std::exchange(is_first, false)) {
        AddTo(sum, &one);
        one.elements_in = sum.elements_in;
        one.bytes_in = sum.bytes_in;
      }
      sum = std::move(one);
    }
    sum.name = step.name;
    if (sum.held_by.has_value()) {
      const size_t holder = step_of_[sum.held_by->step];
      if (holder == kNone) {
        sum.held_by.reset();
      } else {
        sum.held_by->step = holder;
      }
    }
    if (step.figures != nullptr) {
      sum.elements_in = step.figures->elements_in.load();
      sum.elements_out = step.figures->elements_out.load();
      const uint64_t sent = std::max(step.figures->elements_sent.load(), sum.elements_in);
      if (sent > sum.elements_in) {
        begun += sum.elements_in;
        all += sent;
        sum.holds.waiting += sent - sum.elements_in;
      }
      if (!status.is_stream) of.bundles += step.figures->bundles.load();
    }
    of.steps.push_back(std::move(sum));
  }
  if (all > 0) of.stage_progress *= static_cast<double>(begun) / static_cast<double>(all);
  return of;
}

JobMetrics RunnerSteps::Of(const JobMetrics& metrics) const {
  JobMetrics of = metrics;
  of.steps.clear();
  for (const RunnerStep& step : steps_) {
    JobMetrics::StepWork sum;
    bool is_first = true;
    for (const int node : step.nodes) {
      const size_t place = shown_[static_cast<size_t>(node)];
      if (place == kNone) continue;
      const JobMetrics::StepWork& one = metrics.steps[place];
      if (std::exchange(is_first, false)) sum.elements_in = one.elements_in;
      sum.elements_out = one.elements_out;
      sum.seconds += one.seconds;
    }
    if (step.figures != nullptr) {
      sum.elements_in = step.figures->elements_in.load();
      sum.elements_out = step.figures->elements_out.load();
    }
    sum.step = step.name;
    of.steps.push_back(std::move(sum));
  }
  return of;
}

std::string DrawRunnerSteps(const ExpandedPipeline& pipeline, const std::vector<FusedStage>& stages,
                            std::string_view job) {
  std::vector<int> stage_of(pipeline.transforms.size(), -1);
  std::set<std::string> environments;
  int steps = 0;
  for (const FusedStage& stage : stages) {
    const bool is_shown =
        pipeline.transforms[stage.transforms[0]].urn != kFlattenUrn || !stage.environment.empty();
    for (const size_t t : stage.transforms) stage_of[t] = is_shown ? steps : -1;
    if (is_shown) ++steps;
    if (!stage.environment.empty()) environments.insert(stage.environment);
  }
  // The transforms as they are, which the engine's graph does not have.
  Graph graph;
  std::map<std::string, int> collections;
  for (const ExpandedTransform& transform : pipeline.transforms) {
    Node node;
    node.name = transform.name;
    node.kind = KindOf(transform.urn);
    for (const std::string& in : transform.inputs) node.inputs.push_back(collections.at(in));
    for (const SideInputUse& side : transform.side_inputs) {
      node.side_inputs.push_back(collections.at(side.collection));
    }
    const std::vector<const ElementType*> outputs(transform.outputs.size(),
                                                  &element_type<std::string>);
    const int added = graph.Add(std::move(node), outputs);
    for (size_t i = 0; i < transform.outputs.size(); ++i) {
      collections[transform.outputs[i]] = graph.nodes()[static_cast<size_t>(added)].outputs[i];
    }
  }
  GraphPicture picture = MakeGraphPicture(graph, stage_of, job, {});
  for (size_t t = 0; t < picture.steps.size(); ++t) {
    const ExpandedTransform& transform = pipeline.transforms[t];
    GraphPicture::Step& step = picture.steps[t];
    step.kind = KindName(transform.urn);
    step.types.clear();  // Of encoded elements nothing is known.
    if (environments.size() > 1 && !transform.environment.empty()) {
      const std::string language =
          LanguageOf(pipeline.components->environments().at(transform.environment));
      if (!language.empty()) step.function = "in " + language;
    }
  }
  return DrawTree(picture);
}

}  // namespace joist::portability
