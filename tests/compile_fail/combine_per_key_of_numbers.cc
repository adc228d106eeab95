// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// The same of Combine.
// expect: static assertion failed: Joist: combining per key takes a collection of KVs

#include "joist/joist.h"

void Build(joist::Pipeline& p) { p | joist::Create({1, 2}) | joist::Sum::PerKey() | joist::Keys(); }
