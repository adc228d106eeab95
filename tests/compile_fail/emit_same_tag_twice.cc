// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Two outputs without a tag.
// expect: static assertion failed: Joist: two of this function.s outputs have the same tag

#include "joist/joist.h"

void Build(joist::Pipeline& p) {
  p | joist::Create({1, 2}) |
      joist::ParDo([](int n, joist::Emit<int> a, joist::Emit<std::string> b) {
        a(n);
        b("n");
      });
}
