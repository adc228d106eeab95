// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// RunEmbedded: plans a graph and runs its stages one after the other, each on all threads.

#include <algorithm>
#include <chrono>
#include <exception>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "joist/engine/machine.h"
#include "joist/engine/plan.h"
#include "joist/engine/progress.h"
#include "joist/engine/stage.h"
#include "joist/engine/stream_run.h"
#include "joist/sdk/runner.h"

namespace joist {
namespace {

class EmbeddedJob {
 public:
  EmbeddedJob(const Graph& graph, const RunSettings& settings, const std::atomic<bool>& cancel)
      : cancel_(cancel),
        threads_(settings.threads > 0
                     ? settings.threads
                     : std::max(1, static_cast<int>(std::thread::hardware_concurrency()))),
        progress_(settings.show_progress),
        memory_(
            settings.memory > 0 ? settings.memory : DefaultMemoryBytes(), threads_,
            settings.spill_directory.empty() ? DefaultSpillDirectory() : settings.spill_directory) {
    job_.graph = &graph;
    job_.memory = &memory_;
    job_.plan = MakePlan(graph);
    const size_t nodes = graph.nodes().size();
    job_.breakers.resize(nodes);
    job_.stats.resize(nodes);
    stages_feeding_.resize(nodes);
  }

  JobOutcome Run() {
    const uint64_t ticks = Ticks();
    const auto start = std::chrono::steady_clock::now();
    JobOutcome outcome;
    try {
      outcome.status = job_.graph->has_unbounded() ? RunStream() : RunStages();
    } catch (const std::bad_alloc&) {
      outcome.status = Status(StatusCode::kResourceExhausted, "out of memory");
    } catch (const std::exception& e) {
      outcome.status = Internal(e.what());
    }
    if (!outcome.status.ok()) {
      outcome.state = JobState::kFailed;
    } else if (stop_.load()) {
      outcome.state = JobState::kCancelled;
      outcome.status = Status(StatusCode::kCancelled, "the job was cancelled");
    }
    const double seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    const uint64_t elapsed = Ticks() - ticks;
    outcome.metrics.peak_memory_bytes = memory_.peak_bytes();
    outcome.metrics.spilled_bytes = memory_.spilled_bytes();
    CollectMetrics(elapsed == 0 ? 0 : seconds / static_cast<double>(elapsed), &outcome.metrics);
    return outcome;
  }

 private:
  Status RunStages() {
    MakeBreakers();
    const auto& stages = job_.plan.stages;
    for (size_t i = 0; i < stages.size(); ++i) {
      const PlannedStage& stage = stages[i];
      if (cancel_.load()) stop_.store(true);
      if (stop_.load()) return OkStatus();
      StageRun run(&job_, stage, threads_, &stop_);
      JOIST_RETURN_IF_ERROR(run.Prepare());
      const std::string_view name = job_.graph->nodes()[stage.root].name;
      JOIST_RETURN_IF_ERROR(run.Run([&] {
        if (cancel_.load()) stop_.store(true);
        progress_.Update(i + 1, stages.size(), name, run.progress());
      }));
      if (stop_.load()) return OkStatus();
      job_.breakers[stage.root].reset();
      for (int sink : stage.sinks) {
        if (--stages_feeding_[sink] == 0) JOIST_RETURN_IF_ERROR(Seal(sink));
      }
    }
    return OkStatus();
  }

  Status RunStream() {
    StreamRun run(&job_, &stop_);
    return run.Run([this] {
      if (cancel_.load()) stop_.store(true);
    });
  }

  void MakeBreakers() {
    for (const PlannedStage& stage : job_.plan.stages) {
      for (int sink : stage.sinks) {
        if (stages_feeding_[sink]++ > 0) continue;
        const Node& node = job_.graph->nodes()[sink];
        const auto& step = static_cast<const Step&>(*node.payload);
        const BreakerContext context{node.name, &memory_,
                                     &job_.graph->collections()[node.inputs[0]].windowing};
        job_.breakers[sink] =
            job_.plan.cut[sink] ? step.MakeInputBreaker(context) : step.MakeBreaker(context);
        JOIST_CHECK(job_.breakers[sink] != nullptr);
      }
    }
  }

  Status Seal(int sink) {
    try {
      try {
        job_.breakers[sink]->Seal(threads_);
      } catch (...) {
        RethrowAsStepFailure(job_.graph->nodes()[sink].name, "");
      }
    } catch (const StepFailure& failure) {
      return failure.status;
    }
    return OkStatus();
  }

  void CollectMetrics(double seconds_per_tick, JobMetrics* metrics) const {
    for (size_t node = 0; node < job_.stats.size(); ++node) {
      const StepStats& stats = job_.stats[node];
      const std::string& name = job_.graph->nodes()[node].name;
      if (job_.graph->nodes()[node].kind == StepKind::kFlatten) continue;
      metrics->steps.push_back({name, stats.elements_in, stats.elements_out,
                                static_cast<double>(stats.ticks) * seconds_per_tick});
      for (uint32_t id = 0; id < stats.cells.size(); ++id) {
        if (!stats.cells[id].touched) continue;
        metrics->metrics.push_back({name, MetricNameOf(id), stats.cells[id]});
      }
    }
  }

  const std::atomic<bool>& cancel_;
  const int threads_;
  std::atomic<bool> stop_{false};
  JobTables job_;
  std::vector<int> stages_feeding_;  ///< By node: stages that still add to its breaker.
  ProgressLine progress_;
  MemoryBudget memory_;
};

}  // namespace

JobOutcome RunEmbedded(const Graph& graph, const RunSettings& settings,
                       const std::atomic<bool>& cancel) {
  return EmbeddedJob(graph, settings, cancel).Run();
}

}  // namespace joist
