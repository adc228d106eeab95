// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Windows, window functions, triggers and strategies.

#include "joist/model/windowing.h"

#include <random>
#include <set>

#include <gtest/gtest.h>

#include "joist/model/pane.h"

namespace joist {
namespace {

std::vector<Window> Assigned(const WindowFn& fn, int64_t millis) {
  std::vector<Window> windows;
  AssignWindows(fn, Timestamp{millis}, [&windows](const Window& w) { windows.push_back(w); });
  return windows;
}

TEST(Window, GlobalWindowIsBeams) {
  EXPECT_EQ(Window::Global().max_timestamp().millis, 9223371950454775);
  EXPECT_EQ(Window::Global().max_timestamp(), Timestamp::Max() - Duration::Days(1));
  EXPECT_TRUE(Window::Global().is_global());
  EXPECT_EQ(Window::Global().ToString(), "global");
  static_assert(sizeof(Window) == 16);
}

TEST(Window, MaxTimestampIsTheEndMinusOneMillisecond) {
  const Window window{{0}, {60'000}};
  EXPECT_EQ(window.max_timestamp(), Timestamp{59'999});
  EXPECT_TRUE(window.Contains({0}));
  EXPECT_TRUE(window.Contains(window.max_timestamp()));
  EXPECT_FALSE(window.Contains(window.end));
  EXPECT_EQ(window.ToString(), "[1970-01-01T00:00:00.000Z, 1970-01-01T00:01:00.000Z)");
}

TEST(Window, OrderedAsTheyClose) {
  EXPECT_LT((Window{{5}, {6}}), (Window{{0}, {7}}));
  EXPECT_LT((Window{{0}, {7}}), (Window{{1}, {7}}));
  EXPECT_LT((Window{{0}, {7}}), Window::Global());
  EXPECT_TRUE((Window{{0}, {7}}).Intersects({{6}, {8}}));
  EXPECT_FALSE((Window{{0}, {7}}).Intersects({{7}, {8}}));
  EXPECT_NE(HashWindow({{0}, {7}}), HashWindow({{7}, {0}}));
}

TEST(FixedWindows, Assign) {
  const WindowFn fn = WindowFn::Fixed(Duration::Millis(10));
  EXPECT_EQ(Assigned(fn, 0), (std::vector<Window>{{{0}, {10}}}));
  EXPECT_EQ(Assigned(fn, 9), (std::vector<Window>{{{0}, {10}}}));
  EXPECT_EQ(Assigned(fn, 10), (std::vector<Window>{{{10}, {20}}}));
  EXPECT_EQ(Assigned(fn, -1), (std::vector<Window>{{{-10}, {0}}}));
  const WindowFn shifted = WindowFn::Fixed(Duration::Millis(10), Duration::Millis(5));
  EXPECT_EQ(Assigned(shifted, 4), (std::vector<Window>{{{-5}, {5}}}));
  EXPECT_EQ(Assigned(shifted, 5), (std::vector<Window>{{{5}, {15}}}));
}

TEST(SlidingWindows, AssignLatestFirst) {
  const WindowFn fn = WindowFn::Sliding(Duration::Millis(10), Duration::Millis(5));
  EXPECT_EQ(Assigned(fn, 12), (std::vector<Window>{{{10}, {20}}, {{5}, {15}}}));
  EXPECT_EQ(Assigned(fn, -1), (std::vector<Window>{{{-5}, {5}}, {{-10}, {0}}}));
  const WindowFn gaps = WindowFn::Sliding(Duration::Millis(3), Duration::Millis(10));
  EXPECT_EQ(Assigned(gaps, 12), (std::vector<Window>{{{10}, {13}}}));
  EXPECT_TRUE(Assigned(gaps, 13).empty());
}

TEST(Sessions, OpenAWindowOfTheirGap) {
  EXPECT_EQ(Assigned(WindowFn::Sessions(Duration::Millis(10)), 7),
            (std::vector<Window>{{{7}, {17}}}));
  EXPECT_TRUE(WindowFn::Sessions(Duration::Millis(10)).is_merging());
}

TEST(WindowFns, StayWithinTime) {
  for (const WindowFn& fn :
       {WindowFn::Global(), WindowFn::Fixed(Duration::Days(400'000)),
        WindowFn::Sliding(Duration::Days(10), Duration::Days(3)),
        WindowFn::Sessions(Duration::Max()), WindowFn::Sliding(Duration::Max(), Duration::Max()),
        WindowFn::Sliding(Duration::Max(), Duration{INT64_MAX / 3}),
        WindowFn::Fixed(Duration::Max())}) {
    for (const Timestamp t : {Timestamp::Min(), Timestamp::Max(), Timestamp{},
                              Window::Global().max_timestamp(), Window::Global().end}) {
      int count = 0;
      AssignWindows(fn, t, [&](const Window& w) {
        ++count;
        EXPECT_LT(w.start, w.end) << fn.ToString() << " " << w.ToString();
        EXPECT_GE(w.start, Timestamp::Min());
        EXPECT_LE(w.end, Window::Global().end);
      });
      EXPECT_GE(count, 1);
    }
  }
}

// The definition, tried out on every window there could be.
TEST(WindowFns, AgreeWithANaiveOracle) {
  std::mt19937 random(7);
  for (int i = 0; i < 2000; ++i) {
    const int64_t size = 1 + random() % 20;
    const int64_t period = 1 + random() % 20;
    const int64_t offset = random() % period;
    const int64_t t = static_cast<int64_t>(random() % 200) - 100;
    std::set<Window> expected;
    for (int64_t start = -200; start <= 200; ++start) {
      if (FloorMod(start - offset, period) == 0 && start <= t && t < start + size) {
        expected.insert(Window{{start}, {start + size}});
      }
    }
    const std::vector<Window> got = Assigned(WindowFn::Sliding({size}, {period}, {offset}), t);
    EXPECT_EQ(std::set<Window>(got.begin(), got.end()), expected);
    EXPECT_EQ(got.size(), expected.size());
    if (size == period) {
      EXPECT_EQ(Assigned(WindowFn::Fixed({size}, {offset}), t), got);
    }
  }
}

TEST(SideInputWindow, IsThatOfTheLastMoment) {
  const Window main{{0}, {20}};
  EXPECT_EQ(SideInputWindow(WindowFn::Global(), main), Window::Global());
  EXPECT_EQ(SideInputWindow(WindowFn::Fixed({7}), main), (Window{{14}, {21}}));
  EXPECT_EQ(SideInputWindow(WindowFn::Sliding({10}, {5}), main), (Window{{10}, {20}}));
}

TEST(WindowFns, ValidateAndPrint) {
  EXPECT_TRUE(WindowFn::Global().Validate().ok());
  EXPECT_EQ(WindowFn::Fixed(Duration::Minutes(1)).ToString(), "FixedWindows(1m)");
  EXPECT_EQ(WindowFn::Sliding(Duration::Minutes(10), Duration::Minutes(1), Duration::Seconds(5))
                .ToString(),
            "SlidingWindows(10m every 1m after 5s)");
  EXPECT_EQ(WindowFn::Fixed({}).Validate().message(),
            "the size of FixedWindows(0s) must be positive");
  EXPECT_FALSE(WindowFn::Sliding({5}, {}).Validate().ok());
  EXPECT_FALSE(WindowFn::Sessions({-1}).Validate().ok());
  EXPECT_EQ(WindowFn::Fixed({10}, {10}).Validate().message(),
            "the offset of FixedWindows(10ms after 10ms) must be at least 0 and less than 10ms");
}

TEST(Triggers, ValidateAndPrint) {
  const Trigger trigger = Trigger::Repeatedly(Trigger::AfterFirst(
      {Trigger::AfterCount(100), Trigger::AfterProcessingTime(Duration::Minutes(1))}));
  EXPECT_TRUE(trigger.Validate().ok());
  EXPECT_EQ(trigger.ToString(), "Repeatedly(AfterFirst(AfterCount(100), AfterProcessingTime(1m)))");
  EXPECT_EQ(trigger, Trigger(trigger));
  EXPECT_NE(trigger, Trigger::Default());
  EXPECT_EQ(Trigger::AfterWatermark(Trigger::AfterCount(1), Trigger::Never()).ToString(),
            "AfterWatermark(early AfterCount(1))");
  EXPECT_FALSE(Trigger::AfterCount(0).Validate().ok());
  EXPECT_FALSE(Trigger::AfterAll({}).Validate().ok());
  EXPECT_FALSE(Trigger::Repeatedly(Trigger::AfterCount(-1)).Validate().ok());
}

TEST(WindowingStrategy, DefaultsAreBeams) {
  const WindowingStrategy strategy;
  EXPECT_TRUE(strategy.window_fn.is_global());
  EXPECT_EQ(strategy.trigger, Trigger::Default());
  EXPECT_EQ(strategy.accumulation_mode, AccumulationMode::kDiscarding);
  EXPECT_EQ(strategy.allowed_lateness, Duration::Zero());
  EXPECT_EQ(strategy.timestamp_combiner, TimestampCombiner::kEndOfWindow);
  EXPECT_EQ(strategy.closing_behavior, ClosingBehavior::kEmitIfNonempty);
  EXPECT_EQ(strategy.on_time_behavior, OnTimeBehavior::kFireAlways);
  EXPECT_EQ(strategy.ToString(), "GlobalWindows");
  WindowingStrategy other = strategy;
  other.window_fn = WindowFn::Fixed(Duration::Minutes(1));
  other.accumulation_mode = AccumulationMode::kAccumulating;
  EXPECT_NE(other, strategy);
  EXPECT_EQ(other.ToString(), "FixedWindows(1m), accumulating");
  other.allowed_lateness = {-1};
  EXPECT_FALSE(other.Validate().ok());
}

TEST(PaneInfo, Prints) {
  EXPECT_EQ(PaneInfo().ToString(), "NO_FIRING");
  EXPECT_EQ(PaneInfo::OnTimeAndOnly().ToString(), "ON_TIME pane 0, first, last");
  EXPECT_EQ((PaneInfo{PaneTiming::kEarly, false, false, 3, -1}).ToString(),
            "EARLY pane 3 (on time -1)");
}

}  // namespace
}  // namespace joist
