// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// MetricCode: a metric as something that has a coder, for another process.

#ifndef JOIST_ENGINE_METRIC_CODE_H_
#define JOIST_ENGINE_METRIC_CODE_H_

#include <cstdint>
#include <string>
#include <tuple>
#include <vector>

#include "joist/exec/metrics.h"

namespace joist {

/// Kind, namespace, name; sum, count, min, max, latest, latest at; strings.
using MetricCode =
    std::tuple<uint8_t, std::string, std::string, std::vector<int64_t>, std::vector<std::string>>;

inline MetricCode EncodeMetric(const MetricName& name, const MetricCell& cell) {
  return {
      static_cast<uint8_t>(name.kind), name.space, name.name,
      std::vector<int64_t>{cell.sum, cell.count, cell.min, cell.max, cell.latest, cell.latest_at},
      cell.strings};
}

/// False where it is none.
inline bool DecodeMetric(const MetricCode& code, MetricName* name, MetricCell* cell) {
  const auto& [kind, space, text, numbers, strings] = code;
  if (kind > static_cast<uint8_t>(MetricKind::kStringSet) || numbers.size() != 6) return false;
  *name = {static_cast<MetricKind>(kind), space, text};
  *cell = {true, numbers[0], numbers[1], numbers[2], numbers[3], numbers[4], numbers[5], strings};
  return true;
}

}  // namespace joist

#endif  // JOIST_ENGINE_METRIC_CODE_H_
