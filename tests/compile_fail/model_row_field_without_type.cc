// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// A row with a field whose type no schema can have.
// expect: Joist has no schema type for a field of this row; declare the field's type with JOIST_ROW

#include "joist/model/coder.h"

struct Point {
  int x;
  int y;
};
struct Line {
  Point from;
  Point to;
};
JOIST_ROW(Line, from, to)

std::string Bytes(const Line& line) { return joist::EncodeToString(line); }
