// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// A splittable function emits.
// expect: static assertion failed: Joist: a splittable function is for ParDo or FlatMap

#include "joist/joist.h"
#include "joist/model/offset_range.h"

struct Fn {
  joist::OffsetRange InitialRestriction(int n) const { return {0, n}; }
  int Process(int n, joist::RestrictionTracker<joist::OffsetRange>& tracker) {
    return tracker.TryClaim(0) ? n : 0;
  }
};

void Build(joist::Pipeline& p) { p | joist::Create({1, 2}) | joist::Map(Fn()); }
