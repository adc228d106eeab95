// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/transforms/combine_fns.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <tuple>
#include <vector>

#include "joist/sdk/testing/test_pipeline.h"
#include "joist/transforms/top.h"

namespace joist {
namespace {

struct Basket {
  std::string customer;
  int64_t cents = 0;
  int32_t items = 0;
};
JOIST_ROW(Basket, customer, cents, items)

TEST(CombineFns, Example) {
  TestPipeline p;
  auto orders = p | Create<Basket>({{"ann", 300, 1}, {"bob", 500, 2}, {"ann", 100, 6}});
  // [example]
  auto sum_max_mean =
      orders |
      joist::Combine::Globally(joist::CombineFns::Compose(
          joist::CombineFns::With([](const Basket& o) { return o.cents; }, joist::SumFn<int64_t>()),
          joist::CombineFns::With([](const Basket& o) { return o.cents; }, joist::MaxFn<int64_t>()),
          joist::CombineFns::With([](const Basket& o) { return 1.0 * o.items; },
                                  joist::MeanFn<double>())));
  // [example]
  PAssert::That(sum_max_mean).ContainsInAnyOrder({{900, 500, 3.0}});
  EXPECT_TRUE(p.RunOk());
}

// A function with state.
struct Times {
  int64_t factor = 1;
  int64_t operator()(int64_t n) const { return factor * n; }
};
JOIST_ROW(Times, factor)

TEST(CombineFns, PerKeyAgreesWithNaive) {
  std::mt19937_64 random(11);
  std::vector<KV<std::string, int64_t>> all;
  std::map<std::string, std::vector<int64_t>> by_key;
  for (int i = 0; i < 10'000; ++i) {
    all.push_back({"k" + std::to_string(random() % 200), static_cast<int64_t>(random() % 1000)});
    by_key[all.back().key].push_back(all.back().value);
  }
  using Row = std::tuple<int64_t, int64_t, int64_t, int64_t, std::vector<int64_t>>;
  std::vector<KV<std::string, Row>> expected;
  for (auto& [key, values] : by_key) {
    std::sort(values.begin(), values.end(), std::greater<>());
    int64_t sum = 0;
    for (const int64_t n : values) sum += n;
    const auto two = values.begin() + std::min<int64_t>(2, static_cast<int64_t>(values.size()));
    expected.push_back({key,
                        {static_cast<int64_t>(values.size()), 3 * sum, values.back(),
                         values.front(), std::vector<int64_t>(values.begin(), two)}});
  }
  const auto itself = [](int64_t n) { return n; };
  TestPipeline p;
  p.set_threads(4);
  PAssert::That(
      p | Create(all) |
      Combine::PerKey(CombineFns::Compose(
          CombineFns::With(itself, CountFn()), CombineFns::With(Times{3}, SumFn<int64_t>()),
          CombineFns::With(itself, MinFn<int64_t>()), CombineFns::With(itself, MaxFn<int64_t>()),
          CombineFns::With(itself, TopFn<int64_t>{2, {}}))))
      .ContainsInAnyOrder(expected);
  EXPECT_TRUE(p.RunOk());
}

TEST(CombineFns, OfTextAndOfNothing) {
  TestPipeline p;
  const auto sizes = CombineFns::Compose(
      CombineFns::With([](std::string_view text) { return static_cast<int64_t>(text.size()); },
                       SumFn<int64_t>()),
      CombineFns::With([](std::string_view text) { return text; }, TopFn<std::string>{1, {}}));
  PAssert::That(p | "Some" >> Create({"a", "bb"}) | Combine::Globally(sizes))
      .ContainsInAnyOrder({{3, {"bb"}}});
  PAssert::That(p | "None" >> Create(std::vector<std::string>()) | Combine::Globally(sizes))
      .ContainsInAnyOrder({{0, {}}});
  EXPECT_TRUE(p.RunOk());
}

}  // namespace
}  // namespace joist
