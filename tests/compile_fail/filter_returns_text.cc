// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// A Filter function that returns no bool.
// expect: static assertion failed: Joist: a Filter function returns bool

#include "joist/joist.h"

void Build(joist::Pipeline& p) {
  p | joist::Create({1, 2}) | joist::Filter([](int n) { return std::to_string(n); }) |
      joist::Count::PerElement();
}
