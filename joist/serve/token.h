// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Where a bearer token is taken from. It is in no message.

#ifndef JOIST_SERVE_TOKEN_H_
#define JOIST_SERVE_TOKEN_H_

#include <string>

#include "joist/base/status.h"

namespace joist::serve {

/// The file's only line. PERMISSION_DENIED where others than its owner may read it.
Result<std::string> TokenFromFile(const std::string& path);

/// The variable's value. NOT_FOUND where there is none.
Result<std::string> TokenFromEnvironment(const std::string& variable);

}  // namespace joist::serve

#endif  // JOIST_SERVE_TOKEN_H_
