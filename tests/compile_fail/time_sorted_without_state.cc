// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Only state gives an order a meaning.
// expect: static assertion failed: Joist: kRequiresTimeSortedInput is for functions of KVs

#include "joist/joist.h"

struct Fn {
  static constexpr bool kRequiresTimeSortedInput = true;
  void Process(int n, joist::Emit<int> emit) { emit(n); }
};

void Build(joist::Pipeline& p) { p | joist::Create({1, 2}) | joist::ParDo(Fn()); }
