// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Counter, Distribution, Gauge, StringSet: what functions report about their work. Make one at
// namespace scope (or static); update it inside of a function, from any thread; outside of a step
// an update has no effect. Counts of attempts that failed are dropped with them.
//
//   joist::Counter empty_lines("wordcount", "emptyLines");
//   … [](std::string_view line) { if (line.empty()) empty_lines.Inc(); … }

#ifndef JOIST_SDK_METRICS_H_
#define JOIST_SDK_METRICS_H_

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "joist/exec/metrics.h"

namespace joist {

class Counter {
 public:
  Counter(std::string_view space, std::string_view name)
      : id_(InternMetric(MetricKind::kCounter, space, name)) {}
  void Inc(int64_t by = 1) const {
    if (current_step != nullptr) current_step->Cell(id_).sum += by;
  }
  void Dec(int64_t by = 1) const { Inc(-by); }

 private:
  uint32_t id_;
};

/// Sum, number, least and greatest of the values reported.
class Distribution {
 public:
  Distribution(std::string_view space, std::string_view name)
      : id_(InternMetric(MetricKind::kDistribution, space, name)) {}
  void Update(int64_t value) const {
    if (current_step == nullptr) return;
    MetricCell& cell = current_step->Cell(id_);
    cell.sum += value;
    ++cell.count;
    cell.min = std::min(cell.min, value);
    cell.max = std::max(cell.max, value);
  }

 private:
  uint32_t id_;
};

/// The latest value reported, by whichever worker.
class Gauge {
 public:
  Gauge(std::string_view space, std::string_view name)
      : id_(InternMetric(MetricKind::kGauge, space, name)) {}
  void Set(int64_t value) const {
    if (current_step == nullptr) return;
    MetricCell& cell = current_step->Cell(id_);
    cell.latest = value;
    cell.count = 1;
    cell.latest_at = std::chrono::steady_clock::now().time_since_epoch().count();
  }

 private:
  uint32_t id_;
};

/// The different texts reported; meant for few.
class StringSet {
 public:
  StringSet(std::string_view space, std::string_view name)
      : id_(InternMetric(MetricKind::kStringSet, space, name)) {}
  void Add(std::string_view text) const {
    if (current_step != nullptr) current_step->Cell(id_).Add(text);
  }

 private:
  uint32_t id_;
};

/// One metric of one step.
struct StepMetric {
  std::string step;
  MetricName name;
  MetricCell value;
};

/// What a job has counted: the users' metrics, and each step's work.
struct JobMetrics {
  struct StepWork {
    std::string step;
    uint64_t elements_in = 0;
    uint64_t elements_out = 0;
    double seconds = 0;  ///< Busy, summed over threads; without the steps after it.
  };
  std::vector<StepMetric> metrics;
  std::vector<StepWork> steps;
  int64_t peak_memory_bytes = 0;  ///< The most that data took at one time (--memory limits it).
  int64_t spilled_bytes = 0;      ///< Written to temporary files, compressed.

  /// A counter's value over all steps; 0 if nobody counted.
  int64_t CounterValue(std::string_view space, std::string_view name) const;
  /// The cell of a metric, merged over all steps.
  MetricCell Value(MetricKind kind, std::string_view space, std::string_view name) const;
};

}  // namespace joist

#endif  // JOIST_SDK_METRICS_H_
