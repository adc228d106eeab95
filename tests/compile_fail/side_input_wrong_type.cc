// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// A side input of another type.
// expect: static assertion failed: Joist: the side inputs given to the transform and the SideInput

#include "joist/joist.h"

void Build(joist::Pipeline& p) {
  auto numbers = p | joist::Create({1, 2});
  numbers |
      joist::Map([](int n, joist::SideInput<joist::ListView<int>> side) { return n + (*side)[0]; },
                 joist::AsIterable(numbers)) |
      joist::Map([](int n) { return n; });
}
