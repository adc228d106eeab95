// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// A transform applied to several outputs at once.
// expect: static assertion failed: Joist: this step has several outputs; choose one of them

#include "joist/joist.h"

struct Other {};

void Build(joist::Pipeline& p) {
  p | joist::Create({1, 2}) |
      joist::ParDo([](int n, joist::Emit<int> a, joist::Emit<int, Other> b) {
        a(n);
        b(n);
      }) |
      "Count" >> joist::Count::Globally();
}
