// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// A SideInput parameter without a side input.
// expect: static assertion failed: Joist: the side inputs given to the transform and the SideInput

#include "joist/joist.h"

void Build(joist::Pipeline& p) {
  p | joist::Create({1, 2}) |
      joist::Map([](int n, joist::SideInput<int> side) { return n + *side; });
}
