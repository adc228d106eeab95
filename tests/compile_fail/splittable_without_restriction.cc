// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// A splittable function says what the restriction of an element is, by the type that it claims.
// expect: static assertion failed: Joist: a function with a RestrictionTracker<R>& is splittable

#include "joist/joist.h"
#include "joist/model/offset_range.h"

struct Fn {
  int InitialRestriction(int n) const { return n; }
  void Process(int, joist::RestrictionTracker<joist::OffsetRange>& tracker,
               joist::Emit<int> emit) {
    if (tracker.TryClaim(0)) emit(1);
  }
};

void Build(joist::Pipeline& p) { p | joist::Create({1, 2}) | joist::ParDo(Fn()); }
