// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/transforms/hot_key_fanout.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "joist/sdk/testing/test_pipeline.h"
#include "joist/transforms/approximate_distinct.h"
#include "joist/transforms/top.h"

namespace joist {
namespace {

TEST(WithHotKeyFanout, Example) {
  TestPipeline p;
  auto visits = p | Create<KV<std::string, int64_t>>({{"a", 5}, {"b", 1}, {"a", 3}});
  // [example]
  auto sums = visits | joist::WithHotKeyFanout(joist::Combine::PerKey(joist::SumFn<int64_t>()), 16);
  // [example]
  PAssert::That(sums).ContainsInAnyOrder({{"a", 8}, {"b", 1}});
  EXPECT_TRUE(p.RunOk());
}

TEST(WithHotKeyFanout, GivesWhatCombineGives) {
  for (const int64_t fanout : {1, 3, 100}) {
    std::mt19937_64 random(static_cast<uint64_t>(fanout));
    std::vector<KV<std::string, int64_t>> all;
    std::map<std::string, std::vector<int64_t>> by_key;
    for (int i = 0; i < 20'000; ++i) {
      const std::string key = random() % 10 < 8 ? "hot" : "k" + std::to_string(random() % 300);
      all.push_back({key, static_cast<int64_t>(random() % 1000)});
      by_key[key].push_back(all.back().value);
    }
    std::vector<KV<std::string, std::vector<int64_t>>> top;
    std::vector<KV<std::string, int64_t>> sums;
    for (auto& [key, values] : by_key) {
      std::sort(values.begin(), values.end(), std::greater<>());
      int64_t sum = 0;
      for (const int64_t n : values) sum += n;
      sums.push_back({key, sum});
      values.resize(std::min<size_t>(values.size(), 5));
      top.push_back({key, values});
    }
    TestPipeline p;
    p.set_threads(4);
    auto pairs = p | Create(all);
    PAssert::That(pairs | WithHotKeyFanout(Combine::PerKey(TopFn<int64_t>{5, {}}), fanout))
        .ContainsInAnyOrder(top);
    PAssert::That(pairs | WithHotKeyFanout(Combine::PerKey(SumFn<int64_t>()), fanout))
        .ContainsInAnyOrder(sums);
    // Without a coder of the accumulator: as it is.
    PAssert::That(pairs | WithHotKeyFanout(
                              Combine::PerKey([](int64_t a, int64_t b) { return a + b; }), fanout))
        .ContainsInAnyOrder(sums);
    PAssert::That(
        pairs | WithHotKeyFanout(Combine::PerKey(ApproximateDistinctFn<int64_t>{12}), fanout) |
        Filter([](KV<std::string_view, int64_t> kv) { return kv.key == "hot"; }) | Values())
        .Satisfies([](const IterableView<int64_t>& counts) {
          return counts.size() == 1 && std::abs(*counts.begin() - 1000) < 60;
        });
    EXPECT_TRUE(p.RunOk());
  }
}

}  // namespace
}  // namespace joist
