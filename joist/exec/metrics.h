// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// What steps count while they run. Every share of a stage has its own StepStats for each step, so
// that nothing is shared between threads and an attempt that fails takes its counts with it; the
// engine adds them up when a share commits.

#ifndef JOIST_EXEC_METRICS_H_
#define JOIST_EXEC_METRICS_H_

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace joist {

enum class MetricKind : uint8_t { kCounter, kDistribution, kGauge, kStringSet };

/// A metric's value, of any kind: what isn't used stays at its neutral value.
struct MetricCell {
  bool touched = false;  ///< False in a cell that only fills a gap between others.
  int64_t sum = 0;       ///< Counter; distribution.
  int64_t count = 0;     ///< Distribution: updates. Gauge: 1 once set.
  int64_t min = std::numeric_limits<int64_t>::max();
  int64_t max = std::numeric_limits<int64_t>::min();
  int64_t latest = 0;                ///< Gauge.
  int64_t latest_at = 0;             ///< Gauge: when, in steady nanoseconds.
  std::vector<std::string> strings;  ///< String set: sorted, unique.

  void Add(std::string_view text);
  void Merge(const MetricCell& other);
};

/// A metric's identity; the same number for the same (kind, namespace, name) all over the program.
struct MetricName {
  MetricKind kind;
  std::string space;
  std::string name;
};
/// The namespace of what the engine counts under Beam's names.
inline constexpr std::string_view kBeamMetrics = "beam";

/// Thread-safe.
uint32_t InternMetric(MetricKind kind, std::string_view space, std::string_view name);
MetricName MetricNameOf(uint32_t id);

/// Counts of one step in one share; belongs to the share's thread.
struct StepStats {
  uint64_t elements_in = 0;
  uint64_t elements_out = 0;
  uint64_t batches_in = 0;
  /// Of what came in: some elements, and what they are encoded in.
  uint64_t sampled_elements = 0;
  uint64_t sampled_bytes = 0;
  uint64_t ticks = 0;             ///< Spent in the step itself, not in those after it.
  std::vector<MetricCell> cells;  ///< By metric id.

  MetricCell& Cell(uint32_t id) {
    if (id >= cells.size()) cells.resize(id + 1);
    cells[id].touched = true;
    return cells[id];
  }
  void Merge(const StepStats& other);
};

/// So many elements more that came after their windows' allowed lateness.
void CountDroppedLate(StepStats* stats, size_t count = 1);

/// A cheap clock: the processor's cycle counter where there is one. The engine knows its rate.
inline uint64_t Ticks() {
#if defined(__x86_64__)
  return __builtin_ia32_rdtsc();
#else
  return static_cast<uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
#endif
}

/// The step that this thread is in; null outside of a share.
inline thread_local StepStats* current_step = nullptr;
inline thread_local uint64_t current_step_since = 0;

/// Makes `stats` the thread's current step for as long as it lives; time goes to whoever is
/// current.
class StepScope {
 public:
  explicit StepScope(StepStats* stats) : outer_(current_step) {
    Charge();
    current_step = stats;
  }
  ~StepScope() {
    Charge();
    current_step = outer_;
  }
  StepScope(const StepScope&) = delete;
  StepScope& operator=(const StepScope&) = delete;

 private:
  static void Charge() {
    const uint64_t now = Ticks();
    if (current_step != nullptr) current_step->ticks += now - current_step_since;
    current_step_since = now;
  }

  StepStats* outer_;
};

}  // namespace joist

#endif  // JOIST_EXEC_METRICS_H_
