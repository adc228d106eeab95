// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Elements a second through WindowGroups, whose owner only counts: a million keys of Zipf's
// distribution, batches of 1,024 elements in the order of time, a bundle each, the watermark moving
// behind every 16th. Beside it the loop that knows of nothing but fixed windows in order.

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include <benchmark/benchmark.h>

#include "joist/model/window_groups.h"

namespace joist {
namespace {

constexpr size_t kBatch = 1024;
constexpr size_t kBundlesOfWatermark = 16;
constexpr uint32_t kKeys = 1'000'000;
constexpr size_t kElements = size_t{1} << 22;
constexpr int64_t kElementsOfSecond = 100'000;

/// Keys in the order of arrival, numbered as they are first seen.
const std::vector<uint32_t>& Keys() {
  static const std::vector<uint32_t> keys = [] {
    std::vector<double> sums(kKeys);
    double sum = 0;
    for (uint32_t i = 0; i < kKeys; ++i) sums[i] = sum += 1.0 / (i + 1);
    std::mt19937_64 random(1);
    std::uniform_real_distribution<double> below(0, sum);
    std::vector<uint32_t> numbers(kKeys, UINT32_MAX);
    uint32_t seen = 0;
    std::vector<uint32_t> keys(kElements);
    for (uint32_t& key : keys) {
      const auto at = std::lower_bound(sums.begin(), sums.end() - 1, below(random)) - sums.begin();
      uint32_t& number = numbers[static_cast<size_t>(at)];
      if (number == UINT32_MAX) number = seen++;
      key = number;
    }
    return keys;
  }();
  return keys;
}

Timestamp TimeOf(int64_t element) { return Timestamp::Millis(element * 1000 / kElementsOfSecond); }

class Counting : public WindowGroups::Owner {
 public:
  void Merge(uint32_t, std::span<const uint32_t>) override { ++merges; }
  void Fire(const WindowGroups::Firing& firing) override {
    ++panes;
    benchmark::DoNotOptimize(firing.group);
  }
  void Clear(uint32_t) override {}
  void Free(uint32_t) override {}
  void KeyIsGone(uint32_t) override {}

  int64_t panes = 0;
  int64_t merges = 0;
};

void Run(benchmark::State& state, const WindowingStrategy& strategy) {
  const std::vector<uint32_t>& keys = Keys();
  Counting owner;
  WindowGroups groups(strategy, &owner);
  std::vector<Timestamp> timestamps(kBatch);
  std::vector<Window> windows(kBatch);
  std::vector<uint32_t> places(kBatch);
  int64_t element = 0;
  size_t bundles = 0;
  for (auto _ : state) {
    for (size_t first = 0; first < kElements; first += kBatch) {
      // Assigning windows is not what is measured; one division a batch keeps it small.
      const Timestamp time = TimeOf(element);
      AssignWindows(strategy.window_fn, time, [&](const Window& window) {
        std::fill(timestamps.begin(), timestamps.end(), time);
        std::fill(windows.begin(), windows.end(), window);
      });
      groups.Place({keys.data() + first, kBatch}, timestamps, windows, places.data());
      groups.Settle();
      benchmark::DoNotOptimize(places.data());
      benchmark::ClobberMemory();
      element += kBatch;
      if (++bundles % kBundlesOfWatermark == 0) {
        groups.AdvanceProcessingTime(TimeOf(element));
        groups.AdvanceWatermark(TimeOf(element) - Duration::Millis(500));
      }
    }
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(kElements));
  state.counters["panes"] =
      static_cast<double>(owner.panes) / static_cast<double>(state.iterations());
  state.counters["merges"] =
      static_cast<double>(owner.merges) / static_cast<double>(state.iterations());
}

WindowingStrategy Fixed() {
  WindowingStrategy strategy;
  strategy.window_fn = WindowFn::Fixed(Duration::Seconds(10));
  return strategy;
}

void BM_Fixed(benchmark::State& state) { Run(state, Fixed()); }
BENCHMARK(BM_Fixed)->Unit(benchmark::kMillisecond);

void BM_FixedEarliest(benchmark::State& state) {
  WindowingStrategy strategy = Fixed();
  strategy.timestamp_combiner = TimestampCombiner::kEarliest;
  Run(state, strategy);
}
BENCHMARK(BM_FixedEarliest)->Unit(benchmark::kMillisecond);

void BM_FixedEarlyCount(benchmark::State& state) {
  WindowingStrategy strategy = Fixed();
  strategy.trigger = Trigger::AfterWatermark(Trigger::AfterCount(100), Trigger::Never());
  Run(state, strategy);
}
BENCHMARK(BM_FixedEarlyCount)->Unit(benchmark::kMillisecond);

void BM_FixedEarlyDelay(benchmark::State& state) {
  WindowingStrategy strategy = Fixed();
  strategy.trigger =
      Trigger::AfterWatermark(Trigger::AfterProcessingTime(Duration::Seconds(1)), Trigger::Never());
  Run(state, strategy);
}
BENCHMARK(BM_FixedEarlyDelay)->Unit(benchmark::kMillisecond);

void BM_Sessions(benchmark::State& state) {
  WindowingStrategy strategy;
  strategy.window_fn = WindowFn::Sessions(Duration::Seconds(10));
  Run(state, strategy);
}
BENCHMARK(BM_Sessions)->Unit(benchmark::kMillisecond);

/// What is least: one window of a key at a time, which ends when time is past it.
void BM_FixedByHand(benchmark::State& state) {
  struct OfKey {
    Timestamp end;
    uint32_t group;
  };
  const std::vector<uint32_t>& keys = Keys();
  std::vector<OfKey> of_keys(kKeys);
  std::vector<uint32_t> open;
  std::vector<uint32_t> places(kBatch);
  Counting owner;
  int64_t element = 0;
  Timestamp last;
  for (auto _ : state) {
    for (size_t first = 0; first < kElements; first += kBatch) {
      const Window window = FixedWindow(TimeOf(element), Duration::Seconds(10));
      if (window.end != last) {
        for (uint32_t i = 0; i < open.size(); ++i) {
          owner.Fire({open[i], i, window, last, PaneInfo::OnTimeAndOnly()});
        }
        open.clear();
        last = window.end;
      }
      for (size_t i = 0; i < kBatch; ++i) {
        OfKey& of = of_keys[keys[first + i]];
        if (of.end != window.end) {
          of = {window.end, static_cast<uint32_t>(open.size())};
          open.push_back(keys[first + i]);
        }
        places[i] = of.group;
      }
      benchmark::DoNotOptimize(places.data());
      benchmark::ClobberMemory();
      element += kBatch;
    }
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(kElements));
}
BENCHMARK(BM_FixedByHand)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace joist
