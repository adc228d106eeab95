// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/transforms/generate_sequence.h"

#include <gtest/gtest.h>

#include <chrono>
#include <stdexcept>
#include <string>
#include <vector>

#include "joist/sdk/combine.h"
#include "joist/sdk/testing/test_pipeline.h"
#include "joist/sdk/window_into.h"

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

const auto in_seconds = [](int64_t n) { return Timestamp::Seconds(n); };

TEST(GenerateSequence, NumbersHaveTheTimestampsOfAFunction) {
  TestPipeline p;
  const Duration minute = Duration::Minutes(1);
  auto numbers = p | GenerateSequence(0).To(150).WithTimestampFn(in_seconds);
  EXPECT_TRUE(p.builder().graph().collections()[numbers.id()].is_bounded);
  const auto windows = numbers | WindowInto(FixedWindows(minute));
  PAssert::That(windows)
      .InWindow({Timestamp::Seconds(60), Timestamp::Seconds(120)})
      .ContainsInAnyOrder(Counted(60, 120));
  auto rated =
      p |
      "Rated" >>
          GenerateSequence(55).To(65).WithRate(10, Duration::Millis(1)).WithTimestampFn(in_seconds);
  PAssert::That(rated | "RatedWindows" >> WindowInto(FixedWindows(minute)))
      .InWindow({Timestamp::Seconds(60), Timestamp::Seconds(120)})
      .ContainsInAnyOrder(Counted(60, 65));
  EXPECT_TRUE(p.RunOk());
}

struct Hours {
  int64_t each = 1;
  Timestamp operator()(int64_t n) const { return Timestamp::Seconds(3600 * each * n); }
};
JOIST_ROW(Hours, each)

TEST(GenerateSequence, AStreamsWatermarkIsThatOfTheLastNumber) {
  TestPipeline p;
  auto numbers = p | GenerateSequence(0).WithRate(1, Duration::Millis(1)).WithTimestampFn(Hours{2});
  EXPECT_FALSE(p.builder().graph().collections()[numbers.id()].is_bounded);
  // Two numbers in each window, which only a watermark lets out.
  numbers | "Patience" >> Map([](int64_t n) {
              if (n > 3000) throw std::runtime_error("no window came out");
              return n;
            }) |
      WindowInto(FixedWindows(Duration::Hours(4))) | Count::Globally() |
      "Stop" >> Map([](int64_t count, Window window) {
        if (count != 2) throw std::runtime_error("not two");
        if (window.start >= Timestamp::Seconds(4 * 3600 * 5)) throw std::runtime_error("enough");
        return count;
      });
  EXPECT_NE(p.RunToEnd().status.message().find("enough"), std::string::npos);
}

TEST(GenerateSequence, MistakesAreFaults) {
  TestPipeline p;
  p | "Backwards" >> GenerateSequence(5).To(3);
  EXPECT_NE(p.RunToEnd().status.message().find("ends at 3, before it begins at 5"),
            std::string::npos);
}

}  // namespace
}  // namespace joist
