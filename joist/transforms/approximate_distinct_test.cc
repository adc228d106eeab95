// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/transforms/approximate_distinct.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "joist/sdk/testing/test_pipeline.h"

namespace joist {
namespace {

TEST(ApproximateDistinct, Example) {
  TestPipeline p;
  auto visits =
      p | Create<KV<std::string, int64_t>>({{"ann", 1}, {"ann", 2}, {"ann", 2}, {"bob", 1}});
  // [example]
  auto different = visits | joist::ApproximateDistinct::Globally();
  auto different_of_each = visits | joist::ApproximateDistinct::PerKey(12);
  // [example]
  PAssert::That(different).ContainsInAnyOrder({3});
  PAssert::That(different_of_each).ContainsInAnyOrder({{"ann", 2}, {"bob", 1}});
  EXPECT_TRUE(p.RunOk());
}

TEST(ApproximateDistinct, OfNothingAndOfText) {
  TestPipeline p;
  p.set_threads(4);
  PAssert::That(p | "None" >> Create(std::vector<int>()) | ApproximateDistinct::Globally())
      .ContainsInAnyOrder({0});
  std::vector<std::string> words;
  for (int i = 0; i < 40'000; ++i) words.push_back("word" + std::to_string(i % 20'000));
  PAssert::That(p | "Words" >> Create(words) | ApproximateDistinct::Globally())
      .Satisfies([](const IterableView<int64_t>& counts) {
        return std::abs(static_cast<double>(*counts.begin()) / 20'000 - 1) < 0.035;
      });
  EXPECT_TRUE(p.RunOk());
}

// The stated error, over cardinalities and precisions: over many sketches of different values the
// estimates have no bias, and their deviation is what is stated.
TEST(HyperLogLog, ErrorIsAsStated) {
  std::mt19937_64 random(1);
  for (const int precision : {8, 11, 14}) {
    const double stated = 1.04 / std::sqrt(std::pow(2.0, precision));
    for (const int64_t cardinality : {10, 100, 1000, 3000, 10'000, 50'000, 100'000, 1'000'000}) {
      const int trials = cardinality > 100'000 ? 8 : cardinality > 10'000 ? 40 : 200;
      double sum = 0, squares = 0, worst = 0;
      for (int trial = 0; trial < trials; ++trial) {
        HyperLogLog sketch(precision);
        for (int64_t i = 0; i < cardinality; ++i) sketch.Add(random());
        const double error = sketch.Estimate() / static_cast<double>(cardinality) - 1;
        sum += error;
        squares += error * error;
        worst = std::max(worst, std::abs(error));
      }
      EXPECT_LT(worst, 4.5 * stated) << precision << ", " << cardinality;
      EXPECT_LT(std::abs(sum / trials), 4 * stated / std::sqrt(trials) + 0.0005)
          << precision << ", " << cardinality;
      EXPECT_LT(std::sqrt(squares / trials), stated * (1 + 3 / std::sqrt(2.0 * trials)))
          << precision << ", " << cardinality;
    }
  }
}

// Hashing of what users count: consecutive numbers, numbers with a stride, doubles, text.
template <class T, class Make>
void ExpectGoodHashes(Make make, const char* what) {
  for (const int64_t cardinality : {10, 1000, 30'000, 1'000'000}) {
    const ApproximateDistinctFn<T> fn;
    HyperLogLog sketch = fn.CreateAccumulator();
    for (int64_t i = 0; i < cardinality; ++i) {
      const T value = make(i);
      fn.AddInput(sketch, ViewOfOwn<T>(value));
    }
    const double error = sketch.Estimate() / static_cast<double>(cardinality) - 1;
    EXPECT_LT(std::abs(error), 4 * 0.0082) << what << ", " << cardinality;
    // Two of 1,000 may share one of 2^25 cells.
    if (cardinality <= 1000) {
      EXPECT_NEAR(static_cast<double>(fn.ExtractOutput(sketch)), static_cast<double>(cardinality),
                  static_cast<double>(cardinality) / 1000)
          << what;
    }
  }
}
TEST(ApproximateDistinctFn, HashesAreUniform) {
  ExpectGoodHashes<int64_t>([](int64_t i) { return i; }, "consecutive");
  ExpectGoodHashes<int64_t>([](int64_t i) { return i << 32; }, "high bits");
  ExpectGoodHashes<int64_t>([](int64_t i) { return i * 1'000'003; }, "stride");
  ExpectGoodHashes<double>([](int64_t i) { return static_cast<double>(i) / 8; }, "doubles");
  ExpectGoodHashes<std::string>([](int64_t i) { return std::to_string(i); }, "text");
  ExpectGoodHashes<KV<int64_t, int64_t>>(
      [](int64_t i) { return KV<int64_t, int64_t>{i % 1000, i / 1000}; }, "pairs");
}

// Merging in any way gives the sketch of all, and so does a way over bytes.
TEST(HyperLogLog, MergesExactly) {
  std::mt19937_64 random(2);
  for (const int precision : {4, 10, 18}) {
    for (const size_t size : {0, 1, 20, 100, 1000, 100'000}) {
      HyperLogLog all(precision);
      std::vector<HyperLogLog> parts(4, HyperLogLog(precision));
      for (size_t i = 0; i < size; ++i) {
        const uint64_t hash = random();
        all.Add(hash);
        all.Add(hash);
        parts[i % 97 == 0 ? 0 : 1 + i % 3].Add(hash);
      }
      HyperLogLog merged(precision);
      for (const HyperLogLog& part : parts) {
        auto copy = DecodeFromString<HyperLogLog>(EncodeToString(part));
        ASSERT_TRUE(copy.ok()) << copy.status().message();
        merged.Merge(*copy);
      }
      if (merged.is_dense() == all.is_dense()) {
        EXPECT_EQ(merged.Estimate(), all.Estimate()) << precision << ", " << size;
      } else {
        EXPECT_NEAR(merged.Estimate() / all.Estimate(), 1, 4 / std::sqrt(1 << precision));
      }
    }
  }
}

TEST(HyperLogLog, RefusesBadBytes) {
  std::mt19937_64 random(3);
  HyperLogLog sketch(5);
  for (int i = 0; i < 200; ++i) sketch.Add(random());
  ASSERT_TRUE(sketch.is_dense());
  const std::string good = EncodeToString(sketch);
  for (size_t at = 0; at < good.size(); ++at) {
    std::string bad = good;
    bad[at] = static_cast<char>(200);
    EXPECT_FALSE(DecodeFromString<HyperLogLog>(bad).ok()) << at;
    EXPECT_FALSE(DecodeFromString<HyperLogLog>(good.substr(0, at)).ok()) << at;
  }
}

}  // namespace
}  // namespace joist
