// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// What holds of every script and strategy, on random ones.

#include "joist/model/naive_grouping.h"

#include <map>
#include <set>

#include <gtest/gtest.h>

#include "joist/model/random_scripts.h"

namespace joist {
namespace {

/// What the script of a seed gave.
struct Outcome {
  Script script;
  std::vector<NaiveGrouping::Pane> panes;
  int64_t dropped = 0;
};

Outcome RunScript(uint64_t seed) {
  Outcome outcome;
  outcome.script = RandomScript(seed);
  NaiveGrouping grouping(outcome.script.strategy);
  const auto take = [&](std::vector<NaiveGrouping::Pane> panes) {
    for (auto& pane : panes) outcome.panes.push_back(std::move(pane));
  };
  for (const Script::Event& event : outcome.script.events) {
    switch (event.kind) {
      case Script::Event::Kind::kElements: take(grouping.Add(event.elements)); break;
      case Script::Event::Kind::kWatermark: take(grouping.AdvanceWatermark(event.time)); break;
      case Script::Event::Kind::kProcessingTime:
        take(grouping.AdvanceProcessingTime(event.time));
        break;
    }
  }
  outcome.dropped = grouping.dropped_late() + grouping.dropped_closed();
  return outcome;
}

constexpr uint64_t kScripts = 20'000;

// Every element is in a pane of each of its windows, or counted as dropped.
TEST(NaiveGrouping, NothingIsLost) {
  for (uint64_t seed = 0; seed < kScripts; ++seed) {
    const Outcome outcome = RunScript(seed);
    std::set<std::pair<int64_t, Window>> seen;
    size_t times = 0;
    for (const auto& pane : outcome.panes) {
      for (const int64_t value : pane.values) {
        ++times;
        seen.insert({value, pane.window});
        const NaiveGrouping::Element& element =
            outcome.script.elements.at(static_cast<size_t>(value));
        ASSERT_EQ(element.key, pane.key) << seed;
        if (outcome.script.strategy.window_fn.kind != WindowFn::Kind::kCustom) {
          ASSERT_TRUE(pane.window.Contains(element.timestamp)) << seed;
        }
      }
    }
    const bool accumulates =
        outcome.script.strategy.accumulation_mode == AccumulationMode::kAccumulating;
    // Accumulating sessions show an element again in the session that theirs has become.
    if (accumulates && outcome.script.strategy.window_fn.is_merging()) continue;
    if (!accumulates) {
      ASSERT_EQ(times, seen.size()) << seed;
    }
    size_t assigned = 0;
    for (const NaiveGrouping::Element& element : outcome.script.elements) {
      AssignWindows(outcome.script.strategy.window_fn, element.timestamp,
                    [&](const Window&) { ++assigned; });
    }
    ASSERT_EQ(seen.size() + static_cast<size_t>(outcome.dropped), assigned) << seed;
  }
}

// A window's panes are numbered, early before on time before late, and nothing follows the last.
TEST(NaiveGrouping, PanesAreNumbered) {
  int64_t several = 0;
  for (uint64_t seed = 0; seed < kScripts; ++seed) {
    const Outcome outcome = RunScript(seed);
    // A session may come back after it was merged away, and then begins anew. So does a window that
    // expired at the end of time and takes elements still.
    if (outcome.script.strategy.window_fn.is_merging()) continue;
    if (outcome.script.strategy.allowed_lateness > Duration::Days(1)) continue;
    std::map<std::pair<std::string, Window>, NaiveGrouping::Pane> last;
    for (const auto& pane : outcome.panes) {
      const auto [at, is_first] = last.try_emplace({pane.key, pane.window}, pane);
      ASSERT_EQ(pane.info.is_first, is_first) << seed;
      ASSERT_EQ(pane.info.on_time_index == -1, pane.info.timing == PaneTiming::kEarly) << seed;
      ASSERT_LE(pane.timestamp, pane.window.max_timestamp()) << seed;
      if (is_first) {
        ASSERT_EQ(pane.info.index, 0) << seed;
        continue;
      }
      ++several;
      const PaneInfo& before = at->second.info;
      ASSERT_EQ(pane.info.index, before.index + 1) << seed;
      ASSERT_FALSE(before.is_last) << seed;
      ASSERT_LE(before.timing, pane.info.timing) << seed;
      ASSERT_TRUE(pane.info.timing != PaneTiming::kOnTime || before.timing == PaneTiming::kEarly)
          << seed;
      if (pane.info.timing != PaneTiming::kEarly) {
        ASSERT_EQ(pane.info.on_time_index, before.on_time_index + 1) << seed;
      }
      at->second = pane;
    }
  }
  EXPECT_GT(several, 10'000);
}

}  // namespace
}  // namespace joist
