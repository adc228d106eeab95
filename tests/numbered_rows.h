// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Rows that tests of BigQuery's connector write, and a function that makes them and fails now and
// then.

#ifndef JOIST_TESTS_NUMBERED_ROWS_H_
#define JOIST_TESTS_NUMBERED_ROWS_H_

#include <atomic>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "joist/joist.h"

namespace joist::bigquery {

struct Numbered {
  int64_t number = 0;
  std::string text;
  std::optional<double> half;
  Timestamp at;
  std::vector<int64_t> digits;
};
JOIST_ROW(Numbered, number, text, half, at, digits)

inline Numbered RowOf(int64_t number) {
  Numbered row{number,
               "row " + std::to_string(number),
               std::nullopt,
               Timestamp::Millis(1'700'000'000'000 + number),
               {}};
  if (number % 2 == 0) row.half = static_cast<double>(number) / 2;
  for (int64_t left = number; left > 0; left /= 10) row.digits.push_back(left % 10);
  return row;
}

/// How many more rows a function fails on, how many come before the next, and between two.
inline std::atomic<int> failures_left{0};
inline std::atomic<int> until_failure{0};
inline std::atomic<int> failure_distance{9'000};

/// Fails now and then.
struct MayFail {
  Numbered operator()(int64_t number) const {
    if (failures_left > 0 && --until_failure <= 0) {
      --failures_left;
      until_failure = failure_distance.load();
      throw std::runtime_error("on purpose");
    }
    return RowOf(number);
  }
};
constexpr FieldList<MayFail> JoistFields(const MayFail*) { return {"MayFail", {}}; }

}  // namespace joist::bigquery

#endif  // JOIST_TESTS_NUMBERED_ROWS_H_
