// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// A field that the rows have not.
// expect: static assertion failed: Joist: the rows of this collection have no such field; the line

#include "joist/joist.h"
#include "joist/transforms/select.h"

namespace shop {
struct Order {
  std::string user;
};
JOIST_ROW(Order, user)
}  // namespace shop

void Build(joist::Pipeline& p) {
  p | joist::Create<shop::Order>({{"ann"}}) | joist::Select<"usr">() |
      joist::Map([](const shop::Order& order) { return order.user; });
}
