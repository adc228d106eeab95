// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// A side input that nobody takes.
// expect: static assertion failed: Joist: the side inputs given to the transform and the SideInput

#include "joist/joist.h"

void Build(joist::Pipeline& p) {
  auto numbers = p | joist::Create({1, 2});
  numbers | joist::Map([](int n) { return n; }, joist::AsIterable(numbers));
}
