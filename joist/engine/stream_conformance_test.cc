// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// The scripts of conformance/*.yaml as pipelines: TestStream, WindowInto, GroupByKey.

#include <algorithm>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "joist/joist.h"
#include "joist/model/testing/conformance_cases.h"
#include "joist/sdk/testing/passert.h"
#include "joist/sdk/testing/test_pipeline.h"
#include "joist/sdk/testing/test_stream.h"

namespace joist {
namespace {

using Pair = KV<std::string, int64_t>;

TestStream<Pair> StreamOf(const YAML::Node& script) {
  TestStream<Pair> stream;
  for (const YAML::Node& step : script) {
    if (step["add"]) {
      std::vector<TimestampedValue<Pair>> elements;
      for (const YAML::Node& element : step["add"]) {
        elements.push_back(
            {{element[0].as<std::string>(), element[1].as<int64_t>()}, SecondOf(element[2])});
      }
      stream = std::move(stream).AddElements(elements);
    } else if (step["watermark"]) {
      stream = std::move(stream).AdvanceWatermarkTo(SecondOf(step["watermark"]));
    } else {
      stream = std::move(stream).AdvanceProcessingTime(SecondsOf(step["processing_time"]));
    }
  }
  return std::move(stream).AdvanceWatermarkToInfinity();
}

WindowInto WindowingOf(const WindowingStrategy& strategy) {
  WindowInto into = WindowInto(strategy.window_fn)
                        .Triggering(strategy.trigger)
                        .WithAllowedLateness(strategy.allowed_lateness, strategy.closing_behavior)
                        .WithTimestampCombiner(strategy.timestamp_combiner)
                        .WithOnTimeBehavior(strategy.on_time_behavior);
  return strategy.accumulation_mode == AccumulationMode::kAccumulating
             ? std::move(into).AccumulatingFiredPanes()
             : std::move(into).DiscardingFiredPanes();
}

std::string ShowGroup(const KV<std::string, Iterable<int64_t>>& group, Timestamp t, Window window,
                      PaneInfo info) {
  NaiveGrouping::Pane pane{std::string(group.key), window, t, {}, info};
  for (const int64_t value : group.value) pane.values.push_back(value);
  return TextOf(std::move(pane));
}

TEST(Conformance, PipelinesGiveThePanesOfTheScripts) {
  int refused = 0;
  ForEachCase([&](const YAML::Node& yaml, const std::vector<std::string>& expected) {
    const WindowingStrategy strategy = StrategyOf(yaml);
    TestPipeline p;
    auto panes = p | "Script" >> StreamOf(yaml["script"]) | "Windows" >> WindowingOf(strategy) |
                 GroupByKey() | "Show" >> Map(&ShowGroup);
    PAssert::That(panes).ContainsInAnyOrder(expected);
    const Status status = p.RunToEnd().status;
    if (!strategy.ValidateGrouping(/*is_bounded=*/false).ok()) {
      // As in Beam: it could never give anything, or loses elements.
      ++refused;
      EXPECT_EQ(status.code(), StatusCode::kInvalidArgument) << status.message();
    } else {
      EXPECT_TRUE(status.ok()) << status.message();
    }
  });
  EXPECT_LT(refused, 20);
  RecordProperty("refused", refused);
}

}  // namespace
}  // namespace joist
