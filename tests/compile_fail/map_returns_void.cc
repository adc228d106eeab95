// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// A Map function that returns nothing.
// expect: static assertion failed: Joist: a Map function returns its output; one that emits goes to FlatMap

#include "joist/joist.h"

void Build(joist::Pipeline& p) {
  p | joist::Create({1, 2}) | joist::Map([](int) {}) | joist::Map([](int n) { return n; });
}
