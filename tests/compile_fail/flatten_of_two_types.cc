// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Flatten of collections whose elements differ.
// expect: static assertion failed: Joist: Flatten takes collections of one type of elements

#include "joist/joist.h"

void Build(joist::Pipeline& p) {
  auto numbers = p | "Numbers" >> joist::Create({1, 2});
  auto words = p | "Words" >> joist::Create({"a"});
  joist::Flatten(numbers, words) | joist::Count::Globally();
}
