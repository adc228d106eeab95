// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// TestPipeline: a pipeline for tests. With JOIST_TEST_SECOND_PROCESS=1 in the environment it runs
// in a second process to which its functions are sent, as they would be to a worker on another
// machine.
//
//   TEST(WordCount, Counts) {
//     joist::TestPipeline p;
//     auto counts = p | joist::Create({"a", "b", "a"}) | joist::Count::PerElement();
//     joist::PAssert::That(counts).ContainsInAnyOrder({{"a", 2}, {"b", 1}});
//     EXPECT_TRUE(p.RunOk());
//   }

#ifndef JOIST_SDK_TESTING_TEST_PIPELINE_H_
#define JOIST_SDK_TESTING_TEST_PIPELINE_H_

#include <string>
#include <utility>

#include "joist/joist.h"
#include "joist/sdk/testing/passert.h"

#if __has_include(<gtest/gtest.h>)
#include <gtest/gtest.h>
#endif

namespace joist {

class TestPipeline : public Pipeline {
 public:
  TestPipeline() : TestPipeline(CurrentTest()) {}
  /// `test` is the name of the test, "Suite.Case", by which a second process finds it again.
  explicit TestPipeline(std::string test);

  void set_threads(int threads) { threads_ = threads; }
  /// Bytes that data may take; by default as a pipeline has it.
  void set_memory(int64_t bytes) { memory_ = bytes; }

  /// Runs to the end.
  JobOutcome RunToEnd();

#if __has_include(<gtest/gtest.h>)
  /// Runs to the end; for EXPECT_TRUE, which then says what went wrong.
  testing::AssertionResult RunOk() {
    const JobOutcome outcome = RunToEnd();
    if (outcome.status.ok()) return testing::AssertionSuccess();
    return testing::AssertionFailure() << outcome.status.message();
  }
#endif

 private:
  static std::string CurrentTest() {
#if __has_include(<gtest/gtest.h>)
    if (const auto* test = testing::UnitTest::GetInstance()->current_test_info()) {
      return std::string(test->test_suite_name()) + "." + test->name();
    }
#endif
    return "";
  }

  std::string test_;
  std::string name_;  ///< The test and which of its pipelines this is.
  int threads_ = 2;
  int64_t memory_ = 0;
};

}  // namespace joist

#endif  // JOIST_SDK_TESTING_TEST_PIPELINE_H_
