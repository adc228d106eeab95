// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/transforms/top.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "joist/sdk/testing/test_pipeline.h"

namespace joist {
namespace {

TEST(Top, Example) {
  TestPipeline p;
  auto scores = p | "Scores" >> Create<int64_t>({3, 1, 4, 1, 5, 9, 2, 6});
  auto names = p | "Names" >> Create({"bo", "christopher", "anne"});
  // [example]
  auto best = scores | joist::Top::Largest(3);
  auto worst = scores | joist::Top::Smallest(2);
  auto longest = names | joist::Top::Of(2, [](std::string_view a, std::string_view b) {
                   return a.size() < b.size();
                 });
  // [example]
  PAssert::That(best).ContainsInAnyOrder({{9, 6, 5}});
  PAssert::That(worst).ContainsInAnyOrder({{1, 1}});
  PAssert::That(longest).ContainsInAnyOrder({{"christopher", "anne"}});
  EXPECT_TRUE(p.RunOk());
}

struct Bid {
  std::string customer;
  int64_t cents = 0;
};
JOIST_ROW(Bid, customer, cents)

// Compares by a remainder: a comparator with state.
struct ByRemainder {
  int64_t modulus = 1;
  bool operator()(const Bid& a, const Bid& b) const {
    return a.cents % modulus < b.cents % modulus;
  }
};
JOIST_ROW(ByRemainder, modulus)

TEST(Top, ComparatorsOfEveryKind) {
  TestPipeline p;
  auto orders = p | "Orders" >> Create<Bid>({{"ann", 19}, {"bob", 21}, {"cy", 35}});
  PAssert::That(orders | Top::Of(2, ByRemainder{10}) | FlatMap([](const std::vector<Bid>& top) {
                  std::vector<std::string> names;
                  for (const Bid& order : top) names.push_back(order.customer);
                  return names;
                }))
      .ContainsInAnyOrder({"ann", "cy"});
  auto counts = p | "Counts" >> Create<KV<std::string, int64_t>>({{"a", 2}, {"b", 7}, {"c", 5}});
  auto by_view =
      counts | Top::Of(1, [](KV<std::string_view, int64_t> a, KV<std::string_view, int64_t> b) {
        return a.value < b.value;
      });
  auto by_copy =
      counts | Top::Of(1, [](const KV<std::string, int64_t>& a, const KV<std::string, int64_t>& b) {
        return a.value < b.value;
      });
  PAssert::That(by_view).ContainsInAnyOrder({{{"b", 7}}});
  PAssert::That(by_copy).ContainsInAnyOrder({{{"b", 7}}});
  EXPECT_TRUE(p.RunOk());
}

TEST(Top, AgreesWithNaive) {
  for (const int64_t count : {0, 1, 10, 5000}) {
    std::mt19937_64 random(static_cast<uint64_t>(count) + 1);
    std::vector<KV<std::string, int64_t>> all;
    std::map<std::string, std::vector<int64_t>> by_key;
    std::vector<std::string> texts;
    for (int i = 0; i < 20'000; ++i) {
      const std::string key = "k" + std::to_string(random() % (random() % 100 + 1));
      all.push_back({key, static_cast<int64_t>(random() % 10'000)});
      by_key[key].push_back(all.back().value);
      texts.push_back(std::to_string(all.back().value));
    }
    const auto cut = [count](auto& values) {
      values.resize(std::min(values.size(), static_cast<size_t>(count)));
    };
    std::vector<KV<std::string, std::vector<int64_t>>> largest, smallest;
    for (auto& [key, values] : by_key) {
      std::sort(values.begin(), values.end());
      smallest.push_back({key, values});
      cut(smallest.back().value);
      std::reverse(values.begin(), values.end());
      largest.push_back({key, values});
      cut(largest.back().value);
    }
    TestPipeline p;
    p.set_threads(4);
    auto pairs = p | "Pairs" >> Create(all);
    PAssert::That(pairs | Top::LargestPerKey(count)).ContainsInAnyOrder(largest);
    PAssert::That(pairs | Top::SmallestPerKey(count)).ContainsInAnyOrder(smallest);
    auto top_texts = p | "Texts" >> Create(texts) | Top::Largest(count);
    std::sort(texts.begin(), texts.end(), std::greater<>());
    cut(texts);
    PAssert::That(top_texts).ContainsInAnyOrder({texts});
    EXPECT_TRUE(p.RunOk());
  }
}

TEST(Top, OfNothing) {
  TestPipeline p;
  PAssert::That(p | Create(std::vector<int>()) | Top::Largest(3))
      .ContainsInAnyOrder({std::vector<int>()});
  EXPECT_TRUE(p.RunOk());
}

TEST(TopFn, AccumulatorsTravel) {
  const TopFn<std::string> fn{2, {}};
  auto accumulator = fn.CreateAccumulator();
  for (const char* text : {"b", "d", "a", "c"}) fn.AddInput(accumulator, text);
  auto copy = DecodeFromString<TopFn<std::string>::Accumulator>(EncodeToString(accumulator));
  ASSERT_TRUE(copy.ok());
  auto merged = fn.CreateAccumulator();
  fn.AddInput(merged, "cc");
  fn.MergeAccumulators(merged, *copy);
  EXPECT_EQ(fn.ExtractOutput(merged), (std::vector<std::string>{"d", "cc"}));
}

}  // namespace
}  // namespace joist
