// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// JobWatch: gathers what there is to see of a job (job_status.h) from the thread that runs it, a
// few times a second and never while an operator is at work, and hands it to whoever shows it. What
// is shown is added up by what came since the last look, so that it never goes back, although a
// stream that has failed goes back to its checkpoint.

#ifndef JOIST_ENGINE_JOB_WATCH_H_
#define JOIST_ENGINE_JOB_WATCH_H_

#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "joist/engine/job_status.h"
#include "joist/engine/stream_figures.h"
#include "joist/exec/memory.h"

namespace joist {

/// Belongs to the job's thread, but for Latest.
class JobWatch {
 public:
  /// `graph` and `memory` outlive it.
  JobWatch(const Graph* graph, const MemoryBudget* memory, std::string job);

  /// Whether it is time to look.
  bool IsDue() const { return begins_ || Clock::now() >= next_; }
  /// Another StreamRun begins: the next look sees what it goes on from, and counts none of it.
  void BeginRun();
  void Look(const StreamFigures& figures);
  /// Of input that ends: by node what was committed, and the stage at work, from 1.
  void Look(const std::vector<StepStats>& stats, size_t stage, size_t stages, double progress);
  /// Something failed and is tried again.
  void AddFailure();
  /// The last checkpoint is this one, which this process has made, or found.
  void SetCheckpoint(const CheckpointStatus& checkpoint, bool is_own);

  /// Any thread.
  JobStatus Latest() const;

 private:
  using Clock = std::chrono::steady_clock;
  /// Of a step when it was last looked at.
  struct Seen {
    uint64_t elements_in = 0;
    uint64_t elements_out = 0;
    uint64_t dropped_late = 0;
    double bytes_of_one = 0;  ///< Of an element in, about.
    uint64_t busy = 0;        ///< Ticks, as
    uint64_t blocked = 0;     ///< these.
    static Seen Of(const StepStats& stats, uint64_t blocked);
  };

  void Count(size_t node, const Seen& now, double seconds_per_tick, double lane_seconds);
  void AddMetrics(size_t node, const StepStats& stats);
  /// Seconds since the last look, and by tick.
  std::pair<double, double> BeginLook();
  void Publish();

  const Graph* const graph_;
  const MemoryBudget* const memory_;
  const Clock::time_point start_ = Clock::now();
  const uint64_t start_ticks_ = Ticks();
  Clock::time_point last_ = start_;
  Clock::time_point next_ = start_;
  bool begins_ = false;
  std::vector<int> step_of_;  ///< By node; -1 for a Flatten.
  std::vector<Seen> seen_;    ///< By node.
  uint64_t bundles_seen_ = 0;
  JobStatus status_;
  mutable std::mutex mutex_;
  JobStatus latest_;
};

}  // namespace joist

#endif  // JOIST_ENGINE_JOB_WATCH_H_
