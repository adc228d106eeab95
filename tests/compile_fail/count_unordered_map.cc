// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// The same of Count.
// expect: static assertion failed: Joist cannot group by this type
// lines: 32

#include <unordered_map>

#include "joist/joist.h"

void Build(joist::Pipeline& p) {
  p | joist::Create<std::unordered_map<int, int>>({{}}) | joist::Count::PerElement();
}
