// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/transforms/with_keys.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "joist/sdk/testing/test_pipeline.h"

namespace joist {
namespace {

TEST(WithKeys, Example) {
  TestPipeline p;
  auto words = p | Create({"to", "be", "not"});
  // [example]
  auto by_size = words | joist::WithKeys([](std::string_view word) { return word.size(); });
  auto all = words | joist::WithKeys("word");
  // [example]
  PAssert::That(by_size).ContainsInAnyOrder({{2, "to"}, {2, "be"}, {3, "not"}});
  PAssert::That(all).ContainsInAnyOrder({{"word", "to"}, {"word", "be"}, {"word", "not"}});
  EXPECT_TRUE(p.RunOk());
}

struct Invoice {
  std::string customer;
  int64_t cents = 0;
};
JOIST_ROW(Invoice, customer, cents)

struct ModuloKey {
  int64_t modulus = 1;
  int64_t Process(int64_t n) const { return n % modulus; }
};
JOIST_ROW(ModuloKey, modulus)

TEST(WithKeys, OfEveryKindOfElementAndFunction) {
  TestPipeline p;
  auto orders = p | "Orders" >> Create<Invoice>({{"ann", 3}, {"bob", 4}});
  PAssert::That(orders | WithKeys([](const Invoice& order) { return order.customer; }) |
                Map([](const KV<std::string, Invoice>& kv) { return KV{kv.key, kv.value.cents}; }))
      .ContainsInAnyOrder({{"ann", 3}, {"bob", 4}});
  auto pairs = p | "Pairs" >> Create<KV<std::string, std::string>>({{"a", "x"}, {"b", "y"}});
  PAssert::That(pairs |
                WithKeys([](const KV<std::string, std::string>& kv) { return kv.key + kv.value; }) |
                Map([](KV<std::string_view, KV<std::string_view, std::string_view>> kv) {
                  return std::string(kv.key) + std::string(kv.value.value);
                }))
      .ContainsInAnyOrder({"axx", "byy"});
  PAssert::That(pairs | WithKeys([](KV<std::string_view, std::string_view> kv) {
                  return kv.value;  // A piece of the element.
                }) |
                Keys())
      .ContainsInAnyOrder({"x", "y"});
  auto numbers = p | "Numbers" >> Create<int64_t>({5, 6, 7});
  PAssert::That(numbers | WithKeys(ModuloKey{3})).ContainsInAnyOrder({{2, 5}, {0, 6}, {1, 7}});
  PAssert::That(numbers | WithKeys(int64_t{1}) | Sum::PerKey()).ContainsInAnyOrder({{1, 18}});
  PAssert::That(numbers | WithKeys(Invoice{"ann", 1}) | Count::PerKey() | Values())
      .ContainsInAnyOrder({3});
  EXPECT_TRUE(p.RunOk());
}

}  // namespace
}  // namespace joist
