// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Elements whose type has no coder.
// expect: static assertion failed: Joist has no coder for the elements of this collection

#include "joist/joist.h"

struct Point {
  int x, y;
};

void Build(joist::Pipeline& p) {
  p | joist::Create<Point>({{1, 2}}) | joist::Map([](const Point& point) { return point.x; });
}
