// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// RunEmbedded: plans a graph and runs its stages one after the other, each on all threads.

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <exception>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "joist/engine/checkpoint_store.h"
#include "joist/engine/job_watch.h"
#include "joist/engine/live_view.h"
#include "joist/engine/machine.h"
#include "joist/engine/metrics_server.h"
#include "joist/engine/plan.h"
#include "joist/engine/progress.h"
#include "joist/engine/prometheus_text.h"
#include "joist/engine/stage.h"
#include "joist/engine/status_table.h"
#include "joist/engine/stream_retries.h"
#include "joist/engine/stream_run.h"
#include "joist/engine/watched_checkpoints.h"
#include "joist/exec/wall_time.h"
#include "joist/sdk/runner.h"

namespace joist {
namespace {

/// An exchange keeps something for each pair.
constexpr int kMostLanes = 128;

class EmbeddedJob {
 public:
  EmbeddedJob(const Graph& graph, const RunSettings& settings, const JobRequests& requests)
      : requests_(requests),
        settings_(settings),
        threads_(settings.threads > 0
                     ? settings.threads
                     : std::max(1, static_cast<int>(std::thread::hardware_concurrency()))),
        progress_(settings.show_progress),
        memory_(
            settings.memory > 0 ? settings.memory : DefaultMemoryBytes(), threads_,
            settings.spill_directory.empty() ? DefaultSpillDirectory() : settings.spill_directory),
        watch_(&graph, &memory_, settings.job_name) {
    job_.graph = &graph;
    job_.memory = &memory_;
    job_.tell = [this](const std::string& what) {
      failures_.fetch_add(1);
      Tell(what);
    };
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
      outcome.status = ServeMetrics();
      if (outcome.status.ok()) {
        outcome.status = job_.graph->has_unbounded() ? RunStream() : RunStages();
      }
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
  /// From here to the end of the job, if that is wanted.
  Status ServeMetrics() {
    if (settings_.metrics_port == 0) return OkStatus();
    Result<std::unique_ptr<MetricsServer>> server =
        MetricsServer::Start(settings_.metrics_host, settings_.metrics_port,
                             [this] { return PrometheusText(watch_.Latest(), WallTime()); });
    if (!server.ok()) {
      return Status(server.status().code(), "--metrics_port: " + server.status().message());
    }
    server_ = std::move(*server);
    return OkStatus();
  }

  Status RunStages() {
    if (!settings_.checkpoint_directory.empty()) {
      Tell("--checkpoint_dir is for streams; the input of this pipeline ends, and nothing is kept");
    }
    MakeBreakers();
    const auto& stages = job_.plan.stages;
    for (size_t i = 0; i < stages.size(); ++i) {
      const PlannedStage& stage = stages[i];
      if (requests_.cancel.load()) stop_.store(true);
      if (stop_.load()) return OkStatus();
      StageRun run(&job_, stage, threads_, &stop_);
      JOIST_RETURN_IF_ERROR(run.Prepare());
      const std::string_view name = job_.graph->nodes()[stage.root].name;
      JOIST_RETURN_IF_ERROR(run.Run([&] {
        if (requests_.cancel.load()) stop_.store(true);
        progress_.Update(i + 1, stages.size(), name, run.progress());
        Look(run, i + 1);
      }));
      if (stop_.load()) return OkStatus();
      job_.breakers[stage.root].reset();
      for (int sink : stage.sinks) {
        if (--stages_feeding_[sink] == 0) JOIST_RETURN_IF_ERROR(Seal(sink));
      }
    }
    return OkStatus();
  }

  void Look(const StageRun& run, size_t stage) {
    if (server_ == nullptr || !watch_.IsDue()) return;
    while (failures_seen_ < failures_.load()) {
      ++failures_seen_;
      watch_.AddFailure();
    }
    const double progress = run.progress();
    run.WhileNothingCommits(
        [&] { watch_.Look(job_.stats, stage, job_.plan.stages.size(), progress); });
  }

  /// Of a stream.
  int Lanes() const { return std::min(threads_, kMostLanes); }

  void StopIfAsked() {
    if (requests_.cancel.load()) stop_.store(true);
  }

  /// From the state of a checkpoint, or from the beginning, where that is empty.
  Status RunFrom(std::string_view state, StreamRun& run) {
    watch_.BeginRun();
    const bool is_seen = server_ != nullptr || view_ != nullptr;
    return run.Run(state, [this, is_seen, &run] {
      StopIfAsked();
      if (is_seen && watch_.IsDue()) watch_.Look(run.Figures());
    });
  }

  Status RunStream() {
    if (settings_.show_progress) view_ = std::make_unique<LiveView>(&watch_, STDERR_FILENO);
    if (settings_.restarts) return RunRestarting();
    if (settings_.checkpoint_directory.empty()) {
      StreamRun run(&job_, Lanes(), &stop_, &requests_.drain, nullptr);
      return RunFrom("", run);
    }
    JOIST_ASSIGN_OR_RETURN(const auto store, CheckpointStore::Open(settings_.checkpoint_directory));
    StreamRetries retries(std::chrono::milliseconds(settings_.checkpoint_interval.millis));
    while (true) {
      JOIST_ASSIGN_OR_RETURN(const std::string state, LatestState(*store));
      FileCheckpoints checkpoints(store.get(), job_.graph->Fingerprint(),
                                  settings_.checkpoint_interval);
      WatchedCheckpoints watched(&checkpoints, store->last(), &watch_);
      StreamRun run(&job_, Lanes(), &stop_, &requests_.drain, &watched);
      Status status = RunFrom(state, run);
      if (status.ok()) return status;
      if (!run.is_retryable()) return status;
      const auto pause = retries.AfterFailure(status.message(), StreamRetries::Clock::now());
      if (!pause.has_value()) return status;
      watch_.AddFailure();
      Tell(status.message() + "; attempt " + std::to_string(retries.attempts()) + " of " +
           std::to_string(StreamRetries::kAttempts) + ", goes on from the last checkpoint in " +
           ShortTime(Duration::Millis(pause->count())));
      const auto until = StreamRetries::Clock::now() + *pause;
      while (!stop_.load() && StreamRetries::Clock::now() < until) {
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
        StopIfAsked();
      }
    }
  }

  /// What the last checkpoint holds; nothing if there is none.
  Result<std::string> LatestState(const CheckpointStore& store) {
    std::vector<std::string> warnings;
    JOIST_ASSIGN_OR_RETURN(std::optional<CheckpointStore::Checkpoint> latest,
                           store.Latest(&warnings));
    for (const std::string& warning : warnings) Tell(warning);
    if (!latest.has_value()) return std::string();
    if (latest->fingerprint != job_.graph->Fingerprint()) {
      return Status(StatusCode::kFailedPrecondition,
                    "the checkpoints in " + store.directory() +
                        " are those of another pipeline: steps have been added, removed, renamed "
                        "or given other types; run the program that made them, or give this job "
                        "another --checkpoint_dir");
    }
    Tell("goes on from checkpoint " + std::to_string(latest->number) + " of " +
         latest->made_at.ToString());
    watch_.SetCheckpoint({latest->number, latest->made_at, std::nullopt, latest->state.size()},
                         /*is_own=*/false);
    return std::move(latest->state);
  }
  /// Any thread.
  void Tell(const std::string& what) const {
    if (view_ != nullptr) {
      view_->Tell("joist: " + what);
    } else {
      progress_.Tell("joist: " + what);
    }
  }

  /// In the store, at each interval.
  class FileCheckpoints final : public StreamCheckpoints {
   public:
    FileCheckpoints(CheckpointStore* store, uint64_t fingerprint, Duration interval)
        : store_(store), fingerprint_(fingerprint), interval_(interval.millis) {}
    bool IsDue() override { return Clock::now() >= due_; }
    bool Keep(std::string bytes) override {
      due_ = Clock::now() + interval_;
      written_ = std::async(std::launch::async, [this, state = std::move(bytes)] {
        return store_->Write(fingerprint_, state);
      });
      return true;
    }
    bool IsSafe(bool waits) override {
      if (!waits && written_.wait_for(std::chrono::seconds(0)) != std::future_status::ready) {
        return false;
      }
      ThrowIfError(written_.get());
      return true;
    }

   private:
    using Clock = std::chrono::steady_clock;
    CheckpointStore* store_;
    uint64_t fingerprint_;
    std::chrono::milliseconds interval_;
    Clock::time_point due_ = Clock::now() + interval_;
    std::future<Status> written_;  ///< Waits for the writer when it is destroyed.
  };

  /// For tests: a run ends after some bundles, and another goes on from its checkpoint.
  Status RunRestarting() {
    struct RestartOften final : StreamCheckpoints {
      bool IsDue() override { return ++bundles % 3 == 0; }
      bool Keep(std::string kept) override {
        bytes = std::move(kept);
        restarts = ++checkpoints % 2 == 0;
        return !restarts;
      }
      bool IsSafe(bool) override { return true; }
      int bundles = 0;
      int checkpoints = 0;
      bool restarts = false;
      std::string bytes;
    } checkpoints;
    int lanes = Lanes();
    do {
      checkpoints.restarts = false;
      const std::string from = checkpoints.bytes;
      StreamRun run(&job_, lanes, &stop_, &requests_.drain, &checkpoints);
      JOIST_RETURN_IF_ERROR(RunFrom(from, run));
      lanes = lanes % 3 + 1;  // Others than had made the checkpoint.
    } while (checkpoints.restarts && !stop_.load());
    return OkStatus();
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

  const JobRequests& requests_;
  const RunSettings& settings_;
  const int threads_;
  std::atomic<bool> stop_{false};
  JobTables job_;
  std::vector<int> stages_feeding_;  ///< By node: stages that still add to its breaker.
  ProgressLine progress_;
  MemoryBudget memory_;
  JobWatch watch_;
  std::atomic<uint64_t> failures_{0};  ///< Of shares that are tried again.
  uint64_t failures_seen_ = 0;
  std::unique_ptr<LiveView> view_;         ///< Of a stream; null if nobody wants to see it.
  std::unique_ptr<MetricsServer> server_;  ///< Null if nobody is to ask.
};

}  // namespace

JobOutcome RunEmbedded(const Graph& graph, const RunSettings& settings,
                       const JobRequests& requests) {
  return EmbeddedJob(graph, settings, requests).Run();
}

}  // namespace joist
