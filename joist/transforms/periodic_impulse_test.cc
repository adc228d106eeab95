// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/transforms/periodic_impulse.h"

#include <gtest/gtest.h>

#include <string>

#include "joist/sdk/combine.h"
#include "joist/sdk/testing/test_pipeline.h"
#include "joist/sdk/testing/test_stream.h"
#include "joist/sdk/window_into.h"
#include "joist/transforms/latest.h"

namespace joist {
namespace {

Timestamp Second(int64_t seconds) { return Timestamp::Seconds(seconds); }

TEST(PeriodicImpulse, FiresAtItsTimes) {
  TestPipeline p;
  // Long past, so that all of it comes at once.
  auto impulses = p | PeriodicImpulse(Second(0), Duration::Seconds(10)).Until(Second(31));
  EXPECT_FALSE(p.builder().graph().collections()[impulses.id()].is_bounded);
  PAssert::That(impulses).ContainsInAnyOrder({Second(0), Second(10), Second(20), Second(30)});
  EXPECT_TRUE(p.RunOk());
}

TEST(PeriodicImpulse, EachInAWindowOfItsOwn) {
  TestPipeline p;
  auto counts =
      p | PeriodicImpulse(Second(5), Duration::Seconds(10)).Until(Second(25)).ApplyWindowing() |
      Count::Globally();
  PAssert::That(counts).InOnTimePane({Second(5), Second(15)}).ContainsInAnyOrder({1});
  PAssert::That(counts).InOnTimePane({Second(15), Second(25)}).ContainsInAnyOrder({1});
  EXPECT_TRUE(p.RunOk());
}

/// "Slowly updating side input using windowing" and "… global window side inputs" in Beam's
/// documentation.
TEST(PeriodicImpulse, ASideInputIsReadAnew) {
  TestPipeline p;
  auto version = p | PeriodicImpulse(Second(0), Duration::Seconds(60)).Until(Second(300)) |
                 Map([](Timestamp at) { return at.millis / 60000; }) |
                 WindowInto(GlobalWindows())
                     .Triggering(Trigger::Repeatedly(Trigger::AfterCount(1)))
                     .DiscardingFiredPanes() |
                 Latest::Globally();  // Two come at once where the clock leaps.
  auto seen = p |
              TestStream<std::string>()
                  .AddElements({{"a", Second(1)}})
                  .AdvanceProcessingTime(Duration::Seconds(60))
                  .AddElements({{"b", Second(2)}})
                  .AdvanceProcessingTime(Duration::Seconds(30))
                  .AddElements({{"c", Second(3)}})
                  .AdvanceProcessingTime(Duration::Seconds(120))
                  .AddElements({{"d", Second(4)}})
                  .AdvanceWatermarkToInfinity() |
              Map([](std::string_view text,
                     SideInput<int64_t> of) { return std::string(text) + std::to_string(*of); },
                  AsSingleton(version));
  PAssert::That(seen).ContainsInAnyOrder({"a0", "b1", "c1", "d3"});
  EXPECT_TRUE(p.RunOk());
}

TEST(PeriodicImpulse, ASideInputOfEachWindow) {
  TestPipeline p;
  auto version =
      p | PeriodicImpulse(Second(0), Duration::Seconds(60)).Until(Second(180)).ApplyWindowing() |
      Map([](Timestamp at) { return at.millis / 60000; });
  auto seen = p |
              TestStream<std::string>()
                  .AddElements({{"a", Second(1)}, {"b", Second(61)}, {"c", Second(125)}})
                  .AdvanceProcessingTime(Duration::Seconds(60))
                  .AddElements({{"d", Second(2)}})
                  .AdvanceWatermarkToInfinity() |
              WindowInto(FixedWindows(Duration::Seconds(60))) |
              Map([](std::string_view text,
                     SideInput<int64_t> of) { return std::string(text) + std::to_string(*of); },
                  AsSingleton(version));
  PAssert::That(seen).ContainsInAnyOrder({"a0", "b1", "c2", "d0"});
  EXPECT_TRUE(p.RunOk());
}

TEST(PeriodicImpulse, AnIntervalIsPositive) {
  TestPipeline p;
  p | PeriodicImpulse(Second(0), Duration());
  EXPECT_NE(p.RunToEnd().status.message().find("interval that is not positive"), std::string::npos);
}

}  // namespace
}  // namespace joist
