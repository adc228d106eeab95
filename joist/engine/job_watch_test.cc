// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/engine/job_watch.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "joist/engine/watched_checkpoints.h"

namespace joist {
namespace {

/// 0 and 1 begin, 2 is their Flatten, 3 and 4 follow it.
Graph FiveNodes() {
  Graph graph;
  const auto add = [&](const char* name, StepKind kind, std::vector<int> inputs) {
    Node node;
    node.name = name;
    node.kind = kind;
    node.inputs = std::move(inputs);
    graph.Add(std::move(node), {&element_type<int64_t>});
  };
  add("A", StepKind::kRead, {});
  add("B", StepKind::kRead, {});
  add("Both", StepKind::kFlatten, {0, 1});
  add("Group", StepKind::kGroup, {2});
  add("Last", StepKind::kParDo, {3});
  return graph;
}

TEST(FindHolders, GoUpToTheStepThatIsBehindItsInput) {
  const Graph graph = FiveNodes();
  const auto at = [](int64_t seconds) { return Timestamp::Seconds(seconds); };
  const Timestamp end = Timestamp::Max();
  using Holders = std::vector<int>;
  EXPECT_EQ(FindHolders(graph, {at(5), at(3), at(3), at(3), at(3)}), (Holders{0, 1, 1, 1, 1}));
  EXPECT_EQ(FindHolders(graph, {at(5), at(7), at(5), at(2), at(2)}), (Holders{0, 1, 0, 3, 3}));
  EXPECT_EQ(FindHolders(graph, {end, at(7), at(7), at(2), at(1)}), (Holders{-1, 1, 1, 3, 4}));
  EXPECT_EQ(FindHolders(graph, {end, end, end, at(2), at(2)}), (Holders{-1, -1, -1, 3, 3}));
  EXPECT_EQ(FindHolders(graph, {end, end, end, end, end}), (Holders{-1, -1, -1, -1, -1}));
}

StreamFigures FiguresOf(uint64_t elements, uint64_t late) {
  StreamFigures figures;
  figures.lanes = 2;
  figures.bundles = elements;
  figures.now = Timestamp::Seconds(100);
  figures.steps.resize(5);
  StepFigures& group = figures.steps[3];
  group.stats.elements_in = elements;
  CountDroppedLate(&group.stats, late);
  group.stats.Cell(InternMetric(MetricKind::kCounter, "job_watch", "users")).sum = 3;
  group.holds.holds = OperatorStatus::Holds::kWindows;
  for (StepFigures& step : figures.steps) step.watermark = Timestamp::Seconds(90);
  group.watermark = figures.steps[4].watermark = Timestamp::Seconds(60);
  return figures;
}

class JobWatchTest : public testing::Test {
 protected:
  const Graph graph_ = FiveNodes();
  MemoryBudget memory_{1 << 20, 1, "/"};
  JobWatch watch_{&graph_, &memory_, "job"};
};

TEST_F(JobWatchTest, SaysWhereTimeIsAndWhoHoldsIt) {
  watch_.BeginRun();
  watch_.Look(FiguresOf(0, 0));
  const JobStatus status = watch_.Latest();
  ASSERT_EQ(status.steps.size(), 4) << "a Flatten does nothing";
  EXPECT_EQ(status.steps[1].lag, Duration::Seconds(10));
  ASSERT_TRUE(status.steps[1].held_by.has_value());
  EXPECT_EQ(status.steps[1].held_by->step, 1);
  EXPECT_EQ(status.steps[1].held_by->holds, OperatorStatus::Holds::kWork);
  ASSERT_TRUE(status.steps[3].held_by.has_value());
  EXPECT_EQ(status.steps[3].name, "Last");
  EXPECT_EQ(status.steps[3].lag, Duration::Seconds(40));
  EXPECT_EQ(status.steps[3].held_by->step, 2);
  EXPECT_EQ(status.steps[3].held_by->holds, OperatorStatus::Holds::kWindows);
  ASSERT_EQ(status.metrics.size(), 1) << "what Joist counts itself is not the user's";
  EXPECT_EQ(status.metrics[0].name.name, "users");
}

// What is done again counts again; what another process has done does not.
TEST_F(JobWatchTest, NeverGoesBack) {
  watch_.BeginRun();
  watch_.Look(FiguresOf(1000, 10));  // From a checkpoint.
  EXPECT_EQ(watch_.Latest().steps[2].elements_in, 0);
  watch_.Look(FiguresOf(1500, 13));
  EXPECT_EQ(watch_.Latest().steps[2].elements_in, 500);
  EXPECT_EQ(watch_.Latest().steps[2].dropped_late, 3);
  watch_.AddFailure();
  EXPECT_FALSE(watch_.Latest().is_paused) << "this is no stream";
  watch_.BeginRun();
  watch_.Look(FiguresOf(1200, 11));
  EXPECT_EQ(watch_.Latest().steps[2].elements_in, 500);
  watch_.Look(FiguresOf(1600, 13));
  EXPECT_EQ(watch_.Latest().steps[2].elements_in, 900);
  EXPECT_EQ(watch_.Latest().steps[2].dropped_late, 5);
  EXPECT_EQ(watch_.Latest().failures, 1);
}

TEST_F(JobWatchTest, DealsOutTheTimeOfLanes) {
  watch_.BeginRun();
  StreamFigures figures = FiguresOf(0, 0);
  watch_.Look(figures);
  const auto begin = std::chrono::steady_clock::now();
  const uint64_t ticks = Ticks();
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  figures.steps[3].stats.ticks = (Ticks() - ticks) / 2;
  figures.steps[3].blocked = (Ticks() - ticks) / 4;
  EXPECT_FALSE(watch_.IsDue()) << "it was looked at less than 200 ms ago";
  watch_.Look(figures);
  const StepStatus step = watch_.Latest().steps[2];
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  EXPECT_NEAR(step.busy_seconds, seconds / 2, seconds / 5);
  EXPECT_NEAR(step.blocked_seconds, seconds / 4, seconds / 10);
  EXPECT_NEAR(step.busy_seconds + step.blocked_seconds + step.idle_seconds, 2 * seconds, seconds);
}

TEST_F(JobWatchTest, SeesCheckpoints) {
  struct Kept final : StreamCheckpoints {
    bool IsDue() override { return true; }
    bool Keep(std::string, std::vector<StepKeys>) override { return true; }
    bool IsSafe(bool waits) override { return waits; }
  } kept;
  WatchedCheckpoints watched(&kept, 41, &watch_);
  EXPECT_TRUE(watched.IsDue());
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  std::vector<StepKeys> keys(1);
  keys[0].keys = "changes";
  EXPECT_TRUE(watched.Keep("state", std::move(keys)));
  EXPECT_FALSE(watched.IsSafe(false));
  watch_.Look(FiguresOf(0, 0));
  EXPECT_FALSE(watch_.Latest().checkpoint.has_value());
  EXPECT_TRUE(watched.IsSafe(true));
  watch_.Look(FiguresOf(0, 0));
  const JobStatus status = watch_.Latest();
  EXPECT_EQ(status.checkpoints, 1);
  ASSERT_TRUE(status.checkpoint.has_value());
  EXPECT_EQ(status.checkpoint->number, 42);
  EXPECT_EQ(status.checkpoint->bytes, 12);
  EXPECT_GE(status.checkpoint->took, Duration::Millis(20));
}

}  // namespace
}  // namespace joist
