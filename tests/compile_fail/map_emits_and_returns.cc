// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// One way of output or the other.
// expect: static assertion failed: Joist: this function returns its output and takes an Emit as well

#include "joist/joist.h"

void Build(joist::Pipeline& p) {
  p | joist::Create({1, 2}) | joist::Map([](int n, joist::Emit<int> emit) {
    emit(n);
    return n;
  });
}
