// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/portability/fused_stages.h"

#include <gtest/gtest.h>
#include <org/apache/beam/model/pipeline/v1/beam_runner_api.pb.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "joist/portability/urns.h"

namespace joist::portability {
namespace {

/// A pipeline in the making. Each transform `t` has one output, "t.out".
class Drawing {
 public:
  Drawing() { pipeline.components = std::make_unique<pipeline::Components>(); }
  /// A ParDo of `environment`.
  ExpandedTransform& ParDo(const std::string& id, const std::string& reads,
                           const std::vector<std::string>& sides = {},
                           const std::string& environment = "sdk") {
    ExpandedTransform& made = Add(id, kParDoUrn, {reads});
    made.environment = environment;
    for (const std::string& side : sides) {
      made.side_inputs.push_back({side, side + ".out", std::string(kIterableSideInputUrn)});
    }
    return made;
  }
  /// What the runner does itself.
  ExpandedTransform& Own(const std::string& id, std::string_view urn,
                         const std::vector<std::string>& reads) {
    return Add(id, urn, reads);
  }

  /// From a transform on, elements have other windows.
  void Rewindow(const std::string& id) {
    auto* const collection = &pipeline.components->mutable_pcollections()->at(id + ".out");
    collection->set_windowing_strategy_id(id);
  }

  /// "impulse | a b -> b.out": the transforms of each stage, and what it gives to others.
  std::vector<std::string> Stages() const {
    std::vector<std::string> stages;
    for (const FusedStage& stage : FuseStages(pipeline)) {
      std::string text;
      for (const size_t t : stage.transforms) text += pipeline.transforms[t].id + " ";
      text += "->";
      for (const std::string& out : stage.outputs) text += " " + out;
      stages.push_back(std::move(text));
    }
    return stages;
  }

  ExpandedPipeline pipeline;

 private:
  ExpandedTransform& Add(const std::string& id, std::string_view urn,
                         const std::vector<std::string>& reads) {
    ExpandedTransform made;
    made.id = id;
    made.name = id;
    made.urn = urn;
    for (const std::string& from : reads) made.inputs.push_back(from + ".out");
    if (made.inputs.size() == 1) made.main_input = made.inputs[0];
    made.outputs = {id + ".out"};
    auto& collection = (*pipeline.components->mutable_pcollections())[id + ".out"];
    if (!made.main_input.empty()) {
      collection.set_windowing_strategy_id(
          pipeline.components->pcollections().at(made.main_input).windowing_strategy_id());
    }
    pipeline.producers[id + ".out"] = pipeline.transforms.size();
    pipeline.transforms.push_back(std::move(made));
    return pipeline.transforms.back();
  }
};

using Stages = std::vector<std::string>;

// Elements wait for side inputs where they come to a stage, by the windows that they have there.
TEST(FuseStages, SideInputsAreOfTheStagesWindows) {
  Drawing p;
  p.Own("impulse", kImpulseUrn, {});
  p.ParDo("a", "impulse");
  p.ParDo("windows", "a");
  p.Rewindow("windows");
  p.ParDo("b", "windows");
  p.Own("side", kImpulseUrn, {});
  p.ParDo("c", "b", {"side"});
  p.ParDo("d", "c", {"side"});
  p.ParDo("before", "a", {"side"});
  EXPECT_EQ(p.Stages(), (Stages{"impulse -> impulse.out", "side -> side.out",
                                "a windows b before -> b.out", "c d ->"}));
}

TEST(FuseStages, AChainIsOneStage) {
  Drawing p;
  p.Own("impulse", kImpulseUrn, {});
  p.ParDo("a", "impulse");
  p.ParDo("b", "a");
  p.Own("group", kGroupByKeyUrn, {"b"});
  p.ParDo("c", "group");
  EXPECT_EQ(p.Stages(),
            (Stages{"impulse -> impulse.out", "a b -> b.out", "group -> group.out", "c ->"}));
  const std::vector<FusedStage> stages = FuseStages(p.pipeline);
  EXPECT_EQ(stages[0].environment, "");
  EXPECT_EQ(stages[0].input, "");
  EXPECT_EQ(stages[1].environment, "sdk");
  EXPECT_EQ(stages[1].input, "impulse.out");
  EXPECT_EQ(stages[3].input, "group.out");
}

TEST(FuseStages, SiblingsAreReadOnce) {
  Drawing p;
  p.Own("impulse", kImpulseUrn, {});
  p.ParDo("a", "impulse");
  p.ParDo("b", "impulse");
  p.ParDo("c", "b");
  EXPECT_EQ(p.Stages(), (Stages{"impulse -> impulse.out", "a b c ->"}));
}

TEST(FuseStages, EnvironmentsKeepApart) {
  Drawing p;
  p.Own("impulse", kImpulseUrn, {});
  p.ParDo("a", "impulse", {}, "python");
  p.ParDo("b", "a", {}, "go");
  p.ParDo("c", "b", {}, "python");
  p.ParDo("d", "impulse", {}, "go");
  p.ParDo("e", "a", {}, "go");
  EXPECT_EQ(p.Stages(),
            (Stages{"impulse -> impulse.out", "a -> a.out", "b e -> b.out", "c ->", "d ->"}));
}

TEST(FuseStages, WhatHasStateOrSplitsBeginsAStage) {
  Drawing p;
  p.Own("impulse", kImpulseUrn, {});
  p.ParDo("a", "impulse");
  p.ParDo("state", "a").is_stateful = true;
  p.ParDo("b", "state");
  p.ParDo("other", "a").is_stateful = true;
  p.ParDo("process", "b").urn = kProcessSizedUrn;
  p.ParDo("stable", "process").needs_stable_input = true;
  p.ParDo("c", "stable");
  EXPECT_EQ(p.Stages(), (Stages{"impulse -> impulse.out", "a -> a.out", "state b -> b.out",
                                "other ->", "process -> process.out", "stable c ->"}));
}

// One that may not begin in the middle joins no sibling either, and none joins it.
TEST(FuseStages, StatefulSiblingsStayAlone) {
  Drawing p;
  p.Own("impulse", kImpulseUrn, {});
  p.ParDo("state", "impulse").is_stateful = true;
  p.ParDo("a", "impulse");
  p.ParDo("state2", "impulse").is_stateful = true;
  p.ParDo("b", "impulse");
  EXPECT_EQ(p.Stages(), (Stages{"impulse -> impulse.out", "state ->", "a b ->", "state2 ->"}));
}

TEST(FuseStages, NoStageWaitsForItself) {
  Drawing p;
  p.Own("impulse", kImpulseUrn, {});
  p.ParDo("a", "impulse");
  p.ParDo("side", "a");
  p.ParDo("reads", "a", {"side"});
  EXPECT_EQ(p.Stages(), (Stages{"impulse -> impulse.out", "a side -> a.out side.out", "reads ->"}));
}

TEST(FuseStages, NorThroughOthers) {
  Drawing p;
  p.Own("impulse", kImpulseUrn, {});
  p.ParDo("a", "impulse");
  p.Own("group", kGroupByKeyUrn, {"a"});
  p.ParDo("b", "group", {}, "other");
  p.ParDo("reads", "a", {"b"});
  // Nor a stage whose side input waits for it.
  p.ParDo("sibling", "impulse", {"reads"});
  EXPECT_EQ(p.Stages(), (Stages{"impulse -> impulse.out", "a -> a.out", "group -> group.out",
                                "b -> b.out", "reads -> reads.out", "sibling ->"}));
}

// What comes together again does so in the runner's Flatten; its stages come before it.
TEST(FuseStages, Diamonds) {
  Drawing p;
  p.Own("impulse", kImpulseUrn, {});
  p.ParDo("a", "impulse");
  p.ParDo("left", "a");
  p.ParDo("right", "a");
  p.Own("flatten", kFlattenUrn, {"left", "right"});
  p.ParDo("end", "flatten");
  p.ParDo("late", "flatten", {"left"});
  EXPECT_EQ(p.Stages(), (Stages{"impulse -> impulse.out", "a left right -> left.out right.out",
                                "flatten -> flatten.out", "end late ->"}));
}

// Also where a stage that was begun takes in what needs a later one.
TEST(FuseStages, StagesComeAfterThoseTheyReadFrom) {
  Drawing p;
  p.Own("impulse", kImpulseUrn, {});
  p.Own("impulse2", kImpulseUrn, {});
  p.ParDo("a", "impulse");
  p.ParDo("side", "impulse2");
  p.ParDo("b", "a", {"side"});
  EXPECT_EQ(p.Stages(), (Stages{"impulse -> impulse.out", "impulse2 -> impulse2.out",
                                "side -> side.out", "a b ->"}));
}

// Whatever the pipeline: no stage depends on itself, each transform is in one, and outputs are what
// others read.
TEST(FuseStages, HoldsForAnyPipeline) {
  std::mt19937 random(3);
  const auto below = [&random](size_t bound) { return static_cast<size_t>(random() % bound); };
  size_t fused = 0;
  for (int round = 0; round < 1000; ++round) {
    SCOPED_TRACE(round);
    Drawing p;
    p.Own("t0", kImpulseUrn, {});
    const size_t count = 2 + below(25);
    for (size_t t = 1; t < count; ++t) {
      const auto any = [&] { return "t" + std::to_string(below(t)); };
      const std::string id = "t" + std::to_string(t);
      const size_t kind = below(10);
      if (kind == 0) {
        p.Own(id, kGroupByKeyUrn, {any()});
      } else if (kind == 1) {
        p.Own(id, kFlattenUrn, {any(), any()});
      } else {
        const std::string reads = any();
        std::vector<std::string> sides;
        for (size_t n = below(3); n > 0; --n) sides.push_back(any());
        ExpandedTransform& made = p.ParDo(id, reads, sides, below(4) == 0 ? "other" : "sdk");
        made.is_stateful = kind == 2;
        if (kind == 3) made.urn = kProcessSizedUrn;
      }
    }
    const std::vector<FusedStage> stages = FuseStages(p.pipeline);
    std::vector<size_t> stage_of(count, stages.size());
    for (size_t s = 0; s < stages.size(); ++s) {
      for (const size_t t : stages[s].transforms) {
        ASSERT_EQ(stage_of[t], stages.size()) << "t" << t << " is in two stages";
        stage_of[t] = s;
      }
      fused += stages[s].transforms.size() > 1 ? 1 : 0;
    }
    ASSERT_EQ(std::count(stage_of.begin(), stage_of.end(), stages.size()), 0);

    std::vector<std::set<std::string>> read_of(stages.size());
    for (size_t t = 0; t < count; ++t) {
      const ExpandedTransform& of = p.pipeline.transforms[t];
      const FusedStage& stage = stages[stage_of[t]];
      EXPECT_EQ(of.environment, stage.environment);
      std::vector<std::string> reads = of.inputs;
      for (const SideInputUse& side : of.side_inputs) {
        reads.push_back(side.collection);
        EXPECT_NE(stage_of[p.pipeline.producers.at(side.collection)], stage_of[t])
            << of.id << " waits for its own stage";
      }
      const bool is_own = of.environment.empty();
      for (const std::string& collection : reads) {
        const size_t from = stage_of[p.pipeline.producers.at(collection)];
        // The order of the stages is one of their dependencies, so there is no circle.
        if (from == stage_of[t]) continue;
        EXPECT_LT(from, stage_of[t]);
        read_of[from].insert(collection);
      }
      if (is_own) {
        EXPECT_EQ(stage.transforms.size(), 1U);
        continue;
      }
      const bool is_inside = stage_of[p.pipeline.producers.at(of.main_input)] == stage_of[t];
      EXPECT_TRUE(is_inside || of.main_input == stage.input);
      if (of.is_stateful || of.urn == kProcessSizedUrn) {
        EXPECT_EQ(stage.transforms[0], t) << "nothing comes before it";
        EXPECT_FALSE(is_inside);
        EXPECT_EQ(std::count_if(stage.transforms.begin(), stage.transforms.end(),
                                [&](size_t other) {
                                  return p.pipeline.transforms[other].main_input == stage.input;
                                }),
                  1);
      }
    }
    for (size_t s = 0; s < stages.size(); ++s) {
      const std::set<std::string> outputs(stages[s].outputs.begin(), stages[s].outputs.end());
      EXPECT_EQ(outputs.size(), stages[s].outputs.size());
      EXPECT_TRUE(stages[s].environment.empty() || outputs == read_of[s]);
      EXPECT_TRUE(std::is_sorted(stages[s].transforms.begin(), stages[s].transforms.end()));
    }
  }
  EXPECT_GT(fused, 500U);
}

}  // namespace
}  // namespace joist::portability
