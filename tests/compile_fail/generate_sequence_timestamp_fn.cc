// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// A function of timestamps that returns a number.
// expect: static assertion failed: Joist: a function for WithTimestampFn takes an int64_t and returns

#include "joist/joist.h"
#include "joist/transforms/generate_sequence.h"

void Build(joist::Pipeline& p) {
  p | joist::GenerateSequence(0).To(9).WithTimestampFn([](int64_t n) { return n; }) |
      joist::Map([](int64_t n) { return n; });
}
