// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// FinishBundle has the outputs of Process.
// expect: static assertion failed: Joist: FinishBundle takes nothing but the outputs that Process

#include "joist/joist.h"

struct Fn {
  void Process(int n, joist::Emit<int> emit) { emit(n); }
  void FinishBundle(joist::Emit<std::string> emit) { emit("end"); }
};

void Build(joist::Pipeline& p) { p | joist::Create({1, 2}) | joist::ParDo(Fn()); }
