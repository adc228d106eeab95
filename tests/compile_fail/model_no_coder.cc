// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// A type that Joist knows nothing of has no encoding.
// expect: Joist has no coder for this type; declare its fields with JOIST_ROW

#include "joist/model/coder.h"

struct Point {
  int x;
  int y;
};

std::string Bytes(const Point& point) { return joist::EncodeToString(point); }
