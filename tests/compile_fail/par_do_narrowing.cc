// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Elements are not narrowed silently.
// expect: static assertion failed: Joist: this function.s first parameter cannot take the

#include "joist/joist.h"

void Build(joist::Pipeline& p) {
  p | joist::Create({1.5}) | joist::Map([](int n) { return n; });
}
