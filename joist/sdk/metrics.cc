// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/sdk/metrics.h"

namespace joist {

MetricCell JobMetrics::Value(MetricKind kind, std::string_view space, std::string_view name) const {
  MetricCell total;
  for (const StepMetric& metric : metrics) {
    if (metric.name.kind == kind && metric.name.space == space && metric.name.name == name) {
      total.Merge(metric.value);
    }
  }
  return total;
}

int64_t JobMetrics::CounterValue(std::string_view space, std::string_view name) const {
  return Value(MetricKind::kCounter, space, name).sum;
}

}  // namespace joist
