// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// ParDo, Map, FlatMap, Filter, MapBatches as a user writes them.

#include "joist/sdk/par_do.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <vector>

#include "joist/sdk/testing/test_pipeline.h"

namespace joist {
namespace {

int64_t Doubled(int64_t n) { return 2 * n; }
void EmitTwice(std::string_view text, Emit<std::string> emit) {
  emit(text);
  emit(text);
}

TEST(ParDo, TakesFunctionsOfAllKinds) {
  TestPipeline p;
  auto numbers = p | Create<int64_t>({1, 2, 3});
  auto lambda = numbers | Map([](int64_t n) { return n + 1; });
  auto pointer = numbers | Map(Doubled);
  auto address = numbers | Map(&Doubled);
  int64_t calls = 0;
  auto counting = numbers | Map([calls](int64_t) mutable { return ++calls > 0; });
  struct Callable {
    int64_t operator()(const int64_t& n) const noexcept { return -n; }
  };
  auto callable = numbers | Map(Callable());
  struct DoFn {
    int64_t Process(int64_t n) { return n * n; }
  };
  auto dofn = numbers | Map(DoFn());
  PAssert::That(lambda).ContainsInAnyOrder({2, 3, 4});
  PAssert::That(pointer).ContainsInAnyOrder({2, 4, 6});
  PAssert::That(address).ContainsInAnyOrder({2, 4, 6});
  PAssert::That(counting).ContainsInAnyOrder({true, true, true});
  PAssert::That(callable).ContainsInAnyOrder({-1, -2, -3});
  PAssert::That(dofn).ContainsInAnyOrder({1, 4, 9});
  PAssert::That(p | Create({"a"}) | FlatMap(EmitTwice)).ContainsInAnyOrder({"a", "a"});
  EXPECT_TRUE(p.RunOk());
}

TEST(ParDo, TakesTextInEveryForm) {
  TestPipeline p;
  auto words = p | Create({"one", "three", ""});
  PAssert::That(words | Map([](std::string_view w) { return w.size(); }))
      .ContainsInAnyOrder({3, 5, 0});
  PAssert::That(words | Map([](const std::string& w) { return w + "!"; }))
      .ContainsInAnyOrder({"one!", "three!", "!"});
  // NOLINTNEXTLINE(performance-unnecessary-value-param): by value is what is tested.
  PAssert::That(words | Map([](std::string w) { return w + "?"; }))
      .ContainsInAnyOrder({"one?", "three?", "?"});
  PAssert::That(words | Map([](std::string_view w) { return w.substr(0, w.size() / 2); }))
      .ContainsInAnyOrder({"o", "th", ""});
  PAssert::That(words | Map([](std::string_view) { return "literal"; }))
      .ContainsInAnyOrder({"literal", "literal", "literal"});
  PAssert::That(words | Map([](std::string_view) { return std::string_view(); }) |
                Count::PerElement())
      .ContainsInAnyOrder({{"", 3}});
  EXPECT_TRUE(p.RunOk());
}

TEST(ParDo, TakesKVsInEveryForm) {
  TestPipeline p;
  auto pairs = p | Create<KV<std::string, int64_t>>({{"a", 1}, {"b", 2}});
  PAssert::That(pairs | Map([](const KV<std::string, int64_t>& kv) { return kv.key; }))
      .ContainsInAnyOrder({"a", "b"});
  PAssert::That(pairs | Map([](KV<std::string_view, int64_t> kv) { return kv.key; }))
      .ContainsInAnyOrder({"a", "b"});
  // NOLINTNEXTLINE(performance-unnecessary-value-param)
  PAssert::That(pairs | Map([](KV<std::string, int64_t> kv) { return kv.value; }))
      .ContainsInAnyOrder({1, 2});
  PAssert::That(pairs |
                Map([](const KV<std::string_view, int64_t>& kv) { return KV{kv.value, kv.key}; }))
      .ContainsInAnyOrder({{1, "a"}, {2, "b"}});
  EXPECT_TRUE(p.RunOk());
}

TEST(ParDo, ParametersInAnyOrder) {
  TestPipeline p;
  auto texts = p | Create({"x"}) |
               FlatMap([](std::string_view text, Window window, Emit<std::string> emit, Timestamp t,
                          PaneInfo pane) {
                 emit(std::string(text) + (window.is_global() ? " global" : " other") +
                      (t == Timestamp::Min() ? " min" : " later") +
                      (pane == PaneInfo::NoFiring() ? " none" : " some"));
                 emit(text, Timestamp{5});
               });
  PAssert::That(texts | Map([](std::string_view text, Timestamp t) {
                  return std::string(text) + "@" + (t == Timestamp{5} ? "5" : "-");
                }))
      .ContainsInAnyOrder({"x global min none@-", "x@5"});
  PAssert::That(texts | Map([](std::string_view text, Arena& arena) {
                  return arena.Copy(std::string(text.substr(0, 1)) + "y");
                }))
      .ContainsInAnyOrder({"xy", "xy"});
  EXPECT_TRUE(p.RunOk());
}

struct Odd {};
struct Names {};

TEST(ParDo, OutputsByTag) {
  TestPipeline p;
  std::vector<int64_t> numbers;
  for (int64_t n = 0; n < 5000; ++n) numbers.push_back(n);
  auto outputs = p | Create(numbers) |
                 ParDo([](int64_t n, Emit<int64_t> even, Emit<int64_t, Odd> odd,
                          Emit<std::string, Names> names) {
                   if (n % 2 == 0) {
                     even(n);
                   } else {
                     odd(n);
                   }
                   if (n % 1000 == 0) names(std::to_string(n));
                 });
  PAssert::ThatSingleton(outputs.Get<Main>() | Sum::Globally()).IsEqualTo(2499 * 2500);
  PAssert::ThatSingleton(outputs.Get<Odd>() | Count::Globally()).IsEqualTo(2500);
  PAssert::That(outputs.Get<Names>()).ContainsInAnyOrder({"0", "1000", "2000", "3000", "4000"});
  EXPECT_TRUE(p.RunOk());
}

TEST(ParDo, OutputThatNobodyReads) {
  TestPipeline p;
  auto outputs = p | Create({1, 2, 3}) | ParDo([](int n, Emit<int> all, Emit<int, Odd> odd) {
                   all(n);
                   for (int i = 0; i < 3000; ++i) odd(n);
                 });
  PAssert::That(outputs.Get<Main>()).ContainsInAnyOrder({1, 2, 3});
  EXPECT_TRUE(p.RunOk());
}

const Counter setups("par_do_test", "setups");
const Counter starts("par_do_test", "starts");
const Counter elements("par_do_test", "elements");
const Counter finishes("par_do_test", "finishes");
const Counter disorders("par_do_test", "disorders");
std::atomic<int> alive{0};
std::atomic<int> torn_down{0};

struct Lifecycle {
  int stage = 0;
  int64_t seen = 0;
  void Enter(bool in_order, int next) {
    if (!in_order) disorders.Inc();
    stage = next;
  }
  void Setup() {
    Enter(stage == 0, 1);
    setups.Inc();
    ++alive;
  }
  void StartBundle() {
    Enter(stage == 1, 2);
    starts.Inc();
  }
  void Process(int64_t n, Emit<int64_t> emit) {
    Enter(stage == 2, 2);
    elements.Inc();
    seen += n;
    if (n % 10 == 0) emit(-n);
  }
  void FinishBundle(Emit<int64_t> emit) {
    Enter(stage == 2, 3);
    finishes.Inc();
    emit(seen);
  }
  void Teardown() {
    if (stage == 3) ++torn_down;
    --alive;
  }
};
JOIST_ROW(Lifecycle, stage, seen)

TEST(ParDo, Lifecycle) {
  TestPipeline p;
  std::vector<int64_t> numbers;
  for (int64_t n = 1; n <= 20000; ++n) numbers.push_back(n);
  auto sums = p | Create(numbers) | ParDo(Lifecycle());
  PAssert::ThatSingleton(sums | Filter([](int64_t n) { return n > 0; }) | Sum::Globally())
      .IsEqualTo(20000 * 20001 / 2);
  PAssert::ThatSingleton(sums | Filter([](int64_t n) { return n < 0; }) | Count::Globally())
      .IsEqualTo(2000);
  const JobOutcome outcome = p.RunToEnd();
  ASSERT_TRUE(outcome.status.ok()) << outcome.status.message();
  const auto count = [&](const char* name) {
    return outcome.metrics.CounterValue("par_do_test", name);
  };
  EXPECT_EQ(count("elements"), 20000);
  EXPECT_GE(count("setups"), 1);
  EXPECT_EQ(count("starts"), count("setups"));
  EXPECT_EQ(count("finishes"), count("setups"));
  EXPECT_EQ(count("disorders"), 0);
  if (getenv("JOIST_TEST_SECOND_PROCESS") == nullptr) {
    EXPECT_EQ(alive, 0);
    EXPECT_EQ(torn_down, count("finishes"));
  }
}

struct EmitsAtTheEnd {
  void Process(int64_t, Emit<int64_t>) {}
  void FinishBundle(Emit<int64_t> emit) { emit(1); }
};

// Where a side input in the global window finds it.
TEST(ParDo, WhatFinishBundleEmitsIsInTheGlobalWindow) {
  TestPipeline p;
  auto ends = p | "Numbers" >> Create<int64_t>({1, 2}) | ParDo(EmitsAtTheEnd());
  PAssert::That(ends | Filter([](int64_t, Window window, Timestamp t) {
                  return !window.is_global() || t != window.max_timestamp();
                }))
      .IsEmpty();
  auto found = p | "Once" >> Create<int64_t>({7}) |
               Map([](int64_t, SideInput<IterableView<int64_t>> ends) { return ends->size() > 0; },
                   AsIterable(ends));
  PAssert::That(found).ContainsInAnyOrder({true});
  EXPECT_TRUE(p.RunOk());
}

TEST(Map, OfMapIsOneStep) {
  TestPipeline p;
  auto numbers = p | Create<int64_t>({1, 2, 3});
  auto results =
      numbers | (Map([](int64_t n) { return n + 1; }) | Map([](int64_t n) { return n * 10; }) |
                 Map([](int64_t n) { return std::to_string(n); }));
  PAssert::That(results).ContainsInAnyOrder({"20", "30", "40"});
  size_t maps = 0;
  for (const Node& node : p.graph().nodes()) maps += node.name.starts_with("Map") ? 1 : 0;
  EXPECT_EQ(maps, 1u);
  EXPECT_TRUE(p.RunOk());
}

// What the second function returns may be a piece of what the first has made, which is gone by
// then.
TEST(Map, OfMapOwnsWhatItReturns) {
  TestPipeline p;
  auto results = p | Create({"x"}) |
                 (Map([](std::string_view text) { return std::string(100, text[0]) + "end"; }) |
                  Map([](std::string_view text) { return text.substr(50); }));
  PAssert::That(results).ContainsInAnyOrder({std::string(50, 'x') + "end"});
  auto pieces = p | Create({"abc"}) |
                (Map([](std::string_view text) { return text.substr(1); }) |
                 Map([](std::string_view text) { return text.substr(1); }));
  PAssert::That(pieces).ContainsInAnyOrder({"c"});
  auto lengths = p | Create({"abc"}) |
                 (Map([](std::string_view text) { return text.substr(1); }) |
                  Map([](const std::string& text) { return text.size(); }));
  PAssert::That(lengths).ContainsInAnyOrder({2});
  EXPECT_TRUE(p.RunOk());
}

TEST(Filter, KeepsElements) {
  TestPipeline p;
  auto words = p | Create({"a", "bb", "ccc"});
  PAssert::That(words | Filter([](std::string_view w) { return w.size() != 2; }))
      .ContainsInAnyOrder({"a", "ccc"});
  PAssert::That(words | Filter([](std::string_view) { return false; })).IsEmpty();
  PAssert::That(p | Create<std::vector<int>>({{}, {1}, {1, 2}}) |
                Filter([](const std::vector<int>& v) { return !v.empty(); }))
      .ContainsInAnyOrder({{1}, {1, 2}});
  EXPECT_TRUE(p.RunOk());
}

TEST(FlatMap, ReturnsContainers) {
  TestPipeline p;
  auto numbers = p | Create({0, 1, 3});
  PAssert::That(numbers |
                FlatMap([](int n) { return std::vector<int>(static_cast<size_t>(n), n); }))
      .ContainsInAnyOrder({1, 3, 3, 3});
  PAssert::That(numbers |
                FlatMap([](int n) { return std::vector<std::string>(2, std::to_string(n)); }))
      .ContainsInAnyOrder({"0", "0", "1", "1", "3", "3"});
  PAssert::That(numbers |
                FlatMap([](int n) { return std::vector<bool>(static_cast<size_t>(n), n == 1); }))
      .ContainsInAnyOrder({true, false, false, false});
  PAssert::That(p | Create({"a b"}) | FlatMap([](std::string_view text) {
                  return std::vector<std::string_view>{text.substr(0, 1), text.substr(2)};
                }))
      .ContainsInAnyOrder({"a", "b"});
  PAssert::That(p | Create<std::vector<int>>({{1, 2}, {}, {3}}) |
                FlatMap([](const std::vector<int>& v) { return v; }))
      .ContainsInAnyOrder({1, 2, 3});
  EXPECT_TRUE(p.RunOk());
}

TEST(MapBatches, SeesEachElementOnce) {
  TestPipeline p;
  std::vector<std::string> words;
  for (int i = 0; i < 5000; ++i) words.push_back(std::to_string(i));
  auto sizes =
      p | Create(words) | MapBatches([](const Batch<std::string>& batch, Emit<int64_t> emit) {
        int64_t sum = 0;
        for (size_t i = 0; i < batch.size(); ++i) sum += static_cast<int64_t>(batch[i].size());
        emit(sum);
      });
  PAssert::ThatSingleton(sizes | Sum::Globally()).IsEqualTo(10 + 90 * 2 + 900 * 3 + 4000 * 4);
  auto joined = p | "Copy" >> Create(words) |
                MapBatches([](Batch<std::string> batch, Emit<std::string> emit) {
                  for (size_t i = 0; i < batch.size(); ++i) emit(batch[i]);
                });
  PAssert::That(joined).ContainsInAnyOrder(words);
  EXPECT_TRUE(p.RunOk());
}

TEST(ParDo, WithoutOutputs) {
  TestPipeline p;
  p | Create({1, 2, 3}) | ParDo([](int) { elements.Inc(); });
  const JobOutcome outcome = p.RunToEnd();
  ASSERT_TRUE(outcome.status.ok()) << outcome.status.message();
  EXPECT_EQ(outcome.metrics.CounterValue("par_do_test", "elements"), 3);
}

TEST(ParDo, FailureIsOneLine) {
  TestPipeline p;
  p | Create({"fine", "bad"}) | "Check" >> ParDo([](std::string_view text) {
                                  if (text == "bad") throw std::runtime_error("not good");
                                });
  const JobOutcome outcome = p.RunToEnd();
  EXPECT_EQ(outcome.state, JobState::kFailed);
  EXPECT_EQ(outcome.status.message(), R"(step "Check": not good (element: "bad"))");
}

// --- Bundle finalization and stable input ---

struct Acknowledge {
  static inline std::atomic<int> committed = 0;
  static inline std::atomic<int> expired = 0;
  static inline std::atomic<int> calls = 0;
  void Process(int64_t n, BundleFinalizer finalizer, Emit<int64_t> emit) const {
    finalizer.AfterBundleCommit(Duration::Minutes(1), [] { ++committed; });
    finalizer.AfterBundleCommit(Duration::Millis(-1), [] { ++expired; });
    finalizer.AfterBundleCommit(Duration::Minutes(1), [] { throw 1; });
    if (++calls == 10) throw std::runtime_error("once");  // That bundle is tried again.
    emit(n);
  }
};

TEST(BundleFinalizer, CallsBackOnceForWhatIsSafe) {
  TestPipeline p;
  std::vector<int64_t> numbers;
  for (int64_t i = 0; i < 500; ++i) numbers.push_back(i);
  PAssert::That(p | Create<int64_t>(numbers) | ParDo(Acknowledge())).ContainsInAnyOrder(numbers);
  EXPECT_TRUE(p.RunOk());
  if (getenv("JOIST_TEST_SECOND_PROCESS") == nullptr) {
    EXPECT_EQ(Acknowledge::committed, 500);
    EXPECT_EQ(Acknowledge::expired, 0);
    EXPECT_GT(Acknowledge::calls, 500);
  }
}

/// Gives elements a number that another attempt would not give them.
struct Attempt {
  static inline std::atomic<int64_t> last = 0;
  int64_t operator()(int64_t) const { return ++last; }
};
struct Stable {
  static constexpr bool kRequiresStableInput = true;
  static inline std::atomic<int64_t> first_seen = 0;
  static inline std::atomic<bool> seen_again = false;
  void Process(int64_t n, Emit<int64_t> emit) const {
    int64_t none = 0;
    if (first_seen.compare_exchange_strong(none, n)) throw std::runtime_error("once");
    if (n == first_seen) seen_again = true;
    emit(n);
  }
};

TEST(StableInput, IsTheSameWhenTriedAgain) {
  TestPipeline p;
  auto stable = p | Create<int64_t>({1, 2, 3}) | Map(Attempt()) | ParDo(Stable());
  PAssert::ThatSingleton(stable | Count::Globally()).IsEqualTo(3);
  EXPECT_TRUE(p.RunOk());
  if (getenv("JOIST_TEST_SECOND_PROCESS") == nullptr) {
    EXPECT_TRUE(Stable::seen_again);
  }
}

}  // namespace
}  // namespace joist
