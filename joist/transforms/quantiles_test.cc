// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/transforms/quantiles.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "joist/sdk/testing/test_pipeline.h"

namespace joist {
namespace {

std::vector<int64_t> Shuffled(int64_t count, uint64_t seed) {
  std::vector<int64_t> numbers;
  for (int64_t n = 0; n < count; ++n) numbers.push_back(n);
  std::shuffle(numbers.begin(), numbers.end(), std::mt19937_64(seed));
  return numbers;
}

TEST(ApproximateQuantiles, Example) {
  TestPipeline p;
  auto latencies = p | Create<KV<std::string, double>>(
                           {{"a", 5}, {"a", 1}, {"a", 4}, {"a", 2}, {"a", 3}, {"b", 9}});
  // [example]
  auto quartiles = latencies | joist::Values() | joist::ApproximateQuantiles::Globally(5);
  auto extremes_and_median = latencies | joist::ApproximateQuantiles::PerKey(3);
  // [example]
  PAssert::That(quartiles).Satisfies([](const IterableView<std::vector<double>>& lists) {
    const std::vector<double> list = *lists.begin();
    return list.size() == 5 && list.front() == 1 && list.back() == 9;
  });
  PAssert::That(extremes_and_median).ContainsInAnyOrder({{"a", {1, 3, 5}}, {"b", {9, 9, 9}}});
  EXPECT_TRUE(p.RunOk());
}

// Few elements are all kept, and quantiles are exact.
TEST(ApproximateQuantiles, OfFewIsExact) {
  TestPipeline p;
  p.set_threads(4);
  auto numbers = p | "Numbers" >> Create(Shuffled(101, 1));
  PAssert::That(numbers | ApproximateQuantiles::Globally(11))
      .ContainsInAnyOrder({{0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100}});
  PAssert::That(numbers | ApproximateQuantiles::Globally(3, std::greater<>()))
      .ContainsInAnyOrder({{100, 50, 0}});
  auto texts = p | "Texts" >> Create({"ccc", "a", "bb"});
  PAssert::That(texts | ApproximateQuantiles::Globally(
                            3, [](const std::string& a,
                                  const std::string& b) { return a.size() < b.size(); }))
      .ContainsInAnyOrder({{"a", "bb", "ccc"}});
  PAssert::That(p | "None" >> Create(std::vector<int>()) | ApproximateQuantiles::Globally(4))
      .ContainsInAnyOrder({std::vector<int>()});
  EXPECT_TRUE(p.RunOk());
}

TEST(ApproximateQuantiles, OfManyByThreads) {
  TestPipeline p;
  p.set_threads(4);
  PAssert::That(p | Create(Shuffled(200'000, 2)) | ApproximateQuantiles::Globally(101))
      .Satisfies([](const IterableView<std::vector<int64_t>>& lists) {
        const std::vector<int64_t>& list = *lists.begin();
        for (size_t i = 0; i < list.size(); ++i) {
          const double error =
              static_cast<double>(list[i]) / 199'999 - static_cast<double>(i) / 100;
          if (std::abs(error) > 0.015) return false;  // 101 quantiles at once: a wider bound.
        }
        return list.size() == 101 && list[0] == 0 && list[100] == 199'999;
      });
  EXPECT_TRUE(p.RunOk());
}

// The greatest error of single quantiles that 99 % of many sketches keep to, as a share of n.
double ErrorOf99Percent(double bound, int64_t count, int parts, int trials, size_t* held) {
  std::vector<double> errors;
  for (int trial = 0; trial < trials; ++trial) {
    std::mt19937_64 random(static_cast<uint64_t>(trial));
    ApproximateQuantilesFn<int64_t> fn{
        21, KllSketch<int64_t>::SizeFor(bound), RandomStreams(random()), {}};
    const std::vector<int64_t> numbers = Shuffled(count, random());
    std::vector<KllSketch<int64_t>> sketches(static_cast<size_t>(parts));
    for (const int64_t n : numbers) {
      // Uneven parts.
      const size_t part = static_cast<size_t>(std::min<uint64_t>(
          random() % static_cast<uint64_t>(parts), random() % static_cast<uint64_t>(parts)));
      fn.AddInput(sketches[part], n);
    }
    auto merged = fn.CreateAccumulator();
    for (const auto& sketch : sketches) fn.MergeAccumulators(merged, sketch);
    EXPECT_EQ(merged.count, count);
    int64_t weight = 0;
    for (size_t h = 0; h < merged.levels.size(); ++h) {
      weight += static_cast<int64_t>(merged.levels[h].size()) << h;
    }
    EXPECT_EQ(weight, count);
    *held = std::max(*held, merged.Held());
    const std::vector<int64_t> quantiles = fn.ExtractOutput(merged);
    for (size_t i = 1; i + 1 < quantiles.size(); ++i) {
      const double rank = static_cast<double>(i) / 20 * static_cast<double>(count - 1);
      errors.push_back(std::abs(static_cast<double>(quantiles[i]) - rank) /
                       static_cast<double>(count));
    }
  }
  std::sort(errors.begin(), errors.end());
  return errors[errors.size() * 99 / 100];
}
TEST(KllSketch, ErrorIsAsStated) {
  for (const double bound : {0.2, 0.05, 0.01}) {
    for (const int parts : {1, 2, 8}) {
      for (const int64_t count : {1000, 50'000}) {
        size_t held = 0;
        const double error = ErrorOf99Percent(bound, count, parts, 60, &held);
        EXPECT_LT(error, bound) << bound << ", " << parts << ", " << count;
        const double k = static_cast<double>(KllSketch<int64_t>::SizeFor(bound));
        EXPECT_LT(static_cast<double>(held), 3 * k + 100) << bound << ", " << parts;
        RecordProperty("error_" + std::to_string(bound) + "_" + std::to_string(parts) + "_" +
                           std::to_string(count),
                       std::to_string(error));
      }
    }
  }
}

// Elements in order, which is where sketches that don't draw by chance go wrong.
TEST(KllSketch, OfSortedElements) {
  const ApproximateQuantilesFn<int64_t> fn;
  auto up = fn.CreateAccumulator(), down = fn.CreateAccumulator();
  for (int64_t n = 0; n < 300'000; ++n) {
    fn.AddInput(up, n);
    fn.AddInput(down, 299'999 - n);
  }
  for (const auto& sketch : {up, down}) {
    const std::vector<int64_t> quartiles = fn.ExtractOutput(sketch);
    for (size_t i = 0; i < 5; ++i) {
      EXPECT_NEAR(static_cast<double>(quartiles[i]), 299'999.0 * static_cast<double>(i) / 4, 3000);
    }
  }
}

// As are elements with a period, of which a sample by place sees some only.
TEST(KllSketch, OfPeriodicElements) {
  // So small that nearly all levels sample.
  const ApproximateQuantilesFn<int64_t> fn{5, 32, RandomStreams(0), {}};
  auto sketch = fn.CreateAccumulator();
  for (int64_t n = 0; n < 1'000'000; ++n) fn.AddInput(sketch, n % 64);
  const std::vector<int64_t> quartiles = fn.ExtractOutput(sketch);
  for (size_t i = 1; i < 4; ++i) {
    EXPECT_NEAR(static_cast<double>(quartiles[i]), 16.0 * static_cast<double>(i), 64 * 2.8 / 32);
  }
}

TEST(KllSketch, SameSeedSameResultAndTravels) {
  const auto sketch_of = [](uint64_t seed) {
    const ApproximateQuantilesFn<std::string> fn{33, 50, RandomStreams(seed), {}};
    auto sketch = fn.CreateAccumulator();
    for (const int64_t n : Shuffled(10'000, 5)) fn.AddInput(sketch, std::to_string(n));
    return sketch;
  };
  const ApproximateQuantilesFn<std::string> fn{33, 50, RandomStreams(1), {}};
  EXPECT_EQ(fn.ExtractOutput(sketch_of(1)), fn.ExtractOutput(sketch_of(1)));
  EXPECT_NE(fn.ExtractOutput(sketch_of(1)), fn.ExtractOutput(sketch_of(2)));
  auto copy = DecodeFromString<KllSketch<std::string>>(EncodeToString(sketch_of(1)));
  ASSERT_TRUE(copy.ok()) << copy.status().message();
  EXPECT_EQ(fn.ExtractOutput(*copy), fn.ExtractOutput(sketch_of(1)));
  for (auto change : {+[](KllSketch<std::string>& sketch) { ++sketch.count; },
                      +[](KllSketch<std::string>& sketch) { sketch.levels.back().pop_back(); },
                      +[](KllSketch<std::string>& sketch) { sketch.least.reset(); },
                      +[](KllSketch<std::string>& sketch) { sketch.levels.resize(65, {"x"}); }}) {
    auto wrong = sketch_of(1);
    change(wrong);
    EXPECT_FALSE(DecodeFromString<KllSketch<std::string>>(EncodeToString(wrong)).ok());
  }
}

}  // namespace
}  // namespace joist
