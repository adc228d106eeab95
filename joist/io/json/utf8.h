// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing beyond U+10FFFF. Pure
// functions.

#ifndef JOIST_IO_JSON_UTF8_H_
#define JOIST_IO_JSON_UTF8_H_

#include <cstdint>
#include <string>
#include <string_view>

namespace joist::json {

bool IsUtf8(std::string_view text);

/// `code` is at most 0x10FFFF and no surrogate.
void AppendUtf8(uint32_t code, std::string* out);

/// `text` with U+FFFD for each byte that belongs to no character.
std::string RepairUtf8(std::string_view text);

/// For messages: the same, with control characters as blanks.
std::string OneLineOfUtf8(std::string_view text);

}  // namespace joist::json

#endif  // JOIST_IO_JSON_UTF8_H_
