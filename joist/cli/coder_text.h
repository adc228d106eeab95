// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Coders and bytes as people type them. Pure functions.

#ifndef JOIST_CLI_CODER_TEXT_H_
#define JOIST_CLI_CODER_TEXT_H_

#include <string>
#include <string_view>

#include "joist/base/status.h"
#include "joist/model/coder_spec.h"

namespace joist::cli {

/// The inverse of CoderSpec::ToString: "kv<string_utf8, varint>". A name is a URN, or what stands
/// between "beam:coder:" and ":v1". At most 1,000 characters.
Result<CoderSpec> ParseCoder(std::string_view text);

/// The bytes that hexadecimal digits stand for; blanks between bytes and 0x at the front are
/// skipped.
Result<std::string> ParseHex(std::string_view text);

/// "016102"
std::string ToHex(std::string_view bytes);

}  // namespace joist::cli

#endif  // JOIST_CLI_CODER_TEXT_H_
