// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// The same of Keys.
// expect: static assertion failed: Joist: Keys, Values and SwapKV take a collection of KVs

#include "joist/joist.h"

void Build(joist::Pipeline& p) {
  p | joist::Create({1, 2}) | joist::Keys() | joist::Count::PerElement();
}
