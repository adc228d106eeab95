// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// A parameter that nobody can supply; the steps behind the wrong one add no errors.
// expect: static assertion failed: Joist cannot supply one of this function.s parameters

#include "joist/joist.h"

void Build(joist::Pipeline& p) {
  p | joist::Create({1, 2}) | joist::Map([](int n, double factor) { return n * factor; }) |
      joist::Map([](double n) { return n + 1; }) | joist::Filter([](double n) { return n > 1; }) |
      joist::Count::PerElement();
}
