// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// What holds of every script and strategy, on random ones.

#include "joist/model/naive_grouping.h"

#include <map>
#include <random>
#include <set>

#include <gtest/gtest.h>

namespace joist {
namespace {

class Random {
 public:
  explicit Random(uint64_t seed) : bits_(seed) {}
  int64_t Below(int64_t bound) {
    return static_cast<int64_t>(bits_() % static_cast<uint64_t>(bound));
  }
  bool OneIn(int64_t n) { return Below(n) == 0; }

 private:
  std::mt19937_64 bits_;
};

Trigger RandomTrigger(Random& random, int depth) {
  const auto part = [&] { return RandomTrigger(random, depth - 1); };
  switch (random.Below(depth == 0 ? 4 : 9)) {
    case 0: return Trigger::AfterCount(1 + random.Below(4));
    case 1: return Trigger::AfterProcessingTime(Duration::Seconds(random.Below(5)));
    case 2: return Trigger::AfterWatermark();
    case 3: return Trigger::Always();
    case 4: return Trigger::Repeatedly(part());
    case 5: return Trigger::OrFinally(part(), part());
    case 6: return Trigger::AfterEach({part(), part()});
    case 7: return Trigger::AfterFirst({part(), part()});
    default: return Trigger::AfterAll({part(), part()});
  }
}

WindowingStrategy RandomStrategy(Random& random) {
  WindowingStrategy strategy;
  switch (random.Below(4)) {
    case 0: break;
    case 1: strategy.window_fn = WindowFn::Fixed(Duration::Seconds(10)); break;
    case 2:
      strategy.window_fn = WindowFn::Sliding(Duration::Seconds(10), Duration::Seconds(5));
      break;
    default: strategy.window_fn = WindowFn::Sessions(Duration::Seconds(10));
  }
  switch (random.Below(3)) {
    case 0: break;
    case 1: strategy.trigger = RandomTrigger(random, 2); break;
    default:
      strategy.trigger = Trigger::AfterWatermark(
          random.OneIn(2) ? Trigger::Never() : Trigger::AfterCount(1 + random.Below(3)),
          random.OneIn(2) ? Trigger::Never() : Trigger::AfterCount(1 + random.Below(3)));
  }
  if (random.OneIn(2)) strategy.accumulation_mode = AccumulationMode::kAccumulating;
  if (random.OneIn(2)) strategy.allowed_lateness = Duration::Seconds(random.Below(20));
  strategy.timestamp_combiner = static_cast<TimestampCombiner>(random.Below(3));
  strategy.closing_behavior = static_cast<ClosingBehavior>(random.Below(2));
  strategy.on_time_behavior = static_cast<OnTimeBehavior>(random.Below(2));
  return strategy;
}

/// What the script of a seed gave.
struct Outcome {
  WindowingStrategy strategy;
  std::map<int64_t, NaiveGrouping::Element> elements;  ///< By value, all of which differ.
  std::vector<NaiveGrouping::Pane> panes;
  int64_t dropped = 0;
};

Outcome RunScript(uint64_t seed) {
  Random random(seed);
  Outcome outcome;
  outcome.strategy = RandomStrategy(random);
  NaiveGrouping grouping(outcome.strategy);
  const auto take = [&](std::vector<NaiveGrouping::Pane> panes) {
    for (auto& pane : panes) outcome.panes.push_back(std::move(pane));
  };
  Timestamp watermark = Timestamp::Millis(0);
  Timestamp processing_time = Timestamp::Millis(0);
  for (int64_t step = 0, steps = 1 + random.Below(12); step < steps; ++step) {
    switch (random.Below(4)) {
      case 0:
        watermark = watermark + Duration::Seconds(random.Below(15));
        take(grouping.AdvanceWatermark(watermark));
        break;
      case 1:
        processing_time = processing_time + Duration::Seconds(random.Below(6));
        take(grouping.AdvanceProcessingTime(processing_time));
        break;
      default: {
        std::vector<NaiveGrouping::Element> elements(1 + static_cast<size_t>(random.Below(3)));
        for (auto& element : elements) {
          element = {random.OneIn(3) ? "b" : "a", static_cast<int64_t>(outcome.elements.size()),
                     Timestamp::Millis(0) + Duration::Seconds(random.Below(60))};
          outcome.elements[element.value] = element;
        }
        take(grouping.Add(elements));
      }
    }
  }
  take(grouping.AdvanceWatermark(Timestamp::Max()));
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
        const NaiveGrouping::Element& element = outcome.elements.at(value);
        ASSERT_EQ(element.key, pane.key) << seed;
        ASSERT_TRUE(pane.window.Contains(element.timestamp)) << seed;
      }
    }
    const bool accumulates = outcome.strategy.accumulation_mode == AccumulationMode::kAccumulating;
    // Accumulating sessions show an element again in the session that theirs has become.
    if (accumulates && outcome.strategy.window_fn.is_merging()) continue;
    if (!accumulates) {
      ASSERT_EQ(times, seen.size()) << seed;
    }
    size_t assigned = 0;
    for (const auto& [value, element] : outcome.elements) {
      AssignWindows(outcome.strategy.window_fn, element.timestamp,
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
    // A session may come back after it was merged away, and then begins anew.
    if (outcome.strategy.window_fn.is_merging()) continue;
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
