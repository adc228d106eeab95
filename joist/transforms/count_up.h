// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// For tests: numbers to start with.

#ifndef JOIST_TRANSFORMS_COUNT_UP_H_
#define JOIST_TRANSFORMS_COUNT_UP_H_

#include <cstdint>
#include <numeric>
#include <vector>

namespace joist {

/// 0, 1, … below `count`.
inline std::vector<int64_t> CountUp(int64_t count) {
  std::vector<int64_t> numbers(static_cast<size_t>(count));
  std::iota(numbers.begin(), numbers.end(), int64_t{0});
  return numbers;
}

}  // namespace joist

#endif  // JOIST_TRANSFORMS_COUNT_UP_H_
