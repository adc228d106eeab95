// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Streams that follow a script, through the embedded engine: panes, lateness, side inputs that
// come later, windows that merge.

#include "joist/sdk/testing/test_stream.h"

#include <gtest/gtest.h>

#include <string>

#include "joist/joist.h"
#include "joist/sdk/testing/passert.h"
#include "joist/sdk/testing/test_pipeline.h"

namespace joist {
namespace {

constexpr Timestamp At(int64_t seconds) { return Timestamp::Seconds(seconds); }
constexpr Window Of(int64_t start, int64_t end) { return {At(start), At(end)}; }

/// "key value TIMING index [first] [last]".
auto ShowPanes() {
  return Map([](const KV<std::string, int64_t>& kv, PaneInfo pane) {
    return kv.key + " " + std::to_string(kv.value) + " " + pane.ToString();
  });
}

Trigger EarlyAndLate() {
  return Trigger::AfterWatermark(Trigger::Repeatedly(Trigger::AfterCount(2)),
                                 Trigger::Repeatedly(Trigger::AfterCount(1)));
}

TEST(TestStream, EarlyOnTimeAndLatePanes) {
  TestPipeline p;
  auto words = p | TestStream<std::string>()
                       .AddElements({{"a", At(1)}, {"a", At(2)}})
                       .AddElements({{"a", At(3)}})
                       .AdvanceWatermarkTo(At(60))
                       .AddElements({{"a", At(4)}, {"b", At(70)}})
                       .AdvanceWatermarkTo(At(100))
                       .AddElements({{"a", At(5)}})
                       .AdvanceWatermarkToInfinity();
  auto counts = words |
                WindowInto(FixedWindows(Duration::Minutes(1)))
                    .Triggering(EarlyAndLate())
                    .AccumulatingFiredPanes()
                    .WithAllowedLateness(Duration::Seconds(30)) |
                Count::PerElement();
  PAssert::That(counts).InEarlyPane(Of(0, 60)).ContainsInAnyOrder({{"a", 2}});
  PAssert::That(counts).InOnTimePane(Of(0, 60)).ContainsInAnyOrder({{"a", 3}});
  PAssert::That(counts).InLatePane(Of(0, 60)).ContainsInAnyOrder({{"a", 4}});
  PAssert::That(counts).InWindow(Of(60, 120)).ContainsInAnyOrder({{"b", 1}});
  PAssert::That(counts | ShowPanes())
      .ContainsInAnyOrder({"a 2 EARLY pane 0 (on time -1), first", "a 3 ON_TIME pane 1 (on time 0)",
                           "a 4 LATE pane 2 (on time 1)", "b 1 ON_TIME pane 0, first"});
  EXPECT_TRUE(p.RunOk());
}

TEST(TestStream, ProcessingTimeTrigger) {
  TestPipeline p;
  auto sums =
      p |
      TestStream<KV<std::string, int64_t>>()
          .AddElements({{{"a", 1}, At(0)}})
          .AdvanceProcessingTime(Duration::Seconds(5))
          .AddElements({{{"a", 2}, At(0)}})
          .AdvanceProcessingTime(Duration::Seconds(11))
          .AddElements({{{"a", 4}, At(0)}})
          .AdvanceWatermarkToInfinity() |
      WindowInto(GlobalWindows())
          .Triggering(Trigger::Repeatedly(Trigger::AfterProcessingTime(Duration::Seconds(10))))
          .DiscardingFiredPanes() |
      Sum::PerKey();
  PAssert::That(sums).ContainsInAnyOrder({{"a", 3}, {"a", 4}});
  EXPECT_TRUE(p.RunOk());
}

TEST(TestStream, SessionsMerge) {
  TestPipeline p;
  auto groups = p |
                TestStream<KV<std::string, std::string>>()
                    .AddElements({{{"k", "a"}, At(0)}})
                    .AddElements({{{"k", "b"}, At(18)}})
                    .AddElements({{{"k", "c"}, At(9)}})
                    .AdvanceWatermarkToInfinity() |
                WindowInto(Sessions(Duration::Seconds(10))) | GroupByKey() |
                Map([](const KV<std::string, Iterable<std::string>>& group) {
                  std::string all = group.key + ":";
                  for (const std::string_view value : group.value) all += value;
                  return all;
                });
  PAssert::That(groups).InOnTimePane(Of(0, 28)).ContainsInAnyOrder({"k:abc"});
  EXPECT_TRUE(p.RunOk());
}

// What comes before its side input waits for it.
TEST(TestStream, SideInputsAreWaitedFor) {
  TestPipeline p;
  const auto windows = FixedWindows(Duration::Seconds(10));
  auto side = p |
              "SideScript" >> TestStream<int64_t>()
                                  .AdvanceWatermarkTo(At(0))
                                  .AddElements({{7, At(3)}})
                                  .AdvanceWatermarkTo(At(20))
                                  .AdvanceWatermarkToInfinity() |
              "SideWindows" >> WindowInto(windows);
  auto main = p |
              "Script" >> TestStream<std::string>()
                              .AddElements({{"a", At(1)}, {"b", At(15)}})
                              .AddElements({{"c", At(2)}})
                              .AdvanceWatermarkToInfinity() |
              "Windows" >> WindowInto(windows) |
              Map([](std::string_view word,
                     SideInput<int64_t> side) { return std::string(word) + std::to_string(*side); },
                  AsSingleton(side, int64_t{-1}));
  PAssert::That(main).ContainsInAnyOrder({"a7", "b-1", "c7"});
  // They hold the watermark back: nothing is late behind.
  auto counts = main | Count::Globally();
  PAssert::ThatSingleton(counts).InWindow(Of(0, 10)).IsEqualTo(2);
  EXPECT_TRUE(p.RunOk());
}

TEST(TestStream, LateElementsAreCounted) {
  TestPipeline p;
  p |
      TestStream<std::string>()
          .AddElements({{"a", At(1)}})
          .AdvanceWatermarkTo(At(20))
          .AddElements({{"a", At(2)}, {"b", At(3)}, {"c", At(30)}})
          .AdvanceWatermarkToInfinity() |
      WindowInto(FixedWindows(Duration::Seconds(10))) | "Count" >> Count::PerElement();
  const JobOutcome outcome = p.RunToEnd();
  ASSERT_TRUE(outcome.status.ok()) << outcome.status.message();
  int64_t dropped = 0;
  for (const auto& metric : outcome.metrics.metrics) {
    if (metric.name.name == "DroppedDueToLateness") dropped += metric.value.sum;
  }
  EXPECT_EQ(dropped, 2);
}

struct CountsBundles {
  int64_t of_bundle = 0;
  void StartBundle() { of_bundle = 0; }
  void Process(std::string_view, Emit<int64_t>) { ++of_bundle; }
  void FinishBundle(Emit<int64_t> emit) {
    if (of_bundle > 0) emit(of_bundle);
  }
};

TEST(TestStream, BundlesBeginAndEnd) {
  TestPipeline p;
  auto sizes = p |
               TestStream<std::string>()
                   .AddElements({{"a", At(1)}, {"b", At(1)}})
                   .AddElements({{"c", At(1)}})
                   .AdvanceWatermarkToInfinity() |
               ParDo(CountsBundles());
  PAssert::That(sizes).ContainsInAnyOrder({2, 1});
  EXPECT_TRUE(p.RunOk());
}

TEST(TestStream, JoinsAndFlattens) {
  TestPipeline p;
  const auto windows = FixedWindows(Duration::Seconds(10));
  using Pair = KV<std::string, int64_t>;
  auto left = p |
              "LeftScript" >> TestStream<Pair>()
                                  .AddElements({{{"a", 1}, At(1)}, {{"b", 2}, At(1)}})
                                  .AdvanceWatermarkToInfinity() |
              "Left" >> WindowInto(windows);
  auto right = p |
               "RightScript" >> TestStream<Pair>()
                                    .AdvanceWatermarkTo(At(5))
                                    .AddElements({{{"a", 3}, At(9)}})
                                    .AdvanceWatermarkToInfinity() |
               "Right" >> WindowInto(windows);
  auto joined = CoGroupByKey(left, right) |
                Map([](const KV<std::string, CoGbkResult<int64_t, int64_t>>& group) {
                  return group.key + std::to_string(group.value.Get<0>().size()) +
                         std::to_string(group.value.Get<1>().size());
                });
  PAssert::That(joined).ContainsInAnyOrder({"a11", "b10"});
  PAssert::That(Flatten(left, right) | Sum::PerKey()).ContainsInAnyOrder({{"a", 4}, {"b", 2}});
  EXPECT_TRUE(p.RunOk());
}

void ExpectFault(TestPipeline& p, const std::string& fault) {
  const std::string message = p.RunToEnd().status.message();
  EXPECT_NE(message.find(fault), std::string::npos) << message;
}

TEST(TestStream, EndlessGroupingIsRefused) {
  TestPipeline p;
  p | TestStream<std::string>().AddElements({{"a", At(1)}}) | Count::PerElement();
  ExpectFault(p, "groups a collection without end in the global window with the default trigger");
}

TEST(TestStream, ClocksDontGoBack) {
  TestPipeline p;
  p | "Script" >> TestStream<int64_t>().AdvanceWatermarkTo(At(5)).AdvanceWatermarkTo(At(4));
  ExpectFault(p, "lets a clock go back");
}

TEST(TestStream, FailuresNameTheStep) {
  TestPipeline p;
  p | TestStream<int64_t>().AddElements({{5, At(5)}}) | "Throw" >> Map([](int64_t n) -> int64_t {
                                                          if (n == 5)
                                                            throw std::runtime_error("five");
                                                          return n;
                                                        });
  ExpectFault(p, "step \"Throw\": five (element: 5)");
}

}  // namespace
}  // namespace joist
