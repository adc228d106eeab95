// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// A Result is no number: the check of what this folder checks.
// expect: cannot convert .*Result<int>.* to .*int

#include "joist/base/status.h"

int Number(const joist::Result<int>& result) { return result; }
