// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Nor moved from.
// expect: static assertion failed: Joist: this function.s first parameter cannot take the

#include "joist/joist.h"

void Build(joist::Pipeline& p) {
  p | joist::Create({"a"}) | joist::Map([](std::string&& text) { return text; });
}
