// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/exec/on_time_combine.h"

#include <gtest/gtest.h>

#include <unistd.h>

#include <filesystem>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "joist/exec/combine.h"
#include "joist/exec/exchange.h"

namespace joist {
namespace {

struct Sum {
  int64_t CreateAccumulator() const { return 0; }
  void AddInput(int64_t& to, int64_t value) const { to += value; }
  void MergeAccumulators(int64_t& to, int64_t from) const { to += from; }
  int64_t ExtractOutput(int64_t of) const { return of; }
};

/// By window and key.
template <class K>
using Sums = std::map<std::pair<Window, K>, int64_t>;

template <class K>
struct Taken final : BatchReceiver<KV<K, int64_t>> {
  void Push(const Batch<KV<K, int64_t>>& batch) override {
    for (size_t i = 0; i < batch.count; ++i) {
      const auto of = std::pair(batch.window(i), Own<K>(batch[i].key));
      EXPECT_TRUE(sums.emplace(of, batch[i].value).second) << "a window fires once";
      EXPECT_EQ(batch.timestamp(i), batch.window(i).max_timestamp());
      EXPECT_EQ(batch.pane(i), PaneInfo::OnTimeAndOnly());
    }
  }
  Sums<K> sums;
};

/// The operators of one run of a stream.
template <class K>
class Lanes {
  using Op = OnTimeCombine<K, int64_t, Sum>;

 public:
  Lanes(size_t lanes, const WindowingStrategy& windowing, MemoryBudget* memory)
      : stats_(lanes), taken_(lanes) {
    std::vector<OperatorContext> contexts(lanes);
    for (size_t lane = 0; lane < lanes; ++lane) {
      contexts[lane].stats = &stats_[lane];
      contexts[lane].windowing = &windowing;
      contexts[lane].lane = static_cast<int>(lane);
      contexts[lane].lanes = static_cast<int>(lanes);
      contexts[lane].memory = memory;
      contexts[lane].memory_bytes = memory == nullptr ? INT64_MAX : memory->sink_part(1);
    }
    operators_ = MakeLanes<Op>(contexts, Sum());
    for (size_t lane = 0; lane < lanes; ++lane) operators_[lane]->Connect(0, &taken_[lane]);
  }
  size_t size() const { return operators_.size(); }
  void Start() {
    for (const auto& op : operators_) op->Start();
  }
  void Push(size_t lane, const Batch<KV<K, int64_t>>& batch) {
    static_cast<BatchReceiver<KV<K, int64_t>>*>(operators_[lane]->input(0))->Push(batch);
  }
  void End(Timestamp watermark) {
    for (const auto& op : operators_) {
      op->Finish();
      op->AdvanceWatermark(watermark);
    }
  }
  std::vector<std::string> Save() {
    std::vector<std::string> states(size());
    for (size_t lane = 0; lane < size(); ++lane) {
      SavedState saved;
      operators_[lane]->Save(&saved);
      EXPECT_TRUE(saved.keys().empty());
      states[lane] = *saved.whole();
    }
    return states;
  }
  void Restore(const std::vector<std::string>& states) {
    for (size_t lane = 0; lane < size(); ++lane) {
      for (size_t i = 0; i < states.size(); ++i) {
        ByteReader in(states[i]);
        const bool is_own = i % size() == lane;
        ASSERT_TRUE(operators_[lane]->Restore(&in, is_own));
        ASSERT_TRUE(!is_own || in.remaining() == 0);
      }
    }
  }
  void TakeTo(Sums<K>* all) {
    for (Taken<K>& taken : taken_) {
      for (const auto& [of, sum] : std::exchange(taken.sums, {})) {
        EXPECT_TRUE(all->emplace(of, sum).second) << "a window fires once, a key in one lane";
      }
    }
  }
  int64_t dropped() const {
    int64_t dropped = 0;
    for (const StepStats& stats : stats_) {
      for (const MetricCell& cell : stats.cells) dropped += cell.sum;
    }
    return dropped;
  }

 private:
  std::vector<StepStats> stats_;
  std::vector<Taken<K>> taken_;
  std::vector<std::unique_ptr<Operator>> operators_;
};

template <class K>
K KeyOf(uint64_t i) {
  if constexpr (std::is_same_v<K, std::string>) {
    return std::string(i % 40, 'k') + std::to_string(i);
  } else {
    return static_cast<int64_t>(i);
  }
}

/// Random elements, some of them late, in bundles, with checkpoints from which other numbers of
/// lanes go on; `memory` may be null.
template <class K>
void SumsAsAMapDoes(uint64_t seed, const WindowFn& window_fn, uint64_t keys, MemoryBudget* memory) {
  std::mt19937_64 random(seed);
  WindowingStrategy windowing;
  windowing.window_fn = window_fn;
  auto lanes = std::make_unique<Lanes<K>>(1 + random() % 3, windowing, memory);
  Sums<K> truth, sums;
  int64_t dropped = 0, expected_dropped = 0;
  int64_t watermark = 0;
  lanes->End(Timestamp::Millis(watermark));
  for (int bundle = 0; bundle < 30; ++bundle) {
    lanes->Start();
    for (size_t lane = 0; lane < lanes->size(); ++lane) {
      ColumnBuffer<KV<K, int64_t>> column;
      std::vector<K> own(kBatchSize);
      std::vector<Timestamp> timestamps;
      std::vector<Window> windows;
      const size_t count = random() % kBatchSize;
      for (size_t i = 0; i < count; ++i) {
        own[i] = KeyOf<K>(random() % keys);
        const auto value = static_cast<int64_t>(random() % 100);
        const Timestamp time =
            Timestamp::Millis(watermark - 3000 + static_cast<int64_t>(random() % 9000));
        column.writer().SetView(i, {ViewOfOwn<K>(own[i]), value});
        timestamps.push_back(time);
        AssignWindows(window_fn, time, [&](const Window& window) {
          if (window.max_timestamp() < Timestamp::Millis(watermark)) {
            ++expected_dropped;
          } else {
            truth[{window, own[i]}] += value;
          }
        });
        if (window_fn.kind == WindowFn::Kind::kSliding) {
          const int64_t period = window_fn.period.millis;
          const int64_t start = (time.millis - (time.millis % period + period) % period);
          windows.push_back({Timestamp::Millis(start), Timestamp::Millis(start + period)});
        } else {
          AssignWindows(window_fn, time, [&](const Window& window) { windows.push_back(window); });
        }
      }
      Meta meta;
      meta.timestamps = SharedColumn<Timestamp>(timestamps.data());
      meta.windows = SharedColumn<Window>(windows.data());
      if (window_fn.kind == WindowFn::Kind::kSliding) meta.slices_of = &window_fn;
      if (count > 0) lanes->Push(lane, {column.view(), count, meta});
    }
    watermark += static_cast<int64_t>(random() % 4000);
    lanes->End(Timestamp::Millis(watermark));
    lanes->TakeTo(&sums);
    if (random() % 4 == 0) {
      const std::vector<std::string> states = lanes->Save();
      dropped += lanes->dropped();
      lanes = std::make_unique<Lanes<K>>(1 + random() % 3, windowing, memory);
      lanes->Restore(states);
    }
  }
  lanes->Start();
  lanes->End(Timestamp::Max());
  lanes->TakeTo(&sums);
  EXPECT_TRUE(sums == truth) << "seed " << seed;
  EXPECT_EQ(dropped + lanes->dropped(), expected_dropped) << "seed " << seed;
  EXPECT_GT(expected_dropped, 0);
}

const WindowFn kFixed = WindowFn::Fixed(Duration::Millis(5000));
const WindowFn kSliding = WindowFn::Sliding(Duration::Millis(10'000), Duration::Millis(2500));

TEST(OnTimeCombine, SumsAsAMapDoes) {
  for (uint64_t seed = 0; seed < 10; ++seed) {
    SumsAsAMapDoes<int64_t>(seed, kFixed, 500, nullptr);
    SumsAsAMapDoes<std::string>(seed, kFixed, 500, nullptr);
  }
}

TEST(OnTimeCombine, SumsSlicesOfSlidingWindows) {
  for (uint64_t seed = 0; seed < 10; ++seed) {
    SumsAsAMapDoes<int64_t>(seed, kSliding, 500, nullptr);
    SumsAsAMapDoes<std::string>(seed, kSliding, 500, nullptr);
  }
}

TEST(OnTimeCombine, KeepsToItsMemory) {
  const std::string directory = testing::TempDir() + "joist_on_time_" + std::to_string(getpid());
  std::filesystem::create_directories(directory);
  for (uint64_t seed = 0; seed < 2; ++seed) {
    MemoryBudget memory(100'000, 1, directory);
    SumsAsAMapDoes<int64_t>(seed, kFixed, 100'000, &memory);
    SumsAsAMapDoes<int64_t>(seed, kSliding, 100'000, &memory);
    EXPECT_GT(memory.spilled_bytes(), 0);
    EXPECT_EQ(memory.held_bytes(), 0);
  }
  std::filesystem::remove_all(directory);
}

TEST(OnTimeCombine, ForgetsWindowsThatAreOver) {
  WindowingStrategy windowing;
  windowing.window_fn = kFixed;
  MemoryBudget memory(1 << 30, 1, testing::TempDir());
  Lanes<int64_t> lanes(2, windowing, &memory);
  int64_t held_at_first = 0;
  for (int64_t i = 0; i < 100; ++i) {
    lanes.Start();
    ColumnBuffer<KV<int64_t, int64_t>> column;
    for (size_t row = 0; row < 100; ++row) {
      column.writer().SetView(row, {static_cast<int64_t>(row), 1});
    }
    Meta meta;
    meta.windows = SharedColumn<Window>(
        Window{Timestamp::Millis(5000 * i), Timestamp::Millis(5000 * i + 5000)});
    for (size_t lane = 0; lane < 2; ++lane) lanes.Push(lane, {column.view(), 100, meta});
    lanes.End(Timestamp::Millis(5000 * i + 5000));
    if (i == 2) held_at_first = memory.held_bytes();
  }
  EXPECT_GT(held_at_first, 0);
  EXPECT_LE(memory.held_bytes(), held_at_first);
}

TEST(OnTimeCombine, RefusesWhatMakesNoSense) {
  WindowingStrategy windowing;
  windowing.window_fn = kFixed;
  std::string state;
  {
    Lanes<int64_t> lanes(1, windowing, nullptr);
    ColumnBuffer<KV<int64_t, int64_t>> column;
    column.writer().SetView(0, {7, 1});
    Meta meta;
    meta.windows = SharedColumn<Window>(Window{Timestamp::Millis(0), Timestamp::Millis(5000)});
    lanes.Push(0, {column.view(), 1, meta});
    state = lanes.Save()[0];
  }
  for (size_t size = 0; size < state.size(); ++size) {
    OperatorContext context;
    StepStats stats;
    context.stats = &stats;
    context.windowing = &windowing;
    const auto op = MakeLanes<OnTimeCombine<int64_t, int64_t, Sum>>({&context, 1}, Sum());
    ByteReader in(std::string_view(state).substr(0, size));
    EXPECT_FALSE(op[0]->Restore(&in, true)) << size << " bytes of " << state.size();
  }
}

}  // namespace
}  // namespace joist
