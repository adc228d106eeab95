// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/transforms/distinct.h"

#include <gtest/gtest.h>

#include <random>
#include <set>
#include <string>
#include <vector>

#include "joist/sdk/testing/test_pipeline.h"

namespace joist {
namespace {

struct Sale {
  std::string customer;
  int64_t cents = 0;
};
JOIST_ROW(Sale, customer, cents)

TEST(Distinct, Example) {
  TestPipeline p;
  auto words = p | "Words" >> Create({"to", "be", "or", "not", "to", "be"});
  auto orders = p | "Orders" >> Create<Sale>({{"ann", 3}, {"bob", 4}, {"ann", 3}});
  // [example]
  auto once = words | joist::Distinct();
  auto one_each = orders | joist::Distinct::WithRepresentativeValue(
                               [](const Sale& order) { return order.customer; });
  // [example]
  PAssert::That(once).ContainsInAnyOrder({"to", "be", "or", "not"});
  PAssert::That(one_each).ContainsInAnyOrder({{"ann", 3}, {"bob", 4}});
  EXPECT_TRUE(p.RunOk());
}

TEST(Distinct, AgreesWithNaive) {
  std::mt19937_64 random(3);
  std::vector<KV<int64_t, std::string>> all;
  std::set<std::pair<int64_t, std::string>> distinct;
  for (int i = 0; i < 30'000; ++i) {
    all.push_back({static_cast<int64_t>(random() % 50), std::string(random() % 100, 'x')});
    distinct.insert({all.back().key, all.back().value});
  }
  std::vector<KV<int64_t, std::string>> expected;
  for (const auto& [key, value] : distinct) expected.push_back({key, value});
  TestPipeline p;
  p.set_threads(4);
  auto elements = p | Create(all);
  PAssert::That(elements | Distinct()).ContainsInAnyOrder(expected);
  PAssert::That(elements | Distinct::WithRepresentativeValue([](KV<int64_t, std::string_view> kv) {
                  return kv.value.size();
                }) |
                Values())
      .Satisfies([](const IterableView<std::string>& values) {
        std::set<std::string> sizes;
        for (const auto& value : values) sizes.insert(std::string(value));
        return sizes.size() == 100 && values.size() == 100;
      });
  EXPECT_TRUE(p.RunOk());
}

TEST(Distinct, OfNothing) {
  TestPipeline p;
  PAssert::That(p | Create(std::vector<int>()) | Distinct()).IsEmpty();
  EXPECT_TRUE(p.RunOk());
}

}  // namespace
}  // namespace joist
