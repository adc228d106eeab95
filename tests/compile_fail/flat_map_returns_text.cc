// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Text is a single value, not a container of letters.
// expect: static assertion failed: Joist: this function returns a single value, which goes to Map

#include "joist/joist.h"

void Build(joist::Pipeline& p) {
  p | joist::Create({1, 2}) | joist::FlatMap([](int n) { return std::to_string(n); });
}
