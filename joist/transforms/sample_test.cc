// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/transforms/sample.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>
#include <string>
#include <vector>

#include "joist/sdk/testing/test_pipeline.h"
#include "joist/transforms/count_up.h"

namespace joist {
namespace {

TEST(Sample, Example) {
  TestPipeline p;
  auto lines = p | "Lines" >> Create({"a", "b", "c", "d"});
  auto visits = p | "Visits" >> Create<KV<std::string, int64_t>>({{"ann", 1}, {"ann", 2}});
  // [example]
  auto two = lines | joist::Sample::FixedSizeGlobally(2, /*seed=*/42);
  auto one_each = visits | joist::Sample::FixedSizePerKey(1);
  auto any = lines | joist::Sample::Any(3);
  // [example]
  PAssert::That(two).Satisfies([](const IterableView<std::vector<std::string>>& lists) {
    return lists.size() == 1 && (*lists.begin()).size() == 2 &&
           (*lists.begin())[0] != (*lists.begin())[1];
  });
  PAssert::That(one_each | Keys()).ContainsInAnyOrder({"ann"});
  PAssert::That(any | Count::Globally()).ContainsInAnyOrder({3});
  EXPECT_TRUE(p.RunOk());
}

TEST(Sample, FewerThanWantedAndNothing) {
  TestPipeline p;
  auto numbers = p | "Numbers" >> Create<int64_t>({1, 2, 3});
  auto none = p | "None" >> Create(std::vector<int64_t>());
  const auto each = FlatMap([](const std::vector<int64_t>& values) { return values; });
  PAssert::That(numbers | Sample::FixedSizeGlobally(9) | each).ContainsInAnyOrder({1, 2, 3});
  PAssert::That(numbers | Sample::Any(9)).ContainsInAnyOrder({1, 2, 3});
  PAssert::That(numbers | Sample::FixedSizeGlobally(0))
      .ContainsInAnyOrder({std::vector<int64_t>()});
  PAssert::That(none | Sample::FixedSizeGlobally(2)).ContainsInAnyOrder({std::vector<int64_t>()});
  PAssert::That(none | Sample::Any(2)).IsEmpty();
  EXPECT_TRUE(p.RunOk());
}

TEST(Sample, HasElementsOnceAndOfItsKey) {
  TestPipeline p;
  p.set_threads(4);
  auto samples = p | Create(CountUp(50'000)) |
                 Map([](int64_t n) { return KV<int64_t, int64_t>{n % 100, n}; }) |
                 Sample::FixedSizePerKey(20);
  PAssert::That(samples).Satisfies([](const auto& views) {
    size_t keys = 0;
    for (const auto& kv : views) {
      std::set<int64_t> distinct;
      for (const int64_t n : kv.value) {
        if (n % 100 != kv.key) return false;
        distinct.insert(n);
      }
      if (distinct.size() != 20) return false;
      ++keys;
    }
    return keys == 100;
  });
  EXPECT_TRUE(p.RunOk());
}

// Elements are divided unevenly over accumulators that are merged; each must be as likely as any
// other. Chi-square with 99 degrees of freedom exceeds 160 with a probability of 1e-4.
TEST(SampleFn, IsUniformAcrossMerges) {
  constexpr int kElements = 100, kSize = 7, kTrials = 20'000;
  std::vector<int> drawn(kElements);
  int pairs = 0;
  const SampleFn<int> fn{kSize, RandomStreams(12345)};
  for (int trial = 0; trial < kTrials; ++trial) {
    auto few = fn.CreateAccumulator(), many = fn.CreateAccumulator();
    for (int i = 0; i < kElements; ++i) fn.AddInput(i < 5 ? few : many, i);
    auto merged = fn.CreateAccumulator();
    fn.MergeAccumulators(merged, few);
    fn.MergeAccumulators(merged, many);
    const std::vector<int> sample = fn.ExtractOutput(merged);
    ASSERT_EQ(sample.size(), static_cast<size_t>(kSize));
    std::set<int> set(sample.begin(), sample.end());
    ASSERT_EQ(set.size(), sample.size());
    pairs += set.count(0) == 1 && set.count(99) == 1 ? 1 : 0;
    for (const int i : sample) ++drawn[static_cast<size_t>(i)];
  }
  const double expected = 1.0 * kTrials * kSize / kElements;
  double chi_square = 0;
  for (const int n : drawn) chi_square += (n - expected) * (n - expected) / expected;
  EXPECT_LT(chi_square, 160);
  EXPECT_GT(chi_square, 50);
  // Elements of different accumulators are drawn independently of each other.
  const double both = 1.0 * kTrials * kSize * (kSize - 1) / (kElements * (kElements - 1.0));
  EXPECT_NEAR(pairs, both, 4 * std::sqrt(both));
}

TEST(SampleFn, SeedsDecide) {
  const auto sample = [](std::optional<uint64_t> seed) {
    const SampleFn<int64_t> fn{10, RandomStreams(seed)};
    auto accumulator = fn.CreateAccumulator();
    for (int64_t n = 0; n < 1000; ++n) fn.AddInput(accumulator, n);
    return fn.ExtractOutput(accumulator);
  };
  EXPECT_EQ(sample(1), sample(1));
  EXPECT_NE(sample(1), sample(2));
  EXPECT_NE(sample(std::nullopt), sample(std::nullopt));
}

TEST(SampleFn, AccumulatorsTravel) {
  const SampleFn<std::string> fn{2, RandomStreams(5)};
  auto accumulator = fn.CreateAccumulator();
  for (const char* text : {"a", "b", "c"}) fn.AddInput(accumulator, text);
  auto copy = DecodeFromString<SampleFn<std::string>::Accumulator>(EncodeToString(accumulator));
  ASSERT_TRUE(copy.ok());
  EXPECT_EQ(fn.ExtractOutput(*copy), fn.ExtractOutput(accumulator));
  fn.AddInput(*copy, "d");
  fn.AddInput(accumulator, "d");
  EXPECT_EQ(fn.ExtractOutput(*copy), fn.ExtractOutput(accumulator));
}

}  // namespace
}  // namespace joist
