// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// A function of another element type.
// expect: static assertion failed: Joist: this function.s first parameter cannot take the

#include "joist/joist.h"

void Build(joist::Pipeline& p) {
  p | joist::Create({"a", "b"}) | joist::Map([](int n) { return n; }) |
      joist::Map([](int n) { return n + 1; });
}
