// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// A generic lambda has no parameter types to read.
// expect: static assertion failed: Joist cannot read this function.s parameter types: it is a

#include "joist/joist.h"

void Build(joist::Pipeline& p) {
  p | joist::Create({1, 2}) | joist::Map([](auto n) { return n; }) |
      joist::Map([](int n) { return n; });
}
