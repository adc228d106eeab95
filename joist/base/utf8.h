// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// UTF-8 as it comes from outside, where anything may stand in it. Pure functions.

#ifndef JOIST_BASE_UTF8_H_
#define JOIST_BASE_UTF8_H_

#include <cstddef>
#include <string_view>

namespace joist {

/// How many bytes the sequence at the beginning of `text`, which isn't empty, has; 0 where there is
/// none.
size_t Utf8Size(std::string_view text);

}  // namespace joist

#endif  // JOIST_BASE_UTF8_H_
