// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// WindowGroups against NaiveGrouping, on random scripts. JOIST_TEST_SEEDS=1000000 in the
// environment tries as many; each failure prints its seed.

#include "joist/model/window_groups.h"

#include <algorithm>
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

/// What differs after which event; nothing if nothing does. Bundles come in batches of `batch`
/// elements. With `restores` everything is forgotten but some bytes after each third event or so.
std::string DifferenceOn(const Script& script, size_t batch, bool restores = false) {
  Random random(script.events.size());
  NaiveGrouping naive(script.strategy);
  GroupedValues fast(script.strategy);
  std::string told = script.strategy.ToString();
  Timestamp processing_time = Timestamp::Min();
  for (const Script::Event& event : script.events) {
    told += "\n  " + TextOf(event);
    std::vector<Pane> expected;
    std::vector<Pane> found;
    const Timestamp held = naive.output_watermark();
    const Timestamp next = fast.groups().next_processing_time();
    if (next <= processing_time) return told + "\n  there is no next processing time";
    switch (event.kind) {
      case Kind::kElements:
        expected = naive.Add(event.elements, batch);
        found = fast.Add(event.elements, batch);
        break;
      case Kind::kWatermark:
        expected = naive.AdvanceWatermark(event.time);
        found = fast.AdvanceWatermark(event.time);
        break;
      case Kind::kProcessingTime:
        expected = naive.AdvanceProcessingTime(event.time);
        found = fast.AdvanceProcessingTime(event.time);
        if (processing_time < event.time && event.time < next &&
            (!expected.empty() || naive.output_watermark() != held)) {
          return told + "\n  came before the next processing time, " + next.ToString();
        }
        processing_time = event.time;
    }
    expected = Sorted(std::move(expected));
    found = Sorted(std::move(found));
    told += TextOfAll(expected);
    if (!std::equal(expected.begin(), expected.end(), found.begin(), found.end(), Same)) {
      return told + "\n  but found" + TextOfAll(found);
    }
    if (restores && random.OneIn(3)) {
      told += "\n  restored";
      if (!fast.SaveAndRestore()) return told + "\n  which failed";
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

size_t BatchOf(uint64_t seed) { return seed % 2 == 0 ? SIZE_MAX : 1 + seed / 2 % 8; }

TEST(WindowGroups, GivesThePanesOfNaiveGrouping) {
  for (uint64_t seed = 1; seed <= Scripts(); ++seed) {
    const std::string difference = DifferenceOn(RandomScript(seed), BatchOf(seed));
    ASSERT_EQ(difference, "") << "seed " << seed << ": " << difference;
  }
}

// Queues that are cleared of what means nothing any more, keys with many windows.
TEST(WindowGroups, GivesThePanesOfNaiveGroupingOnLargeScripts) {
  for (uint64_t seed = 1; seed <= std::max<uint64_t>(200, Scripts() / 500); ++seed) {
    const std::string difference = DifferenceOn(RandomScript(seed, 50), BatchOf(seed));
    ASSERT_EQ(difference, "") << "seed " << seed << ": " << difference;
  }
}

TEST(WindowGroups, GoesOnFromBytes) {
  for (uint64_t seed = 1; seed <= Scripts() / 2; ++seed) {
    const std::string difference =
        DifferenceOn(RandomScript(seed), BatchOf(seed), /*restores=*/true);
    ASSERT_EQ(difference, "") << "seed " << seed << ": " << difference;
  }
  for (uint64_t seed = 1; seed <= 50; ++seed) {
    const std::string difference =
        DifferenceOn(RandomScript(seed, 50), BatchOf(seed), /*restores=*/true);
    ASSERT_EQ(difference, "") << "seed " << seed << ": " << difference;
  }
}

/// A script of one key, in seconds; ends with the watermark's end.
class OneKey {
 public:
  explicit OneKey(const Trigger& trigger,
                  ClosingBehavior closing = ClosingBehavior::kEmitIfNonempty) {
    script_.strategy.window_fn = WindowFn::Sessions(Duration::Seconds(10));
    script_.strategy.trigger = trigger;
    script_.strategy.allowed_lateness = Duration::Seconds(100);
    script_.strategy.on_time_behavior = OnTimeBehavior::kFireIfNonempty;
    script_.strategy.closing_behavior = closing;
  }
  OneKey& Add(const std::vector<int64_t>& seconds) {
    std::vector<NaiveGrouping::Element> elements;
    for (const int64_t second : seconds) {
      script_.elements.push_back({"a", std::ssize(script_.elements), Timestamp::Seconds(second)});
      elements.push_back(script_.elements.back());
    }
    script_.events.push_back({Kind::kElements, elements, {}});
    return *this;
  }
  OneKey& ProcessingTime(int64_t second) {
    script_.events.push_back({Kind::kProcessingTime, {}, Timestamp::Seconds(second)});
    return *this;
  }
  Script End() {
    script_.events.push_back({Kind::kWatermark, {}, Timestamp::Max()});
    return script_;
  }

 private:
  Script script_;
};

// What merges into a closed session stays until that expires, though its first timer has gone with
// the session that it has become part of.
TEST(WindowGroups, WhatMergesIntoAClosedSessionIsNotLost) {
  // [0, 15) closes; opens again, as part of [0, 24) which closes; opens a third time.
  const Script script = OneKey(Trigger::AfterCount(2))
                            .Add({0, 5})
                            .Add({0})
                            .Add({5})
                            .Add({14})
                            .Add({0})
                            .Add({5})
                            .End();
  EXPECT_EQ(DifferenceOn(script, SIZE_MAX), "");
  NaiveGrouping naive(script.strategy);
  size_t values = 0;
  for (const Script::Event& event : script.events) {
    const auto panes = event.kind == Kind::kElements ? naive.Add(event.elements)
                                                     : naive.AdvanceWatermark(event.time);
    for (const Pane& pane : panes) values += pane.values.size();
  }
  EXPECT_EQ(naive.dropped_closed(), 2);
  EXPECT_EQ(values + 2, script.elements.size());
}

TEST(WindowGroups, KnowsAGroupUntilItsWindowExpires) {
  GroupedValues fast(OneKey(Trigger::Default()).End().strategy);
  EXPECT_EQ(fast.groups().known_groups(), 0u);
  fast.Add({{"a", 1, Timestamp::Seconds(0)}, {"b", 2, Timestamp::Seconds(0)}});
  EXPECT_EQ(fast.groups().known_groups(), 2u);
  fast.AdvanceWatermark(Timestamp::Max());
  EXPECT_EQ(fast.groups().known_groups(), 0u);
}

// The element that makes sessions into a closed one is dropped, so all that is known of the result
// comes from them.
TEST(WindowGroups, AClosedSessionIsWhatMergesIntoIt) {
  const Trigger twos =
      Trigger::OrFinally(Trigger::Repeatedly(Trigger::AfterCount(2)), Trigger::AfterCount(4));
  // One of the two has fired all that it has.
  EXPECT_EQ(DifferenceOn(OneKey(twos).Add({0, 9, 9, 18}).Add({0, 0}).Add({18}).Add({9}).End(), 9),
            "");
  EXPECT_EQ(DifferenceOn(OneKey(twos).Add({0, 9, 9, 18}).Add({0}).Add({18, 18}).Add({9}).End(), 9),
            "");
  // The one in the middle came in the same bundle.
  EXPECT_EQ(
      DifferenceOn(
          OneKey(twos).Add({0, 9, 18, 27, 28}).Add({0}).Add({28}).Add({100, 14, 7, 21}).End(), 2),
      "");
  // The later session's delay is over first.
  const Trigger delay = Trigger::AfterFirst(
      {Trigger::AfterCount(3), Trigger::AfterProcessingTime(Duration::Seconds(5))});
  EXPECT_EQ(DifferenceOn(OneKey(delay)
                             .ProcessingTime(0)
                             .Add({0, 9, 18})
                             .Add({18})
                             .ProcessingTime(2)
                             .Add({0})
                             .Add({9})
                             .ProcessingTime(6)
                             .End(),
                         9),
            "");
}

TEST(WindowGroups, ADelayThatIsOverWaitsForTheRest) {
  const auto after = [](int64_t seconds) {
    return Trigger::AfterProcessingTime(Duration::Seconds(seconds));
  };
  EXPECT_EQ(DifferenceOn(OneKey(Trigger::AfterAll({after(3), after(5)}))
                             .ProcessingTime(0)
                             .Add({0})
                             .ProcessingTime(5)
                             .ProcessingTime(6)
                             .End(),
                         9),
            "");
  // Two sessions that are over become one that has enough, by an element that is dropped.
  EXPECT_EQ(DifferenceOn(OneKey(Trigger::AfterAll({Trigger::AfterCount(2), after(1)}))
                             .ProcessingTime(0)
                             .Add({0, 9, 18})
                             .ProcessingTime(2)
                             .Add({0})
                             .Add({18})
                             .ProcessingTime(10)
                             .Add({9})
                             .ProcessingTime(11)
                             .End(),
                         9),
            "");
}

// Always could fire at any time, but is asked only when a delay that goes on is over.
TEST(WindowGroups, ADelayThatIsOverNoMoreFiresNothing) {
  const auto after = [](int64_t seconds) {
    return Trigger::AfterProcessingTime(Duration::Seconds(seconds));
  };
  const Trigger once_and_again =
      Trigger::AfterEach({Trigger::AfterFirst({Trigger::AfterCount(2), after(5)}),
                          Trigger::AfterAll({Trigger::Always()})});
  for (const Trigger& trigger :
       {once_and_again, Trigger::OrFinally(once_and_again, Trigger::AfterAll({after(6)}))}) {
    const Script script = OneKey(trigger, ClosingBehavior::kEmitAlways)
                              .ProcessingTime(0)
                              .Add({0})
                              .Add({0})
                              .ProcessingTime(6)
                              .ProcessingTime(7)
                              .End();
    EXPECT_EQ(DifferenceOn(script, 9), "");
  }
}

TEST(WindowGroupsDeathTest, ClocksMoveOnBetweenBundles) {
  WindowingStrategy strategy;
  GroupedValues values(strategy);
  values.AdvanceWatermark(Timestamp::Millis(5));
  EXPECT_DEATH(values.AdvanceWatermark(Timestamp::Millis(4)), "");
  values.AdvanceProcessingTime(Timestamp::Millis(5));
  EXPECT_DEATH(values.AdvanceProcessingTime(Timestamp::Millis(4)), "");

  WindowGroups groups(strategy, /*owner=*/nullptr);
  const uint32_t key = 0;
  const Timestamp timestamp;
  const Window window = Window::Global();
  uint32_t group = 0;
  groups.Place({&key, 1}, {&timestamp, 1}, {&window, 1}, &group);
  EXPECT_DEATH(groups.AdvanceWatermark(Timestamp::Millis(0)), "");
  EXPECT_DEATH(groups.AdvanceProcessingTime(Timestamp::Millis(0)), "");
  groups.Settle();
  groups.AdvanceWatermark(Timestamp::Millis(0));
}

}  // namespace
}  // namespace joist
