// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Options of a struct without JOIST_OPTIONS.
// expect: static assertion failed: Joist knows no options in this struct; declare its fields

#include "joist/joist.h"

struct MyOptions {
  int top = 3;
};

int TopOf(const joist::Pipeline& p) { return p.options<MyOptions>().top; }
