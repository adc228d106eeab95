// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// WindowGroups against NaiveGrouping, on random scripts. JOIST_TEST_SEEDS=1000000 in the
// environment tries as many; each failure prints its seed.

#include "joist/model/window_groups.h"

#include <cstdlib>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "joist/model/grouped_values.h"
#include "joist/model/naive_grouping.h"
#include "joist/model/random_scripts.h"

namespace joist {
namespace {

using Pane = NaiveGrouping::Pane;
using Kind = Script::Event::Kind;

uint64_t Scripts() {
  const char* wanted = getenv("JOIST_TEST_SEEDS");
  return wanted == nullptr ? 100'000 : std::stoull(wanted);
}

std::vector<Pane> Sorted(std::vector<Pane> panes) {
  for (Pane& pane : panes) std::sort(pane.values.begin(), pane.values.end());
  std::sort(panes.begin(), panes.end(), [](const Pane& a, const Pane& b) {
    return std::tie(a.key, a.window, a.info.index) < std::tie(b.key, b.window, b.info.index);
  });
  return panes;
}

bool Same(const Pane& a, const Pane& b) {
  return a.key == b.key && a.window == b.window && a.timestamp == b.timestamp &&
         a.values == b.values && a.info == b.info;
}

std::string TextOfAll(const std::vector<Pane>& panes) {
  std::string text;
  for (const Pane& pane : panes) {
    text += "\n    " + pane.key + " " + pane.window.ToString() + " at " +
            pane.timestamp.ToString() + ": " + pane.info.ToString() + ":";
    for (const int64_t value : pane.values) text += " " + std::to_string(value);
  }
  return text;
}

std::string TextOf(const Script::Event& event) {
  switch (event.kind) {
    case Kind::kWatermark: return "watermark " + event.time.ToString();
    case Kind::kProcessingTime: return "processing time " + event.time.ToString();
    default: break;
  }
  std::string text = "elements";
  for (const auto& element : event.elements) {
    text += " " + element.key + std::to_string(element.value) + "@" + element.timestamp.ToString();
  }
  return text;
}

/// What differs after which event; nothing if nothing does.
std::string DifferenceOn(const Script& script, uint64_t seed) {
  NaiveGrouping naive(script.strategy);
  GroupedValues fast(script.strategy);
  Random random(seed);
  std::string told = script.strategy.ToString();
  for (const Script::Event& event : script.events) {
    told += "\n  " + TextOf(event);
    std::vector<Pane> expected;
    std::vector<Pane> found;
    const Timestamp held = naive.output_watermark();
    const Timestamp next = fast.groups().next_processing_time();
    switch (event.kind) {
      case Kind::kElements: {
        // Where windows merge, a batch's elements fall into one window each.
        const size_t batch = random.OneIn(2) ? SIZE_MAX : 1 + static_cast<size_t>(random.Below(8));
        expected = naive.Add(event.elements, batch);
        found = fast.Add(event.elements, batch);
        break;
      }
      case Kind::kWatermark:
        expected = naive.AdvanceWatermark(event.time);
        found = fast.AdvanceWatermark(event.time);
        break;
      case Kind::kProcessingTime:
        expected = naive.AdvanceProcessingTime(event.time);
        found = fast.AdvanceProcessingTime(event.time);
        if (event.time < next && (!expected.empty() || naive.output_watermark() != held)) {
          return told + "\n  came before the next processing time, " + next.ToString();
        }
    }
    expected = Sorted(std::move(expected));
    found = Sorted(std::move(found));
    told += TextOfAll(expected);
    if (!std::equal(expected.begin(), expected.end(), found.begin(), found.end(), Same)) {
      return told + "\n  but found" + TextOfAll(found);
    }
    if (naive.output_watermark() != fast.output_watermark()) {
      return told + "\n  output watermark " + naive.output_watermark().ToString() + " but " +
             fast.output_watermark().ToString();
    }
    if (naive.dropped_late() != fast.dropped_late() ||
        naive.dropped_closed() != fast.dropped_closed()) {
      return told + "\n  dropped " + std::to_string(fast.dropped_late()) + " and " +
             std::to_string(fast.dropped_closed());
    }
  }
  return fast.empty() ? "" : told + "\n  something is left";
}

TEST(WindowGroups, GivesThePanesOfNaiveGrouping) {
  for (uint64_t seed = 1; seed <= Scripts(); ++seed) {
    const std::string difference = DifferenceOn(RandomScript(seed), seed);
    ASSERT_EQ(difference, "") << "seed " << seed << ": " << difference;
  }
}

// Queues that are cleared of what means nothing any more, keys with many windows.
TEST(WindowGroups, GivesThePanesOfNaiveGroupingOnLargeScripts) {
  for (uint64_t seed = 1; seed <= Scripts() / 500; ++seed) {
    const std::string difference = DifferenceOn(RandomScript(seed, 50), seed);
    ASSERT_EQ(difference, "") << "seed " << seed << ": " << difference;
  }
}

// Seconds of elements of one key in events of their own, then the watermark's end.
Script ScriptOf(const WindowingStrategy& strategy,
                const std::vector<std::vector<int64_t>>& bundles) {
  Script script;
  script.strategy = strategy;
  for (const auto& bundle : bundles) {
    std::vector<NaiveGrouping::Element> elements;
    for (const int64_t second : bundle) {
      script.elements.push_back({"a", std::ssize(script.elements), Timestamp::Seconds(second)});
      elements.push_back(script.elements.back());
    }
    script.events.push_back({Kind::kElements, elements, {}});
  }
  script.events.push_back({Kind::kWatermark, {}, Timestamp::Max()});
  return script;
}

// What merges into a closed session stays until that expires, though its first timer has gone with
// the session that it has become part of.
TEST(WindowGroups, WhatMergesIntoAClosedSessionIsNotLost) {
  WindowingStrategy strategy;
  strategy.window_fn = WindowFn::Sessions(Duration::Seconds(10));
  strategy.trigger = Trigger::AfterCount(2);
  strategy.allowed_lateness = Duration::Seconds(100);
  // [0, 15) closes; opens again, as part of [0, 24) which closes; opens a third time.
  const Script script = ScriptOf(strategy, {{0, 5}, {0}, {5}, {14}, {0}, {5}});
  EXPECT_EQ(DifferenceOn(script, 1), "");
  NaiveGrouping naive(strategy);
  size_t values = 0;
  for (const Script::Event& event : script.events) {
    const auto panes = event.kind == Kind::kElements ? naive.Add(event.elements)
                                                     : naive.AdvanceWatermark(event.time);
    for (const Pane& pane : panes) values += pane.values.size();
  }
  EXPECT_EQ(naive.dropped_closed(), 2);
  EXPECT_EQ(values + 2, script.elements.size());
}

}  // namespace
}  // namespace joist
