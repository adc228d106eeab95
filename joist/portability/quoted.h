// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// How a stranger's names (ids, URNs, tags) stand in messages. Pure.

#ifndef JOIST_PORTABILITY_QUOTED_H_
#define JOIST_PORTABILITY_QUOTED_H_

#include <algorithm>
#include <string>
#include <string_view>

#include "joist/base/one_line.h"

namespace joist::portability {

/// `text` on one line, without what a terminal would obey.
inline std::string Printable(std::string_view text) {
  std::string line = OneLine(text);
  for (char& c : line) {
    if (static_cast<unsigned char>(c) < ' ' || c == '\x7f') c = '?';
  }
  return line;
}

/// `name` in quotes and on one line; of a long one the beginning.
inline std::string Quoted(std::string_view name) {
  constexpr size_t kMost = 200;
  size_t size = std::min(name.size(), kMost);
  // Not in the middle of a character.
  while (size > 0 && size < name.size() && (name[size] & 0xC0) == 0x80) --size;
  return "\"" + Printable(name.substr(0, size)) + (size < name.size() ? "…\"" : "\"");
}

}  // namespace joist::portability

#endif  // JOIST_PORTABILITY_QUOTED_H_
