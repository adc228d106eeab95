// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// TakeNumber: a number among the arguments of a program that makes load. Pure.

#ifndef JOIST_BENCH_TAKE_NUMBER_H_
#define JOIST_BENCH_TAKE_NUMBER_H_

#include <charconv>
#include <cstdint>
#include <string_view>

namespace joist::bench {

/// Whether `argument` is `name` and then a number above 0, which goes into *number.
inline bool TakeNumber(std::string_view argument, std::string_view name, int64_t* number) {
  if (!argument.starts_with(name)) return false;
  argument.remove_prefix(name.size());
  const char* const end = argument.data() + argument.size();
  return std::from_chars(argument.data(), end, *number) == std::from_chars_result{end, {}} &&
         *number > 0;
}

}  // namespace joist::bench

#endif  // JOIST_BENCH_TAKE_NUMBER_H_
