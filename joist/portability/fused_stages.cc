// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/portability/fused_stages.h"

#include <org/apache/beam/model/pipeline/v1/beam_runner_api.pb.h>

#include <algorithm>
#include <map>
#include <utility>

#include "joist/base/status.h"
#include "joist/portability/topological_order.h"
#include "joist/portability/urns.h"

namespace joist::portability {
namespace {

class Fuser {
 public:
  explicit Fuser(const ExpandedPipeline& pipeline)
      : pipeline_(pipeline), stage_of_(pipeline.transforms.size()) {
    for (const ExpandedTransform& of : pipeline.transforms) {
      std::vector<size_t>& from = reads_from_.emplace_back();
      for (const std::string& read : ReadBy(of)) from.push_back(pipeline.producers.at(read));
    }
  }

  std::vector<FusedStage> Fuse() {
    for (size_t t = 0; t < pipeline_.transforms.size(); ++t) Place(t);
    FindOutputs();
    return InOrder();
  }

 private:
  const ExpandedTransform& transform(size_t t) const { return pipeline_.transforms[t]; }

  /// Must be what a stage begins with, alone.
  static bool BeginsStage(const ExpandedTransform& of) {
    return of.is_stateful || of.urn == kProcessSizedUrn || of.needs_stable_input;
  }

  void Place(size_t t) {
    const ExpandedTransform& of = transform(t);
    if (!of.environment.empty() && !BeginsStage(of)) {
      // The stage that makes its input, or others that read it.
      const size_t producer = pipeline_.producers.at(of.main_input);
      if (transform(producer).environment == of.environment && TryJoin(t, stage_of_[producer])) {
        return;
      }
      const auto reader = readers_.find({of.main_input, of.environment});
      if (reader != readers_.end() && TryJoin(t, reader->second)) return;
    }
    stage_of_[t] = stages_.size();
    FusedStage stage;
    stage.environment = of.environment;
    stage.input = of.main_input;
    stage.transforms = {t};
    if (!of.environment.empty() && !BeginsStage(of)) {
      readers_[{of.main_input, of.environment}] = stages_.size();
    }
    stages_.push_back(std::move(stage));
  }

  const std::string& WindowingOf(const std::string& collection) const {
    return pipeline_.components->pcollections().at(collection).windowing_strategy_id();
  }

  bool TryJoin(size_t t, size_t stage) {
    for (const SideInputUse& side : transform(t).side_inputs) {
      if (DependsOn(side.collection, stage)) return false;
      if (WindowingOf(transform(t).main_input) != WindowingOf(stages_[stage].input)) return false;
    }
    stage_of_[t] = stage;
    stages_[stage].transforms.push_back(t);
    return true;
  }

  /// All that a transform reads.
  static std::vector<std::string> ReadBy(const ExpandedTransform& of) {
    std::vector<std::string> read = of.inputs;
    for (const SideInputUse& side : of.side_inputs) read.push_back(side.collection);
    return read;
  }

  /// Whether something of `stage` has to be done before `collection` is complete.
  bool DependsOn(const std::string& collection, size_t stage) const {
    std::vector<bool> seen(stages_.size());
    std::vector<size_t> open;
    const auto look = [&](size_t t) {
      if (!seen[stage_of_[t]]) open.push_back(stage_of_[t]);
      seen[stage_of_[t]] = true;
    };
    look(pipeline_.producers.at(collection));
    while (!open.empty() && !seen[stage]) {
      const size_t of = open.back();
      open.pop_back();
      for (const size_t t : stages_[of].transforms) {
        for (const size_t from : reads_from_[t]) look(from);
      }
    }
    return seen[stage];
  }

  void FindOutputs() {
    const auto reads = [&](size_t t, const std::string& collection) {
      const size_t producer = pipeline_.producers.at(collection);
      FusedStage& from = stages_[stage_of_[producer]];
      if (from.environment.empty()) return;
      auto& outputs = from.outputs;
      if (stage_of_[t] != stage_of_[producer] &&
          std::find(outputs.begin(), outputs.end(), collection) == outputs.end()) {
        outputs.push_back(collection);
      }
    };
    for (size_t t = 0; t < pipeline_.transforms.size(); ++t) {
      for (const std::string& read : ReadBy(transform(t))) reads(t, read);
    }
    for (FusedStage& stage : stages_) {
      if (stage.environment.empty()) stage.outputs = transform(stage.transforms[0]).outputs;
    }
  }

  std::vector<FusedStage> InOrder() {
    std::vector<std::vector<size_t>> reads_from(stages_.size());
    for (size_t t = 0; t < pipeline_.transforms.size(); ++t) {
      const size_t stage = stage_of_[t];
      for (const size_t made_by : reads_from_[t]) {
        const size_t from = stage_of_[made_by];
        if (from != stage) reads_from[stage].push_back(from);
      }
    }
    std::vector<FusedStage> sorted;
    for (const size_t s : TopologicalOrder(reads_from)) sorted.push_back(std::move(stages_[s]));
    // TryJoin lets no circles come to be.
    JOIST_CHECK(sorted.size() == stages_.size());
    return sorted;
  }

  const ExpandedPipeline& pipeline_;
  std::vector<std::vector<size_t>> reads_from_;  ///< Transforms, by transform.
  std::vector<size_t> stage_of_;                 ///< By transform.
  std::vector<FusedStage> stages_;
  /// Stages that a collection's elements go into, by it and their environment.
  std::map<std::pair<std::string, std::string>, size_t> readers_;
};

}  // namespace

std::vector<FusedStage> FuseStages(const ExpandedPipeline& pipeline) {
  return Fuser(pipeline).Fuse();
}

}  // namespace joist::portability
