// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/transforms/latest.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>
#include <vector>

#include "joist/sdk/testing/test_pipeline.h"

namespace joist {
namespace {

// Element n of these has the timestamp that its value ends with.
auto Timed() {
  return FlatMap([](const KV<std::string, int64_t>& kv, Emit<KV<std::string, int64_t>> emit) {
    emit(kv, Timestamp{kv.value});
  });
}

TEST(Latest, Example) {
  TestPipeline p;
  auto readings = p | Create<KV<std::string, int64_t>>({{"a", 5}, {"b", 1}, {"a", 3}}) | Timed();
  // [example]
  auto newest = readings | joist::Latest::PerKey();
  auto newest_of_all = readings | joist::Latest::Globally();
  // [example]
  PAssert::That(newest).ContainsInAnyOrder({{"a", 5}, {"b", 1}});
  PAssert::That(newest_of_all).ContainsInAnyOrder({{"a", 5}});
  EXPECT_TRUE(p.RunOk());
}

TEST(Latest, AgreesWithNaive) {
  std::mt19937_64 random(7);
  std::vector<KV<std::string, int64_t>> all;
  std::map<std::string, int64_t> latest;
  for (int i = 0; i < 20'000; ++i) {
    const std::string key = "key" + std::to_string(random() % 500);
    const int64_t time = static_cast<int64_t>(random() % 1'000'000) - 500'000;
    all.push_back({key, time});
    auto [at, is_new] = latest.insert({key, time});
    if (!is_new) at->second = std::max(at->second, time);
  }
  std::vector<KV<std::string, int64_t>> expected;
  for (const auto& [key, time] : latest) expected.push_back({key, time});
  TestPipeline p;
  p.set_threads(4);
  PAssert::That(p | Create(all) | Timed() | Latest::PerKey()).ContainsInAnyOrder(expected);
  EXPECT_TRUE(p.RunOk());
}

TEST(Latest, OfNothingAndOfEqualTimes) {
  TestPipeline p;
  PAssert::That(p | "None" >> Create(std::vector<std::string>()) | Latest::Globally()).IsEmpty();
  PAssert::That(p | "Same" >> Create({"x", "x"}) | Latest::Globally()).ContainsInAnyOrder({"x"});
  EXPECT_TRUE(p.RunOk());
}

TEST(LatestFn, AccumulatorsTravel) {
  const LatestFn<std::string> fn;
  auto accumulator = fn.CreateAccumulator();
  fn.AddInput(accumulator, {Timestamp{4}, "four"});
  auto copy = DecodeFromString<LatestFn<std::string>::Accumulator>(EncodeToString(accumulator));
  ASSERT_TRUE(copy.ok());
  fn.AddInput(*copy, {Timestamp{3}, "three"});
  auto merged = fn.CreateAccumulator();
  fn.MergeAccumulators(merged, *copy);
  fn.MergeAccumulators(merged, fn.CreateAccumulator());
  EXPECT_EQ(fn.ExtractOutput(merged), "four");
}

}  // namespace
}  // namespace joist
