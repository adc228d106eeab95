// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// A conversion that would lose something.
// expect: static assertion failed: Joist: a field of the target of this conversion has another type

#include "joist/joist.h"
#include "joist/transforms/select.h"

namespace shop {
struct Order {
  std::string user;
  int64_t cents = 0;
};
JOIST_ROW(Order, user, cents)
struct Sale {
  std::string user;
  int32_t cents = 0;
};
JOIST_ROW(Sale, user, cents)
}  // namespace shop

void Build(joist::Pipeline& p) {
  p | joist::Create<shop::Order>({{"ann", 1}}) | joist::Convert<shop::Sale>() |
      joist::Map([](const shop::Sale& sale) { return sale.cents; });
}
