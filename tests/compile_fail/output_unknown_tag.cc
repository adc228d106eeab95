// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// No output with that tag.
// expect: static assertion failed: Joist: this step has no output with that tag

#include "joist/joist.h"

struct Other {};
struct Missing {};

void Build(joist::Pipeline& p) {
  auto outputs = p | joist::Create({1, 2}) |
                 joist::ParDo([](int n, joist::Emit<int> a, joist::Emit<int, Other> b) {
                   a(n);
                   b(n);
                 });
  outputs.Get<Missing>();
}
