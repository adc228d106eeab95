// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Elements that consist of others.

#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "joist/sdk/check_type.h"

namespace joist {
namespace {

struct Order {
  std::string customer;
  int64_t cents = 0;
  std::vector<std::string> items;
};
JOIST_ROW(Order, customer, cents, items)

TEST(Types, NestedKVs) {
  std::vector<KV<KV<std::string, int>, std::string>> values;
  for (const std::string text : {"x", "y"}) values.emplace_back(KV<std::string, int>{"a", 1}, text);
  CheckType(values);
}
TEST(Types, Tuples) {
  CheckType<std::tuple<int, std::string, bool>>({{1, "a", true}, {1, "a", false}});
}
TEST(Types, Optionals) { CheckType<std::optional<std::string>>({std::nullopt, "", "text"}); }
TEST(Types, VectorsOfBools) { CheckType<std::vector<bool>>({{}, {false}, {true, false}}); }
TEST(Types, Maps) {
  CheckAsElement<std::map<std::string, int>>({{}, {{"a", 1}}, {{"a", 1}, {"b", 2}}});
}
TEST(Types, Rows) { CheckType<Order>({{"ann", 5, {}}, {"ann", 5, {"pen"}}, {"", 0, {}}}); }

}  // namespace
}  // namespace joist
