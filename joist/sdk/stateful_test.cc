// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// State and timers, on bounded input and in streams.

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <vector>

#include "joist/joist.h"
#include "joist/sdk/testing/passert.h"
#include "joist/sdk/testing/test_pipeline.h"
#include "joist/sdk/testing/test_stream.h"

namespace joist {
namespace {

constexpr Timestamp At(int64_t seconds) { return Timestamp::Seconds(seconds); }
using Pair = KV<std::string, int64_t>;

/// Numbers the elements of each key, in the order of their values' times.
struct Number {
  struct Next {};
  void Process(const Pair& kv, ValueState<int64_t, Next> next, Emit<std::string> emit) {
    const int64_t number = next.ReadOr(0);
    next.Write(number + 1);
    emit(kv.key + std::to_string(kv.value) + "#" + std::to_string(number));
  }
};

TEST(State, ValueOfEachKey) {
  TestPipeline p;
  auto numbered = p | Create<Pair>({{"a", 10}, {"b", 20}, {"a", 30}, {"a", 20}}) |
                  WithTimestamps([](const Pair& kv) { return At(kv.value); }) | ParDo(Number());
  PAssert::That(numbered).ContainsInAnyOrder({"a10#0", "a20#1", "a30#2", "b20#0"});
  EXPECT_TRUE(p.RunOk());
}

TEST(State, ValueOfEachWindow) {
  TestPipeline p;
  auto numbered = p | Create<Pair>({{"a", 1}, {"a", 2}, {"a", 12}}) |
                  WithTimestamps([](const Pair& kv) { return At(kv.value); }) |
                  WindowInto(FixedWindows(Duration::Seconds(10))) | ParDo(Number());
  PAssert::That(numbered).ContainsInAnyOrder({"a1#0", "a2#1", "a12#0"});
  EXPECT_TRUE(p.RunOk());
}

/// Fails where an element is before the one it saw last.
struct InOrder {
  static constexpr bool kRequiresTimeSortedInput = true;
  void Process(const Pair& kv, Timestamp t, ValueState<Timestamp> last, Emit<int64_t> emit) {
    if (!last.IsEmpty() && t < *last.Read()) throw std::runtime_error("out of order");
    last.Write(t);
    emit(kv.value);
  }
};

TEST(State, InTheOrderOfTimeAlsoWhereMemoryIsShort) {
  TestPipeline p;
  p.set_memory(1 << 20);
  std::vector<Pair> pairs;
  std::vector<int64_t> values;
  for (int64_t i = 0; i < 100'000; ++i) {
    values.push_back(i * 7919 % 100'000);
    pairs.push_back({"the only key", values.back()});
  }
  auto seen = p | Create(std::move(pairs)) |
              WithTimestamps([](const Pair& kv) { return At(kv.value); }) | ParDo(InOrder());
  PAssert::That(seen).ContainsInAnyOrder(values);
  EXPECT_TRUE(p.RunOk());
}

TEST(State, InTheOrderOfTimeInAStream) {
  TestPipeline p;
  auto seen = p |
              TestStream<Pair>()
                  .AddElements({{{"a", 3}, At(3)}, {{"a", 1}, At(1)}, {{"b", 7}, At(7)}})
                  .AdvanceWatermarkTo(At(2))
                  .AddElements({{{"a", 2}, At(2)}, {{"b", 5}, At(5)}})
                  .AdvanceWatermarkTo(At(6))
                  .AddElements({{{"a", 4}, At(4)}, {{"a", 6}, At(6)}})  // The first is late.
                  .AdvanceWatermarkToInfinity() |
              WindowInto(FixedWindows(Duration::Seconds(100))) | ParDo(InOrder());
  PAssert::That(seen).ContainsInAnyOrder({1, 2, 3, 5, 6, 7});
  EXPECT_TRUE(p.RunOk());
}

TEST(State, InTheOrderOfTimeWithWhatMayBeLate) {
  TestPipeline p;
  auto seen =
      p |
      TestStream<Pair>()
          .AddElements({{{"a", 3}, At(3)}})
          .AdvanceWatermarkTo(At(6))
          .AddElements({{{"a", 2}, At(2)}})
          .AdvanceWatermarkTo(At(13))
          .AddElements({{{"a", 1}, At(1)}})
          .AdvanceWatermarkToInfinity() |
      WindowInto(FixedWindows(Duration::Seconds(100))).WithAllowedLateness(Duration::Seconds(10)) |
      ParDo(InOrder());
  PAssert::That(seen).ContainsInAnyOrder({2, 3});
  EXPECT_TRUE(p.RunOk());
}

// What waits for its turn is on time behind it.
TEST(State, WhatWaitsForItsTurnHoldsTheWatermark) {
  TestPipeline p;
  auto counts =
      p |
      TestStream<Pair>()
          .AddElements({{{"a", 3}, At(3)}})
          .AdvanceWatermarkTo(At(8))
          .AdvanceWatermarkToInfinity() |
      WindowInto(FixedWindows(Duration::Seconds(5))).WithAllowedLateness(Duration::Seconds(10)) |
      ParDo(InOrder()) | Count::Globally();
  PAssert::That(counts).InOnTimePane({At(0), At(5)}).ContainsInAnyOrder({1});
  EXPECT_TRUE(p.RunOk());
}

// Many keys over several threads, with little memory.
TEST(State, ManyKeys) {
  TestPipeline p;
  p.set_threads(4);
  p.set_memory(1 << 20);
  std::vector<KV<int64_t, int64_t>> pairs;
  for (int64_t i = 0; i < 50'000; ++i) pairs.push_back({i % 5'000, i});
  struct LastOfTen {
    void Process(const KV<int64_t, int64_t>& kv, ValueState<int64_t> count,
                 CombiningState<SumFn<int64_t>, int64_t> sum, Emit<KV<int64_t, int64_t>> emit) {
      count.Write(count.ReadOr(0) + 1);
      sum.Add(kv.value);
      if (*count.Read() == 10) emit(KV<int64_t, int64_t>{kv.key, sum.Read()});
    }
  };
  auto sums = p | Create(std::move(pairs)) | ParDo(LastOfTen());
  PAssert::ThatSingleton(sums | Count::Globally()).IsEqualTo(5'000);
  PAssert::That(sums | Filter([](const KV<int64_t, int64_t>& kv) { return kv.key < 2; }))
      .ContainsInAnyOrder({{0, 225'000}, {1, 225'010}});
  EXPECT_TRUE(p.RunOk());
}

struct EveryKind {
  struct Bag {};
  struct Set {};
  struct Map {};
  struct Multimap {};
  struct List {};
  void Process(const Pair& kv, Timestamp t, BagState<int64_t, Bag> bag, SetState<int64_t, Set> set,
               MapState<int64_t, std::string, Map> map,
               MultimapState<bool, int64_t, Multimap> multimap,
               OrderedListState<int64_t, List> list, Emit<std::string> emit) {
    bag.Add(kv.value);
    const bool is_new = set.Add(kv.value);
    map.Put(kv.value, std::to_string(kv.value * kv.value));
    multimap.Put(kv.value % 2 == 0, kv.value);
    list.Add(At(0) - (t - At(0)), kv.value);
    if (bag.size() < 4) return;
    std::string text = is_new ? "new" : "old";
    for (const int64_t value : bag.Read()) text += " " + std::to_string(value);
    text += " | " + std::to_string(set.Read().size()) + " " + *map.Get(3);
    text += " " + std::to_string(multimap.Get(true).size());
    text += " | first " + std::to_string(list.Read().front().second);
    list.ClearRange(Timestamp::Min(), At(-2));
    text += " then " + std::to_string(list.Read().front().second);
    emit(text);
    bag.Clear();
    set.Clear();
    map.Remove(3);
    if (!bag.IsEmpty() || !set.IsEmpty() || map.Contains(3) || map.size() != 2) emit("left");
  }
};

TEST(State, EveryKind) {
  TestPipeline p;
  auto texts = p | Create<Pair>({{"a", 1}, {"a", 2}, {"a", 3}, {"a", 3}}) |
               WithTimestamps([](const Pair& kv) { return At(kv.value); }) | ParDo(EveryKind());
  PAssert::That(texts).ContainsInAnyOrder({"old 1 2 3 3 | 3 9 1 | first 3 then 2"});
  EXPECT_TRUE(p.RunOk());
}

/// Gives what it has gathered when no element came for ten seconds of event time.
struct Gather {
  struct Quiet {};
  void Process(const Pair& kv, Timestamp t, BagState<int64_t> bag, EventTimer<Quiet> quiet,
               Emit<std::string>) {
    bag.Add(kv.value);
    quiet.Set(t + Duration::Seconds(10));
  }
  void OnTimer(Quiet, TimerKey<std::string> key, BagState<int64_t> bag, Timestamp t,
               Emit<std::string> emit) {
    std::string text = *key + ":";
    for (const int64_t value : bag.Read()) text += " " + std::to_string(value);
    emit(text + " @" + std::to_string(t.millis / 1000));
    bag.Clear();
  }
};

TEST(Timers, InEventTime) {
  TestPipeline p;
  auto texts = p |
               TestStream<Pair>()
                   .AddElements({{{"a", 1}, At(1)}, {{"b", 2}, At(2)}})
                   .AdvanceWatermarkTo(At(5))
                   .AddElements({{{"a", 3}, At(6)}})
                   .AdvanceWatermarkTo(At(15))
                   .AddElements({{{"a", 4}, At(15)}})
                   .AdvanceWatermarkToInfinity() |
               ParDo(Gather());
  PAssert::That(texts).ContainsInAnyOrder({"b: 2 @12", "a: 1 3 4 @25"});
  EXPECT_TRUE(p.RunOk());
}

// Of bounded input the last setting of a key's timer counts: time runs when all is in.
TEST(Timers, OfBoundedInput) {
  TestPipeline p;
  auto texts = p | Create<Pair>({{"a", 1}, {"b", 2}, {"a", 40}}) |
               WithTimestamps([](const Pair& kv) { return At(kv.value); }) | ParDo(Gather());
  PAssert::That(texts).ContainsInAnyOrder({"a: 1 40 @50", "b: 2 @12"});
  EXPECT_TRUE(p.RunOk());
}

// A timer holds the watermark at its output timestamp: what it gives is not late.
TEST(Timers, HoldTheWatermark) {
  TestPipeline p;
  auto counts = p |
                TestStream<Pair>()
                    .AddElements({{{"a", 1}, At(1)}})
                    .AdvanceWatermarkTo(At(11))
                    .AdvanceWatermarkToInfinity() |
                ParDo(Gather()) | WindowInto(FixedWindows(Duration::Seconds(10))) |
                Count::Globally();
  PAssert::That(counts).InOnTimePane({At(10), At(20)}).ContainsInAnyOrder({1});
  EXPECT_TRUE(p.RunOk());
}

/// Gives late in event time what belongs to the element's.
struct Later {
  struct Due {};
  void Process(const Pair&, Timestamp t, EventTimer<Due> due, Emit<int64_t>) {
    due.WithOutputTimestamp(t).Set(t + Duration::Seconds(30));
  }
  void OnTimer(Due, Timestamp t, Emit<int64_t> emit) { emit(t.millis / 1000); }
};

// The watermark behind waits at the output timestamp, also where it has long passed in front.
TEST(Timers, HoldTheWatermarkAtTheirOutputTimestamp) {
  TestPipeline p;
  auto given = p |
               TestStream<Pair>()
                   .AddElements({{{"a", 1}, At(1)}})
                   .AdvanceWatermarkTo(At(25))
                   .AdvanceWatermarkToInfinity() |
               ParDo(Later());
  auto counts = given | WindowInto(FixedWindows(Duration::Seconds(10))) | Count::PerElement();
  PAssert::That(counts).InOnTimePane({At(0), At(10)}).ContainsInAnyOrder({{1, 1}});
  EXPECT_TRUE(p.RunOk());
}

/// Timers at the very end of their window, one of which asks for a later time.
struct AtTheEnd {
  struct Exact {};
  struct Relative {};
  void Process(const Pair&, Window window, EventTimer<Exact> exact, EventTimer<Relative> relative,
               ValueState<int64_t> state, Emit<std::string>) {
    state.Write(7);
    exact.Set(window.max_timestamp());
    relative.SetRelative(Duration::Hours(1));
  }
  void OnTimer(Exact, ValueState<int64_t> state, Emit<std::string> emit) {
    emit("exact " + std::to_string(state.ReadOr(0)));
  }
  void OnTimer(Relative, ValueState<int64_t> state, Emit<std::string> emit) {
    emit("relative " + std::to_string(state.ReadOr(0)));
  }
};

TEST(Timers, FireBeforeTheirWindowExpires) {
  TestPipeline p;
  auto texts = p |
               TestStream<Pair>()
                   .AdvanceWatermarkTo(At(1))
                   .AddElements({{{"a", 1}, At(1)}})
                   .AdvanceWatermarkToInfinity() |
               WindowInto(FixedWindows(Duration::Seconds(10))) | ParDo(AtTheEnd());
  PAssert::That(texts).ContainsInAnyOrder({"exact 7", "relative 7"});
  EXPECT_TRUE(p.RunOk());
}

struct Flush {
  struct Due {};
  void Process(const Pair& kv, BagState<int64_t> bag, ProcessingTimer<Due> due, Emit<int64_t>) {
    if (bag.IsEmpty()) due.SetRelative(Duration::Seconds(5));
    bag.Add(kv.value);
  }
  void OnTimer(Due, BagState<int64_t> bag, Emit<int64_t> emit) {
    emit(static_cast<int64_t>(bag.size()));
    bag.Clear();
  }
};

TEST(Timers, InProcessingTime) {
  TestPipeline p;
  auto sizes = p |
               TestStream<Pair>()
                   .AddElements({{{"a", 1}, At(1)}})
                   .AdvanceProcessingTime(Duration::Seconds(3))
                   .AddElements({{{"a", 2}, At(1)}})
                   .AdvanceProcessingTime(Duration::Seconds(3))
                   .AddElements({{{"a", 3}, At(1)}})
                   .AdvanceProcessingTime(Duration::Seconds(6))
                   .AdvanceWatermarkToInfinity() |
               ParDo(Flush());
  PAssert::That(sizes).ContainsInAnyOrder({2, 1});
  auto bounded = p | Create<Pair>({{"a", 1}, {"a", 2}}) | ParDo(Flush());
  PAssert::That(bounded).ContainsInAnyOrder({2});
  EXPECT_TRUE(p.RunOk());
}

/// A timer that sets itself again, until its window expires.
struct Loop {
  struct Tick {};
  void Process(const Pair&, EventTimer<Tick> tick, Timestamp t, Emit<std::string>) { tick.Set(t); }
  void OnTimer(Tick, Timestamp t, Window window, EventTimer<Tick> tick, Emit<std::string> emit) {
    emit("tick " + std::to_string(t.millis / 1000));
    const Timestamp next = t + Duration::Seconds(3);
    if (next <= window.max_timestamp()) tick.Set(next);
  }
  void OnWindowExpiration(TimerKey<std::string> key, Emit<std::string> emit) {
    emit("end " + *key);
  }
};

TEST(Timers, LoopUntilTheWindowExpires) {
  TestPipeline p;
  auto ticks = p |
               TestStream<Pair>()
                   .AddElements({{{"a", 1}, At(1)}})
                   .AdvanceWatermarkTo(At(5))
                   .AdvanceWatermarkToInfinity() |
               WindowInto(FixedWindows(Duration::Seconds(10))) | ParDo(Loop());
  PAssert::That(ticks).ContainsInAnyOrder({"tick 1", "tick 4", "tick 7", "end a"});
  EXPECT_TRUE(p.RunOk());
}

/// Two timers, of which one is a family.
struct Families {
  struct Names {};
  struct Stop {};
  void Process(const Pair& kv, Timestamp t, EventTimerFamily<Names> names, EventTimer<Stop> stop,
               Emit<std::string>) {
    names.Set("n" + std::to_string(kv.value), t + Duration::Seconds(kv.value));
    names.Get("gone").Set(At(9));
    names.Get("gone").Clear();
    stop.Align(Duration::Seconds(10)).SetRelative(Duration::Seconds(1));
  }
  void OnTimer(Names, TimerName name, Emit<std::string> emit) { emit(std::string(*name)); }
  void OnTimer(Stop, Timestamp t, Emit<std::string> emit) {
    emit("stop " + std::to_string(t.millis / 1000));
  }
};

TEST(Timers, FamiliesAndAlignment) {
  TestPipeline p;
  auto fired = p |
               TestStream<Pair>()
                   .AdvanceWatermarkTo(At(12))
                   .AddElements({{{"a", 1}, At(12)}, {{"a", 2}, At(12)}})
                   .AdvanceWatermarkToInfinity() |
               ParDo(Families());
  PAssert::That(fired).ContainsInAnyOrder({"n1", "n2", "stop 20"});
  EXPECT_TRUE(p.RunOk());
}

// State goes when its window has expired, and what comes after is dropped.
TEST(State, ExpiresWithItsWindow) {
  TestPipeline p;
  auto numbered =
      p |
      TestStream<Pair>()
          .AddElements({{{"a", 1}, At(1)}})
          .AdvanceWatermarkTo(At(14))
          .AddElements({{{"a", 2}, At(2)}})
          .AdvanceWatermarkTo(At(16))
          .AddElements({{{"a", 3}, At(3)}, {{"a", 4}, At(17)}})
          .AdvanceWatermarkToInfinity() |
      WindowInto(FixedWindows(Duration::Seconds(10))).WithAllowedLateness(Duration::Seconds(5)) |
      ParDo(Number());
  PAssert::That(numbered).ContainsInAnyOrder({"a1#0", "a2#1", "a4#0"});
  EXPECT_TRUE(p.RunOk());
}

/// What it gathers is given at the end of its bundle, also what timers gather.
struct AtBundlesEnd {
  struct Later {};
  std::vector<std::string> gathered;
  void StartBundle() { gathered.clear(); }
  void Process(const Pair&, EventTimer<Later> later, Timestamp t, Emit<std::string>) {
    gathered.push_back("element");
    later.Set(t + Duration::Seconds(1));
  }
  void OnTimer(Later) { gathered.push_back("timer"); }
  void FinishBundle(Emit<std::string> emit) {
    for (const std::string& text : gathered) emit(text);
  }
};

TEST(Timers, HaveBundlesOfTheirOwn) {
  TestPipeline p;
  auto texts = p |
               TestStream<Pair>().AddElements({{{"a", 1}, At(1)}}).AdvanceWatermarkToInfinity() |
               ParDo(AtBundlesEnd());
  PAssert::That(texts).ContainsInAnyOrder({"element", "timer"});
  EXPECT_TRUE(p.RunOk());
}

void ExpectFault(TestPipeline& p, const std::string& fault) {
  const std::string message = p.RunToEnd().status.message();
  EXPECT_NE(message.find(fault), std::string::npos) << message;
}

TEST(State, InSessionsIsRefused) {
  TestPipeline p;
  p | Create<Pair>({{"a", 1}}) | WindowInto(Sessions(Duration::Seconds(1))) |
      "Number" >> ParDo(Number());
  ExpectFault(p, "step \"Number\" at stateful_test.cc:");
}

struct TooLate {
  struct Never {};
  void Process(const Pair&, Window window, EventTimer<Never> never, Emit<int64_t>) {
    never.Set(window.end + Duration::Seconds(1));
  }
  void OnTimer(Never) {}
};

TEST(Timers, AfterTheWindowIsRefused) {
  TestPipeline p;
  p | Create<Pair>({{"a", 1}}) | WithTimestamps([](const Pair&) { return At(0); }) |
      WindowInto(FixedWindows(Duration::Seconds(1))) | ParDo(TooLate());
  ExpectFault(p,
              "a timer is set for 1970-01-01T00:00:02.000Z, after its window's expiration at "
              "1970-01-01T00:00:00.999Z");
}

struct Throws {
  struct Boom {};
  void Process(const Pair&, EventTimer<Boom> boom, Timestamp t, Emit<int64_t>) { boom.Set(t); }
  void OnTimer(Boom) { throw std::runtime_error("boom"); }
};

TEST(Timers, FailuresNameTheKey) {
  TestPipeline p;
  p | Create<Pair>({{"a", 1}}) | WithTimestamps([](const Pair&) { return At(0); }) |
      "Throw" >> ParDo(Throws());
  ExpectFault(p, "step \"Throw\": boom (element: timer of key \"a\")");
}

}  // namespace
}  // namespace joist
