// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// A function that does not make one value of two.
// expect: static assertion failed: Joist: combine with a CombineFn or with a function .T, T. that

#include "joist/joist.h"

void Build(joist::Pipeline& p) {
  p | joist::Create({"a", "b"}) | joist::Combine::Globally([](int a, int b) { return a + b; }) |
      joist::Map([](int n) { return n; });
}
