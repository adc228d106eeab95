// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Bounded groupings by windows of every kind against NaiveGrouping: slices of sliding windows,
// sessions, timestamps of results, windows in great number; in memory and on disk.

#include <algorithm>
#include <atomic>
#include <numeric>
#include <random>
#include <string>
#include <tuple>
#include <vector>

#include <gtest/gtest.h>

#include "joist/exec/combine.h"
#include "joist/exec/group_by_key.h"
#include "joist/exec/hand_batches.h"
#include "joist/exec/window_into.h"
#include "joist/model/naive_grouping.h"
#include "joist/model/random_scripts.h"

namespace joist {
namespace {

using Pair = KV<std::string, int64_t>;
using Element = NaiveGrouping::Element;

/// Key, window, timestamp, pane, values in order.
using Pane = std::tuple<std::string, Window, Timestamp, std::string, std::vector<int64_t>>;

Pane PaneOf(const std::string& key, const Window& window, Timestamp t, const PaneInfo& info,
            std::vector<int64_t> values) {
  std::sort(values.begin(), values.end());
  return {key, window, t, info.ToString(), std::move(values)};
}

std::string TextOf(const Pane& pane) {
  const auto& [key, window, t, info, values] = pane;
  std::string text = key + " " + window.ToString() + " at " + t.ToString() + " " + info;
  for (const int64_t value : values) text += " " + std::to_string(value);
  return text;
}

std::vector<Pane> ByOracle(const WindowingStrategy& strategy,
                           const std::vector<Element>& elements) {
  NaiveGrouping oracle(strategy);
  std::vector<Pane> panes;
  const auto take = [&](const std::vector<NaiveGrouping::Pane>& some) {
    for (const auto& pane : some) {
      panes.push_back(PaneOf(pane.key, pane.window, pane.timestamp, pane.info, pane.values));
    }
  };
  take(oracle.Add(elements));
  take(oracle.AdvanceWatermark(Timestamp::Max()));
  std::sort(panes.begin(), panes.end());
  return panes;
}

/// Pushes elements through WindowInto into sinks of `breaker`, batches in random sizes, and reads
/// what comes out into `collector`.
template <class Collect>
void RunBreaker(Breaker* breaker, const WindowingStrategy& strategy,
                const std::vector<Element>& elements, int inputs, std::mt19937* random,
                MemoryBudget* memory, Collect* collector) {
  StepStats stats;
  OperatorContext context;
  context.step = "Step";
  context.stats = &stats;
  context.memory = memory;
  if (memory != nullptr) context.memory_bytes = memory->sink_part(1);
  WindowingChange change;
  change.window_fn = strategy.window_fn;
  const WindowIntoStep<Pair> window_into(change);
  struct Share {
    std::unique_ptr<Operator> sink;
    std::vector<std::unique_ptr<Operator>> assigns;
  };
  std::vector<Share> shares(2);
  for (Share& share : shares) {
    share.sink = breaker->MakeSink(context);
    for (int input = 0; input < inputs; ++input) {
      share.assigns.push_back(window_into.MakeOperator(context));
      share.assigns.back()->Connect(0, share.sink->input(input));
    }
  }
  for (size_t at = 0; at < elements.size();) {
    const size_t count = std::min<size_t>(elements.size() - at, 1 + (*random)() % 300);
    std::vector<HandElement<Pair>> batch;
    for (size_t i = at; i < at + count; ++i) {
      batch.push_back({{elements[i].key, elements[i].value}, elements[i].timestamp});
    }
    Share& share = shares[(*random)() % shares.size()];
    auto& assign = share.assigns[(*random)() % share.assigns.size()];
    PushByHand<Pair>(batch, static_cast<BatchReceiver<Pair>*>(assign->input(0)));
    at += count;
  }
  for (Share& share : shares) {
    share.sink->Finish();
    breaker->Commit(*share.sink);
  }
  shares.clear();
  breaker->Seal(2);
  const std::shared_ptr<Source> source = breaker->MakeOutput();
  const std::atomic<bool> cancelled{false};
  const auto ranges = source->Split(2);
  ASSERT_TRUE(ranges.ok());
  for (const SourceRange& range : *ranges) {
    RangeTracker tracker(range, &cancelled);
    const auto reader = source->MakeReader(context);
    reader->Connect(collector);
    reader->Read(tracker);
  }
}

std::vector<int64_t> ValuesOf(const Iterable<int64_t>& values) {
  std::vector<int64_t> list;
  for (const int64_t value : values) list.push_back(value);
  return list;
}
/// Those of both collections.
std::vector<int64_t> ValuesOf(const CoGbkResult<int64_t, int64_t>& values) {
  std::vector<int64_t> list = ValuesOf(values.Get<0>());
  for (const int64_t value : values.Get<1>()) list.push_back(value);
  return list;
}
/// Of a sum: the values cannot be told any more.
std::vector<int64_t> ValuesOf(int64_t sum) { return {sum}; }

template <class Out>
struct PaneCollector : BatchReceiver<KV<std::string, Out>> {
  std::vector<Pane> panes;
  void Push(const Batch<KV<std::string, Out>>& batch) override {
    for (size_t i = 0; i < batch.count; ++i) {
      panes.push_back(PaneOf(std::string(batch[i].key), batch.window(i), batch.timestamp(i),
                             batch.pane(i), ValuesOf(batch[i].value)));
    }
  }
};

struct AddUp {
  int64_t CreateAccumulator() const { return 0; }
  void AddInput(int64_t& to, int64_t value) const { to += value; }
  void MergeAccumulators(int64_t& to, const int64_t& from) const { to += from; }
  int64_t ExtractOutput(const int64_t& from) const { return from; }
};

/// The same with an accumulator of plain bytes that is no word, and with one that isn't plain.
struct AddUpWide {
  struct Accumulator {
    int64_t parts[3] = {0, 0, 0};
  };
  Accumulator CreateAccumulator() const { return {}; }
  void AddInput(Accumulator& to, int64_t value) const { to.parts[value % 3] += value; }
  void MergeAccumulators(Accumulator& to, const Accumulator& from) const {
    for (size_t i = 0; i < 3; ++i) to.parts[i] += from.parts[i];
  }
  int64_t ExtractOutput(const Accumulator& from) const {
    return from.parts[0] + from.parts[1] + from.parts[2];
  }
};
struct AddUpList {
  std::vector<int64_t> CreateAccumulator() const { return {}; }
  void AddInput(std::vector<int64_t>& to, int64_t value) const { to.push_back(value); }
  void MergeAccumulators(std::vector<int64_t>& to, const std::vector<int64_t>& from) const {
    to.insert(to.end(), from.begin(), from.end());
  }
  int64_t ExtractOutput(const std::vector<int64_t>& from) const {
    return std::accumulate(from.begin(), from.end(), int64_t{0});
  }
};

void Check(const WindowingStrategy& strategy, const std::vector<Element>& elements, unsigned seed,
           MemoryBudget* memory) {
  const std::string what = strategy.ToString() + " seed " + std::to_string(seed);
  std::mt19937 random(seed);
  std::vector<Pane> expected = ByOracle(strategy, elements);
  const BreakerContext context{"Step", memory, &strategy};
  const auto check = [&](auto collector, int inputs, Breaker* breaker) {
    RunBreaker(breaker, strategy, elements, inputs, &random, memory, &collector);
    std::sort(collector.panes.begin(), collector.panes.end());
    ASSERT_EQ(collector.panes.size(), expected.size()) << what;
    for (size_t i = 0; i < expected.size(); ++i) {
      ASSERT_TRUE(collector.panes[i] == expected[i]) << what << "\n"
                                                     << TextOf(collector.panes[i]) << "\n"
                                                     << TextOf(expected[i]);
    }
  };
  GroupByKeyBreaker<std::string, int64_t> group(context);
  check(PaneCollector<Iterable<int64_t>>(), 1, &group);
  GroupByKeyBreaker<std::string, int64_t, int64_t> co_group(context);
  check(PaneCollector<CoGbkResult<int64_t, int64_t>>(), 2, &co_group);
  for (Pane& pane : expected) {
    auto& values = std::get<4>(pane);
    values = {std::accumulate(values.begin(), values.end(), int64_t{0})};
  }
  std::sort(expected.begin(), expected.end());
  const CombineStep<std::string, int64_t, AddUp> combine{AddUp()};
  check(PaneCollector<int64_t>(), 1, combine.MakeBreaker(context).get());
  const CombineStep<std::string, int64_t, AddUpWide> wide{AddUpWide()};
  check(PaneCollector<int64_t>(), 1, wide.MakeBreaker(context).get());
  const CombineStep<std::string, int64_t, AddUpList> list{AddUpList()};
  check(PaneCollector<int64_t>(), 1, list.MakeBreaker(context).get());
}

std::vector<Element> RandomElements(size_t count, int64_t keys, int64_t seconds,
                                    std::mt19937* random) {
  std::vector<Element> elements;
  const bool in_order = (*random)() % 2 == 0;
  for (size_t i = 0; i < count; ++i) {
    int64_t millis = static_cast<int64_t>((*random)()) % (seconds * 1000);
    if (in_order) millis = seconds * 1000 * static_cast<int64_t>(i) / static_cast<int64_t>(count);
    if ((*random)() % 4 == 0) millis = millis / 1000 * 1000;  // At the boundaries of windows.
    elements.push_back({"key" + std::to_string(static_cast<int64_t>((*random)()) % keys),
                        static_cast<int64_t>(i), Timestamp::Millis(millis - 5000)});
  }
  return elements;
}

WindowFn RandomWindows(std::mt19937* random) {
  const auto seconds = [&](int64_t below) {
    return Duration::Seconds(1 + static_cast<int64_t>((*random)()) % below);
  };
  switch ((*random)() % 6) {
    case 0: return WindowFn::Global();
    case 1: {
      const Duration size = seconds(20);
      return WindowFn::Fixed(size, {static_cast<int64_t>((*random)()) % size.millis});
    }
    case 2: {
      const Duration period = seconds(8);
      return WindowFn::Sliding(seconds(20), period,
                               {static_cast<int64_t>((*random)()) % period.millis / 500 * 500});
    }
    case 3: return CustomWindows(ShortTakesLong());
    case 4: return CustomWindows(CappedSessions());
    default: return WindowFn::Sessions(seconds(10));
  }
}

TEST(WindowedGrouping, AsTheOracle) {
  for (unsigned seed = 0; seed < 400; ++seed) {
    std::mt19937 random(seed);
    WindowingStrategy strategy;
    strategy.window_fn = RandomWindows(&random);
    strategy.timestamp_combiner = static_cast<TimestampCombiner>(random() % 3);
    const auto elements = RandomElements(1 + random() % 500, 1 + random() % 30, 60, &random);
    Check(strategy, elements, seed, nullptr);
    if (HasFatalFailure()) return;
  }
}

TEST(WindowedGrouping, OnDisk) {
  for (unsigned seed = 0; seed < 14; ++seed) {
    std::mt19937 random(seed);
    WindowingStrategy strategy;
    strategy.window_fn = seed >= 12      ? CustomWindows(CappedSessions())
                         : seed % 3 == 0 ? WindowFn::Sessions(Duration::Millis(300))
                         : seed % 3 == 1
                             ? WindowFn::Sliding(Duration::Seconds(9), Duration::Seconds(3))
                             : WindowFn::Fixed(Duration::Seconds(10));
    strategy.timestamp_combiner = static_cast<TimestampCombiner>(seed / 3 % 3);
    // The fewest keys are too large for a reader and go to files of their own.
    const int64_t keys = seed < 6 ? 500 : 3;
    const auto elements = RandomElements(20'000, keys, 60, &random);
    MemoryBudget memory(int64_t{1} << 18, 2, testing::TempDir());
    Check(strategy, elements, seed, &memory);
    if (HasFatalFailure()) return;
    EXPECT_EQ(memory.held_bytes(), 0);
    EXPECT_GT(memory.spilled_bytes(), 0);
  }
}

// More windows than a share keeps apart.
TEST(WindowedGrouping, ManyWindows) {
  for (unsigned seed = 0; seed < 6; ++seed) {
    std::mt19937 random(seed);
    WindowingStrategy strategy;
    strategy.window_fn = seed % 2 == 0
                             ? WindowFn::Fixed(Duration::Seconds(1))
                             : WindowFn::Sliding(Duration::Seconds(3), Duration::Seconds(1));
    const auto elements = RandomElements(20'000, 5, 1000, &random);
    Check(strategy, elements, seed, nullptr);
    if (HasFatalFailure()) return;
  }
}

// At the ends of time windows are cut.
TEST(WindowedGrouping, AtTheEndsOfTime) {
  std::vector<Element> elements;
  for (const Timestamp t : {Timestamp::Min(), Timestamp::Min() + Duration::Seconds(4),
                            Window::Global().max_timestamp(), Timestamp::Max()}) {
    elements.push_back({"key", static_cast<int64_t>(elements.size()), t});
  }
  for (const WindowFn& fn : {WindowFn::Global(), WindowFn::Fixed(Duration::Seconds(10)),
                             WindowFn::Sliding(Duration::Seconds(10), Duration::Seconds(5)),
                             WindowFn::Sliding(Duration::Seconds(9), Duration::Seconds(6)),
                             WindowFn::Sessions(Duration::Seconds(10))}) {
    WindowingStrategy strategy;
    strategy.window_fn = fn;
    Check(strategy, elements, 0, nullptr);
    if (HasFatalFailure()) return;
  }
}

}  // namespace
}  // namespace joist
