// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// JOIST_ROW with a field that is not there.
// expect: 'z' is not a member of 'Point'|‘z’ is not a member of ‘Point’|no member named 'z'
// errors: 3

#include "joist/model/fields.h"

struct Point {
  int x;
  int y;
};
JOIST_ROW(Point, x, z)
