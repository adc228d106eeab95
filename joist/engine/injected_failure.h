// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// For tests: functions that fail a few times at one place. Counts over all attempts, so it only
// makes sense in the process that built the pipeline.

#ifndef JOIST_ENGINE_INJECTED_FAILURE_H_
#define JOIST_ENGINE_INJECTED_FAILURE_H_

#include <atomic>
#include <stdexcept>
#include <string>
#include <string_view>

namespace joist {

inline std::atomic<int> failures_left{0};
inline std::string failing_place;

/// Throws the first `failures_left` times that it is asked at `failing_place`.
inline void MayFail(std::string_view place) {
  if (place != failing_place || failures_left.load() == 0) return;
  if (failures_left.fetch_sub(1) > 0) throw std::runtime_error("injected");
  failures_left.fetch_add(1);
}

}  // namespace joist

#endif  // JOIST_ENGINE_INJECTED_FAILURE_H_
