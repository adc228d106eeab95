// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// How a stranger's names (ids, URNs, tags) stand in messages. Pure.

#ifndef JOIST_PORTABILITY_QUOTED_H_
#define JOIST_PORTABILITY_QUOTED_H_

#include <string>
#include <string_view>

#include "joist/base/one_line.h"

namespace joist::portability {

/// `name` in quotes and on one line; of a long one the beginning.
inline std::string Quoted(std::string_view name) {
  constexpr size_t kMost = 200;
  return "\"" + OneLine(name.substr(0, kMost)) + (name.size() > kMost ? "…\"" : "\"");
}

}  // namespace joist::portability

#endif  // JOIST_PORTABILITY_QUOTED_H_
