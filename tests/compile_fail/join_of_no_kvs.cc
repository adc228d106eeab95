// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Only KVs have keys to join by.
// expect: static assertion failed: Joist: a Join takes two collections of KVs with one type of key

#include "joist/joist.h"
#include "joist/transforms/join.h"

void Build(joist::Pipeline& p) {
  auto words = p | "Words" >> joist::Create({"a"});
  auto pairs = p | "Pairs" >> joist::Create<joist::KV<std::string, int>>({{"a", 1}});
  joist::Join::Inner("Join", words, pairs) | joist::Keys();
}
