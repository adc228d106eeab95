// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/transforms/wait_on.h"

#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>
#include <string>
#include <vector>

#include "joist/sdk/testing/test_pipeline.h"
#include "joist/transforms/count_up.h"

namespace joist {
namespace {

TEST(Wait, Example) {
  TestPipeline p;
  auto ids = p | "Ids" >> Create({"a", "b"});
  auto written = p | "Rows" >> Create({1, 2, 3}) | "Write" >> Map([](int row) { return row; });
  // [example]
  auto after = ids | joist::Wait::On(written);
  // [example]
  PAssert::That(after).ContainsInAnyOrder({"a", "b"});
  EXPECT_TRUE(p.RunOk());
}

// The process in which the steps run has these to itself: a test runs once in each.
std::atomic<int64_t> signalled{0};
std::atomic<int64_t> signalled_too{0};

struct Fast {};

TEST(Wait, HoldsUntilAllSignalsAreComplete) {
  signalled = 0;
  signalled_too = 0;
  TestPipeline p;
  p.set_threads(4);
  auto first = p | "First" >> Create(CountUp(5000)) | Map([](int64_t n) {
                 ++signalled;
                 return n;
               });
  auto second = p | "Second" >> Create(CountUp(3000)) | Map([](int64_t n) {
                  ++signalled_too;
                  return std::to_string(n);
                });
  auto seen = p | "Main" >> Create(CountUp(10'000)) | Wait::On(first, second) |
              Map([](int64_t) { return KV{signalled.load(), signalled_too.load()}; });
  PAssert::That(seen | Count::PerElement()).ContainsInAnyOrder({{{5000, 3000}, 10'000}});
  EXPECT_TRUE(p.RunOk());
}

// The main input and the signal come of one step, in one stage.
TEST(Wait, OnOutputsOfTheSameStepAndOnItself) {
  signalled = 0;
  TestPipeline p;
  auto outputs = p | Create(CountUp(5000)) |
                 ParDo([](int64_t n, Emit<int64_t> main, Emit<int64_t, Fast> fast) {
                   ++signalled;
                   main(n);
                   fast(n);
                 });
  auto fast = outputs.Get<Fast>();
  PAssert::That(fast | "Twice" >> Wait::On(outputs.Get<Main>(), fast) |
                Map([](int64_t) { return signalled.load(); }) | Count::PerElement())
      .ContainsInAnyOrder({{5000, 5000}});
  EXPECT_TRUE(p.RunOk());
}

TEST(Wait, OnEmptySignalsKeepsTimes) {
  TestPipeline p;
  auto none = p | "None" >> Create(std::vector<std::string>());
  auto timed = p | Create<int64_t>({1, 2}) |
               FlatMap([](int64_t n, Emit<int64_t> emit) { emit(n, Timestamp{n}); });
  PAssert::That(timed | Wait::On(none) |
                Map([](int64_t n, Timestamp t) { return KV{n, t.millis}; }))
      .ContainsInAnyOrder({{1, 1}, {2, 2}});
  EXPECT_TRUE(p.RunOk());
}

TEST(Wait, PassesFailuresOn) {
  TestPipeline p;
  auto bad = p | "Bad" >> Create({1}) | "Fail" >> Map([](int n) {
                                          if (n == 1) throw std::runtime_error("no");
                                          return n;
                                        });
  p | "Main" >> Create({1}) | Wait::On(bad);
  const JobOutcome outcome = p.RunToEnd();
  EXPECT_EQ(outcome.state, JobState::kFailed);
  EXPECT_EQ(outcome.status.message(), "step \"Fail\": no (element: 1)");
}

}  // namespace
}  // namespace joist
