// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// What a job has, whether its input ends (BatchJob) or not (StreamJob).

#ifndef JOIST_ENGINE_RUNNING_JOB_H_
#define JOIST_ENGINE_RUNNING_JOB_H_

#include <atomic>
#include <memory>
#include <optional>
#include <string>

#include "joist/engine/failure_keeper.h"
#include "joist/engine/job_watch.h"
#include "joist/engine/live_view.h"
#include "joist/engine/metrics_server.h"
#include "joist/engine/progress.h"
#include "joist/engine/stage.h"
#include "joist/engine/watched_run.h"
#include "joist/exec/memory.h"
#include "joist/sdk/runner.h"

namespace joist {

struct RunningJob {
  /// Plans `graph`. All arguments outlive it.
  RunningJob(const Graph& graph, const RunSettings& settings, const JobRequests& requests,
             const RunObserver* observer);

  bool is_watched() const { return observer != nullptr || view != nullptr || server != nullptr; }
  /// Whoever watches sees what the watch has seen last.
  void Show() const;

  /// Writes a line of the job's log. Any thread.
  void Tell(const std::string& what) const;

  const RunSettings& settings;
  const JobRequests& requests;
  const RunObserver* const observer;  ///< May be null.
  const int threads;
  std::atomic<bool> stop{false};
  ProgressLine progress;
  MemoryBudget memory;
  JobWatch watch;
  JobTables tables;
  std::optional<FailureKeeper> keeper;    ///< Nothing if failures are not kept.
  std::unique_ptr<LiveView> view;         ///< Of a stream; null if nobody wants to see it.
  std::unique_ptr<MetricsServer> server;  ///< Null if nobody is to ask.
};

}  // namespace joist

#endif  // JOIST_ENGINE_RUNNING_JOB_H_
