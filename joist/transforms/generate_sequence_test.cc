// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/transforms/generate_sequence.h"

#include <gtest/gtest.h>

#include <chrono>
#include <vector>

#include "joist/sdk/testing/test_pipeline.h"

namespace joist {
namespace {

std::vector<int64_t> Counted(int64_t from, int64_t to) {
  std::vector<int64_t> numbers;
  for (int64_t i = from; i < to; ++i) numbers.push_back(i);
  return numbers;
}

TEST(GenerateSequence, CountsFromOneNumberToAnother) {
  TestPipeline p;
  PAssert::That(p | GenerateSequence(-5).To(1000)).ContainsInAnyOrder(Counted(-5, 1000));
  PAssert::That(p | GenerateSequence(3).To(3)).IsEmpty();
  EXPECT_TRUE(p.RunOk());
}

TEST(GenerateSequence, KeepsToItsRate) {
  TestPipeline p;
  auto numbers = p | GenerateSequence(0).To(21).WithRate(2, Duration::Millis(20));
  EXPECT_TRUE(p.builder().graph().collections()[numbers.id()].is_bounded);
  PAssert::That(numbers).ContainsInAnyOrder(Counted(0, 21));
  const auto start = std::chrono::steady_clock::now();
  EXPECT_TRUE(p.RunOk());
  // The last one is due after ten periods.
  EXPECT_GE(std::chrono::steady_clock::now() - start, std::chrono::milliseconds(195));
}

TEST(GenerateSequence, EndsAfterATime) {
  TestPipeline p;
  auto numbers =
      p |
      GenerateSequence(0).WithRate(1, Duration::Millis(1)).WithMaxReadTime(Duration::Millis(100));
  PAssert::That(numbers).Satisfies(
      [](const IterableView<int64_t>& all) { return all.size() >= 2 && all.size() <= 102; });
  EXPECT_TRUE(p.RunOk());
}

TEST(GenerateSequence, WithoutAnEndItIsAStream) {
  TestPipeline p;
  auto numbers = p | GenerateSequence(0);
  EXPECT_FALSE(p.builder().graph().collections()[numbers.id()].is_bounded);
}

TEST(GenerateSequence, MistakesAreFaults) {
  TestPipeline p;
  p | "Backwards" >> GenerateSequence(5).To(3);
  EXPECT_NE(p.RunToEnd().status.message().find("ends at 3, before it begins at 5"),
            std::string::npos);
}

}  // namespace
}  // namespace joist
