// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Only KVs have keys.
// expect: static assertion failed: Joist: GroupByKey takes a collection of KVs

#include "joist/joist.h"

void Build(joist::Pipeline& p) { p | joist::Create({1, 2}) | joist::GroupByKey() | joist::Keys(); }
