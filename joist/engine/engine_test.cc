// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <string>

#include "joist/sdk/testing/test_pipeline.h"

namespace joist {
namespace {

TEST(Engine, CountsWords) {
  TestPipeline p;
  auto counts = p | Create({"the cat", "the dog"}) |
                FlatMap([](std::string_view line, Emit<std::string> emit) {
                  const size_t space = line.find(' ');
                  emit(line.substr(0, space));
                  emit(line.substr(space + 1));
                }) |
                Count::PerElement();
  PAssert::That(counts).ContainsInAnyOrder({{"the", 2}, {"cat", 1}, {"dog", 1}});
  EXPECT_TRUE(p.RunOk());
}

TEST(Engine, CapturingFunctionsWork) {
  TestPipeline p;
  const int factor = 7;
  auto products = p | Create({1, 2, 3}) | Map([factor](int n) { return n * factor; });
  PAssert::That(products).ContainsInAnyOrder({7, 14, 21});
  EXPECT_TRUE(p.RunOk());
}

TEST(Engine, FailedAssertionSaysWhatDiffers) {
  TestPipeline p;
  PAssert::That(p | Create({1, 2})).ContainsInAnyOrder({2, 3});
  const JobOutcome outcome = p.RunToEnd();
  EXPECT_EQ(outcome.state, JobState::kFailed);
  EXPECT_NE(outcome.status.message().find("missing [3], unexpected [1]"), std::string::npos)
      << outcome.status.message();
}

}  // namespace
}  // namespace joist
