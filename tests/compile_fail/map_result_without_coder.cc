// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// A result whose type has no coder.
// expect: static assertion failed: Joist has no coder for the elements of this collection
// lines: 26

#include "joist/joist.h"

struct Point {
  int x, y;
};

void Build(joist::Pipeline& p) {
  p | joist::Create({1, 2}) | joist::Map([](int n) { return Point{n, n}; });
}
