// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/transforms/argument.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "joist/sdk/testing/test_pipeline.h"
#include "joist/transforms/approximate_distinct.h"
#include "joist/transforms/group_into_batches.h"
#include "joist/transforms/hot_key_fanout.h"
#include "joist/transforms/partition.h"
#include "joist/transforms/quantiles.h"
#include "joist/transforms/sample.h"
#include "joist/transforms/top.h"

namespace joist {
namespace {

template <class X>
std::string FaultOf(const X& transform) {
  TestPipeline p;
  (void)(p | Create<KV<int64_t, int64_t>>({{1, 1}}) | transform);
  const JobOutcome outcome = p.RunToEnd();
  EXPECT_EQ(outcome.state, JobState::kFailed);
  return outcome.status.message();
}

// What is wrong with a number is one line, with the place, and nothing runs.
TEST(Arguments, AreFaultsOfThePipeline) {
  using testing::AllOf, testing::EndsWith, testing::StartsWith;
  const auto says = [](const std::string& kind, const std::string& what) {
    return AllOf(StartsWith(kind + " at argument_test.cc:"), EndsWith(" was given " + what));
  };
  const auto part = [](const KV<int64_t, int64_t>&) { return 0; };
  const auto less = [](const KV<int64_t, int64_t>&, const KV<int64_t, int64_t>&) { return false; };
  EXPECT_THAT(FaultOf(Partition(0, part)), says("Partition", "0; it needs 1 to 1024 parts"));
  EXPECT_THAT(FaultOf(Partition(1 << 20, part)),
              says("Partition", "1048576; it needs 1 to 1024 parts"));
  EXPECT_THAT(FaultOf(Top::Of(-1, less)), says("Top", "-1; it needs a count of 0 or more"));
  EXPECT_THAT(FaultOf(Top::LargestPerKey(-1)),
              says("Top.PerKey", "-1; it needs a count of 0 or more"));
  EXPECT_THAT(FaultOf(Sample::FixedSizeGlobally(-1)),
              says("Sample.FixedSizeGlobally", "-1; it needs a size of 0 or more"));
  EXPECT_THAT(FaultOf(Sample::FixedSizePerKey(-2)),
              says("Sample.FixedSizePerKey", "-2; it needs a size of 0 or more"));
  EXPECT_THAT(FaultOf(Sample::Any(-3)), says("Sample.Any", "-3; it needs a size of 0 or more"));
  EXPECT_THAT(FaultOf(GroupIntoBatches(0)),
              says("GroupIntoBatches", "0; it needs batches of 1 or more"));
  EXPECT_THAT(FaultOf(WithHotKeyFanout(Combine::PerKey(CountFn()), 0)),
              says("WithHotKeyFanout", "0; it needs a fan-out of 1 or more"));
  EXPECT_THAT(FaultOf(ApproximateDistinct::Globally(3)),
              says("ApproximateDistinct", "3; it needs a precision of 4 to 18"));
  EXPECT_THAT(FaultOf(ApproximateDistinct::PerKey(19)),
              says("ApproximateDistinct.PerKey", "19; it needs a precision of 4 to 18"));
  EXPECT_THAT(FaultOf(ApproximateQuantiles::PerKey(1)),
              says("ApproximateQuantiles.PerKey", "1; it needs 2 or more quantiles"));
  EXPECT_THAT(FaultOf(ApproximateQuantiles::PerKey(2, std::less<>(), 0)),
              says("ApproximateQuantiles.PerKey", "0.000000; it needs an error between 0 and 1"));
}

}  // namespace
}  // namespace joist
