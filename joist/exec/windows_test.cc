// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// GroupByKey, Combine and Reshuffle over several windows, in batches made by hand and shared out to
// several sinks, against std::map; with memory enough, and with so little that all goes to disk.

#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "joist/exec/combine.h"
#include "joist/exec/group_by_key.h"
#include "joist/exec/hand_batches.h"
#include "joist/exec/reshuffle.h"

namespace joist {
namespace {

/// Hands `elements` to `sinks` sinks in random batches, then reads what the breaker gives into
/// `collector`; halves of ranges by readers of their own.
template <class T, class Collect>
void Through(Breaker* breaker, const std::vector<HandElement<T>>& elements, size_t sinks,
             std::mt19937* random, Collect* collector, MemoryBudget* memory = nullptr) {
  StepStats stats;
  OperatorContext context;
  context.step = "Step";
  context.memory = memory;
  if (memory != nullptr) context.memory_bytes = memory->sink_part(1);
  context.stats = &stats;
  std::vector<std::unique_ptr<Operator>> operators;
  for (size_t i = 0; i < sinks; ++i) operators.push_back(breaker->MakeSink(context));
  const auto push = [](size_t from, size_t count, const auto& all, Operator* to) {
    const auto begin = all.begin() + static_cast<long>(from);
    PushByHand<T>({begin, begin + static_cast<long>(count)},
                  static_cast<BatchReceiver<T>*>(to->input(0)));
  };
  for (size_t at = 0; at < elements.size();) {
    const size_t count = std::min<size_t>(elements.size() - at, 1 + (*random)() % kBatchSize);
    push(at, count, elements, operators[(*random)() % sinks].get());
    at += count;
  }
  // One more that fails, and is never committed.
  auto failed = breaker->MakeSink(context);
  push(0, 1, elements, failed.get());
  failed.reset();
  for (auto& sink : operators) {
    sink->Finish();
    breaker->Commit(*sink);
  }
  operators.clear();
  breaker->Seal(2);
  const std::shared_ptr<Source> source = breaker->MakeOutput();
  const std::atomic<bool> cancelled{false};
  const auto read = [&](RangeTracker* tracker) {
    const auto reader = source->MakeReader(context);
    reader->Connect(collector);
    reader->Read(*tracker);
  };
  // Twice: a stage that is retried reads again.
  for (int attempt = 0; attempt < 2; ++attempt) {
    collector->elements.clear();
    const Result<std::vector<SourceRange>> ranges = source->Split(2);
    ASSERT_TRUE(ranges.ok());
    for (const SourceRange& range : *ranges) {
      RangeTracker tracker(range, &cancelled);
      const auto rest = tracker.TrySplit(source->least_split());
      read(&tracker);
      if (!rest.has_value()) continue;
      RangeTracker rest_tracker(*rest, &cancelled);
      read(&rest_tracker);
    }
  }
}

const Window kWindows[] = {Window::Global(), {{0}, {10}}, {{10}, {20}}, {{0}, {20}}};

template <class K, class MakeKey>
std::vector<HandElement<KV<K, int64_t>>> RandomPairs(size_t count, std::mt19937* random,
                                                     MakeKey make) {
  std::vector<HandElement<KV<K, int64_t>>> elements;
  for (size_t i = 0; i < count; ++i) {
    const Window window = kWindows[(*random)() % (1 + i % 4)];
    elements.push_back({{make(*random), static_cast<int64_t>((*random)() % 1000)},
                        {static_cast<int64_t>(i)},
                        window,
                        {}});
  }
  return elements;
}

using Key = std::tuple<Timestamp, Timestamp, std::string>;
template <class K>
Key KeyOf(const Window& window, const K& key) {
  return {window.start, window.end, EncodeToString<K>(key)};
}

// What comes out of a group: its values copied, since those of the engine are lent.
template <class K>
struct GroupCollector : BatchReceiver<KV<K, Iterable<int64_t>>> {
  std::vector<HandElement<KV<K, std::vector<int64_t>>>> elements;
  void Push(const Batch<KV<K, Iterable<int64_t>>>& batch) override {
    for (size_t i = 0; i < batch.count; ++i) {
      std::vector<int64_t> values, again;
      for (int64_t value : batch[i].value) values.push_back(value);
      for (int64_t value : batch[i].value) again.push_back(value);
      EXPECT_EQ(values.size(), batch[i].value.size());
      EXPECT_TRUE(values == again);
      elements.push_back(
          {{Own<K>(batch[i].key), values}, batch.timestamp(i), batch.window(i), batch.pane(i)});
    }
  }
};

constexpr int64_t kLittle = 1 << 18;

/// Calls check(memory) with no limit and, where there is enough to spill, with limits; in the end
/// nothing must be held.
template <class Check>
void WithEveryBudget(size_t count, size_t sinks, Check check) {
  check(nullptr);
  for (int64_t limit : {int64_t{1} << 20, kLittle}) {
    if (count < 20000 || (limit == kLittle && (count > 20000 || sinks == 1))) continue;
    MemoryBudget memory(limit, 2, testing::TempDir());
    check(&memory);
    EXPECT_EQ(memory.held_bytes(), 0);
    if (limit == kLittle) {
      EXPECT_GT(memory.spilled_bytes(), 0);
    }
  }
}

template <class K, class MakeKey>
void CheckGrouping(size_t count, size_t sinks, MakeKey make, MemoryBudget* memory) {
  std::mt19937 random(static_cast<unsigned>(count + sinks));
  const auto elements = RandomPairs<K>(count, &random, make);
  std::map<Key, std::vector<int64_t>> expected;
  for (const auto& e : elements) expected[KeyOf(e.window, e.value.key)].push_back(e.value.value);

  GroupByKeyBreaker<K, int64_t> breaker({"Step", memory});
  GroupCollector<K> groups;
  Through(&breaker, elements, sinks, &random, &groups, memory);
  std::map<Key, std::vector<int64_t>> got;
  for (const auto& group : groups.elements) {
    ASSERT_EQ(group.timestamp, group.window.max_timestamp());
    ASSERT_EQ(group.pane, PaneInfo::OnTimeAndOnly());
    auto [at, is_new] = got.emplace(KeyOf(group.window, group.value.key), group.value.value);
    ASSERT_TRUE(is_new) << "a key twice";
    std::sort(at->second.begin(), at->second.end());
  }
  for (auto& [key, values] : expected) std::sort(values.begin(), values.end());
  ASSERT_EQ(got.size(), expected.size());
  ASSERT_TRUE(got == expected);
}

template <class K, class MakeKey>
void CheckGrouping(size_t count, size_t sinks, MakeKey make) {
  WithEveryBudget(count, sinks,
                  [&](MemoryBudget* memory) { CheckGrouping<K>(count, sinks, make, memory); });
}

int64_t FewNumbers(std::mt19937& random) { return static_cast<int64_t>(random() % 300); }
std::string Names(std::mt19937& random) {
  return std::string(random() % 25, 'n') + std::to_string(random() % 50);
}

TEST(GroupByKey, EachWindowByItself) {
  for (size_t count : {size_t{1}, size_t{100}, size_t{20000}}) {
    for (size_t sinks : {size_t{1}, size_t{3}}) {
      CheckGrouping<int64_t>(count, sinks, FewNumbers);
      CheckGrouping<std::string>(count, sinks, Names);
      CheckGrouping<bool>(count, sinks, [](std::mt19937& r) { return r() % 2 == 0; });
      CheckGrouping<Void>(count, sinks, [](std::mt19937&) { return Void(); });
      CheckGrouping<double>(count, sinks, [](std::mt19937& r) {
        const double values[] = {0.0, -0.0, 1.5, std::numeric_limits<double>::quiet_NaN()};
        return values[r() % 4];
      });
    }
  }
  CheckGrouping<std::vector<int>>(20000, 2,
                                  [](std::mt19937& r) { return std::vector<int>(r() % 9, 1); });
  CheckGrouping<KV<std::string, int>>(20000, 2, [](std::mt19937& r) {
    return KV<std::string, int>{Names(r), static_cast<int>(r() % 3)};
  });
  // More keys in a partition than in a batch.
  CheckGrouping<int64_t>(400000, 2, [](std::mt19937& r) { return static_cast<int64_t>(r()); });
}

struct Total {
  int64_t CreateAccumulator() const { return 0; }
  void AddInput(int64_t& to, int64_t value) const { to += value; }
  void MergeAccumulators(int64_t& to, const int64_t& from) const { to += from; }
  int64_t ExtractOutput(const int64_t& from) const { return from; }
};
/// With an accumulator that doesn't fit into a slot, and text as result.
struct Digits {
  std::vector<int64_t> CreateAccumulator() const { return std::vector<int64_t>(1); }
  void AddInput(std::vector<int64_t>& to, int64_t value) const {
    to.push_back(value), to[0] += value;
  }
  void MergeAccumulators(std::vector<int64_t>& to, const std::vector<int64_t>& from) const {
    to[0] += from[0];
    to.insert(to.end(), from.begin() + 1, from.end());
  }
  std::string ExtractOutput(const std::vector<int64_t>& from) const {
    return std::to_string(from[0]) + " of " + std::to_string(from.size() - 1);
  }
};

template <class K, class MakeKey>
void CheckCombining(size_t count, size_t sinks, MakeKey make, MemoryBudget* memory) {
  std::mt19937 random(static_cast<unsigned>(count + sinks));
  const auto elements = RandomPairs<K>(count, &random, make);
  std::map<Key, int64_t> totals;
  std::map<Key, std::string> digits;
  std::map<Key, int64_t> numbers;
  for (const auto& e : elements) {
    const Key key = KeyOf(e.window, e.value.key);
    totals[key] += e.value.value;
    ++numbers[key];
  }
  for (const auto& [key, total] : totals) {
    digits[key] = std::to_string(total) + " of " + std::to_string(numbers[key]);
  }
  const auto check = [&](auto breaker, auto collector, const auto& expected) {
    Through(&breaker, elements, sinks, &random, &collector, memory);
    std::remove_cvref_t<decltype(expected)> got;
    for (const auto& result : collector.elements) {
      ASSERT_EQ(result.timestamp, result.window.max_timestamp());
      ASSERT_EQ(result.pane, PaneInfo::OnTimeAndOnly());
      ASSERT_TRUE(got.emplace(KeyOf(result.window, result.value.key), result.value.value).second);
    }
    ASSERT_TRUE(got == expected);
  };
  check(CombineBreaker<K, int64_t, Total>(Total(), {"Step", memory}), Collector<KV<K, int64_t>>(),
        totals);
  check(CombineBreaker<K, int64_t, Digits>(Digits(), {"Step", memory}),
        Collector<KV<K, std::string>>(), digits);
}

template <class K, class MakeKey>
void CheckCombining(size_t count, size_t sinks, MakeKey make) {
  WithEveryBudget(count, sinks,
                  [&](MemoryBudget* memory) { CheckCombining<K>(count, sinks, make, memory); });
}

TEST(Combine, EachWindowByItself) {
  for (size_t count : {size_t{1}, size_t{100}, size_t{20000}}) {
    for (size_t sinks : {size_t{1}, size_t{3}}) {
      CheckCombining<int64_t>(count, sinks, FewNumbers);
      CheckCombining<std::string>(count, sinks, Names);
      CheckCombining<bool>(count, sinks, [](std::mt19937& r) { return r() % 2 == 0; });
      CheckCombining<Void>(count, sinks, [](std::mt19937&) { return Void(); });
    }
  }
  CheckCombining<std::vector<int>>(20000, 2,
                                   [](std::mt19937& r) { return std::vector<int>(r() % 9, 1); });
  // Enough keys for several partitions.
  CheckCombining<int64_t>(150000, 3, [](std::mt19937& r) { return static_cast<int64_t>(r()); });
  CheckCombining<std::string>(
      80000, 2, [](std::mt19937& r) { return std::string(r() % 20, 'k') + std::to_string(r()); });
}

TEST(Reshuffle, KeepsEverything) {
  std::mt19937 random(1);
  const auto elements = RandomPairs<std::string>(20000, &random, Names);
  Collector<KV<std::string, int64_t>> collector;
  ReshuffleBreaker<KV<std::string, int64_t>> breaker({"Step", nullptr});
  Through(&breaker, elements, 3, &random, &collector);
  auto& got = collector.elements;
  ASSERT_EQ(got.size(), elements.size());
  std::sort(got.begin(), got.end(),
            [](const auto& a, const auto& b) { return a.timestamp < b.timestamp; });
  ASSERT_TRUE(got == elements);
}

}  // namespace
}  // namespace joist
