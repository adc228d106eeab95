// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// `joist coders`: which standard coders there are, and what bytes mean.

#ifndef JOIST_CLI_CODERS_H_
#define JOIST_CLI_CODERS_H_

#include <span>
#include <string>
#include <string_view>

#include "joist/base/status.h"

namespace joist::cli {

/// What the command prints; `arguments` are those behind "coders": nothing, the name of a coder, or
/// "decode", a coder and hexadecimal digits, with --nested for bytes as they are inside of others.
Result<std::string> Coders(std::span<const std::string_view> arguments);

}  // namespace joist::cli

#endif  // JOIST_CLI_CODERS_H_
