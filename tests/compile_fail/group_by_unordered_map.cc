// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// A key whose bytes depend on chance.
// expect: static assertion failed: Joist cannot group by this type
// lines: 32

#include <unordered_map>

#include "joist/joist.h"

void Build(joist::Pipeline& p) {
  using Map = std::unordered_map<int, int>;
  p | joist::Create<joist::KV<Map, int>>({{{}, 1}}) | joist::GroupByKey() | joist::Keys();
}
