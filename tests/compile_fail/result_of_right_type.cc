// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// The same as result_of_wrong_type.cc, done right.
// compiles

#include "joist/base/status.h"

int Number(const joist::Result<int>& result) { return result.value(); }
