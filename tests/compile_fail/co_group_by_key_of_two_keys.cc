// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Keys of different types are never equal.
// expect: static assertion failed: Joist: CoGroupByKey takes collections of KVs with one type of key

#include "joist/joist.h"

void Build(joist::Pipeline& p) {
  auto names = p | "Names" >> joist::Create<joist::KV<std::string, int>>({{"a", 1}});
  auto numbers = p | "Numbers" >> joist::Create<joist::KV<int, int>>({{1, 1}});
  joist::CoGroupByKey(names, numbers) | joist::Keys();
}
