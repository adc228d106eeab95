// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Setup is given nothing.
// expect: static assertion failed: Joist: Setup, StartBundle and Teardown take no parameters

#include "joist/joist.h"

struct Fn {
  void Setup(int) {}
  void Process(int n, joist::Emit<int> emit) { emit(n); }
};

void Build(joist::Pipeline& p) { p | joist::Create({1, 2}) | joist::ParDo(Fn()); }
