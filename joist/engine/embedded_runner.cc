// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// RunEmbedded, RunWatched: runs a graph on this machine's threads, and tells how that went.

#include <chrono>
#include <exception>
#include <memory>
#include <new>
#include <string>
#include <utility>

#include "joist/engine/batch_job.h"
#include "joist/engine/prometheus_text.h"
#include "joist/engine/running_job.h"
#include "joist/engine/stream_job.h"
#include "joist/engine/watched_run.h"
#include "joist/exec/wall_time.h"
#include "joist/sdk/runner.h"

namespace joist {
namespace {

/// From here to the end of the job, if that is wanted.
Status ServeMetrics(RunningJob* job) {
  if (job->settings.metrics_port == 0) return OkStatus();
  Result<std::unique_ptr<MetricsServer>> server =
      MetricsServer::Start(job->settings.metrics_host, job->settings.metrics_port,
                           [job] { return PrometheusText(job->watch.Latest(), WallTime()); });
  if (!server.ok()) {
    return Status(server.status().code(), "--metrics_port: " + server.status().message());
  }
  job->server = std::move(*server);
  return OkStatus();
}

Status Run(RunningJob* job) {
  try {
    JOIST_RETURN_IF_ERROR(ServeMetrics(job));
    return job->tables.graph->has_unbounded() ? StreamJob(job).Run() : BatchJob(job).Run();
  } catch (const std::bad_alloc&) {
    return Status(StatusCode::kResourceExhausted, "out of memory");
  } catch (const std::exception& e) {
    return Internal(e.what());
  }
}

void CollectMetrics(const JobTables& tables, double seconds_per_tick, JobMetrics* metrics) {
  for (size_t node = 0; node < tables.stats.size(); ++node) {
    const StepStats& stats = tables.stats[node];
    const std::string& name = tables.graph->nodes()[node].name;
    if (tables.graph->nodes()[node].kind == StepKind::kFlatten) continue;
    metrics->steps.push_back({name, stats.elements_in, stats.elements_out,
                              static_cast<double>(stats.ticks) * seconds_per_tick});
    for (uint32_t id = 0; id < stats.cells.size(); ++id) {
      if (!stats.cells[id].touched) continue;
      metrics->metrics.push_back({name, MetricNameOf(id), stats.cells[id]});
    }
  }
}

JobOutcome RunObserved(const Graph& graph, const RunSettings& settings, const JobRequests& requests,
                       const RunObserver* observer) {
  RunningJob job(graph, settings, requests, observer);
  const uint64_t ticks = Ticks();
  const auto start = std::chrono::steady_clock::now();
  JobOutcome outcome;
  outcome.status = Run(&job);
  if (!outcome.status.ok()) {
    outcome.state = JobState::kFailed;
  } else if (job.stop.load()) {
    outcome.state = JobState::kCancelled;
    outcome.status = Status(StatusCode::kCancelled, "the job was cancelled");
  }
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  const uint64_t elapsed = Ticks() - ticks;
  outcome.metrics.peak_memory_bytes = job.memory.peak_bytes();
  outcome.metrics.spilled_bytes = job.memory.spilled_bytes();
  CollectMetrics(job.tables, elapsed == 0 ? 0 : seconds / static_cast<double>(elapsed),
                 &outcome.metrics);
  return outcome;
}

}  // namespace

JobOutcome RunEmbedded(const Graph& graph, const RunSettings& settings,
                       const JobRequests& requests) {
  return RunObserved(graph, settings, requests, nullptr);
}

JobOutcome RunWatched(const Graph& graph, const RunSettings& settings, const JobRequests& requests,
                      const RunObserver& observer) {
  return RunObserved(graph, settings, requests, &observer);
}

}  // namespace joist
