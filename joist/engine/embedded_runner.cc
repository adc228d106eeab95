// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// RunEmbedded: plans a graph and runs its stages one after the other, each on all threads.

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "joist/engine/checkpoint_store.h"
#include "joist/engine/cold_states.h"
#include "joist/engine/failure_keeper.h"
#include "joist/engine/file_checkpoints.h"
#include "joist/engine/job_folder.h"
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
constexpr std::chrono::milliseconds kBetweenRequests{100};

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
    job_.count_failure = [this] { failures_.fetch_add(1); };
    job_.tell = [this](const std::string& what) { Tell(what); };
    job_.plan = MakePlan(graph);
    const size_t nodes = graph.nodes().size();
    job_.breakers.resize(nodes);
    job_.stats.resize(nodes);
    stages_feeding_.resize(nodes);
    if (const std::string folder = FailureFolder(); !folder.empty()) {
      keeper_.emplace(&graph, folder, settings.job_name,
                      [this](const std::string& what) { Tell(what); });
      job_.keeper = &*keeper_;
    }
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
  /// Empty: failures are not kept.
  std::string FailureFolder() const {
    if (settings_.keep_failures == "none") return "";
    if (!settings_.keep_failures.empty()) return settings_.keep_failures;
    const bool has_checkpoints =
        job_.graph->has_unbounded() && !settings_.checkpoint_directory.empty();
    return has_checkpoints ? settings_.checkpoint_directory + "/failures" : "";
  }
  /// Of a stream's run that has failed for good: what the job ends with.
  Status Kept(Status status, int attempts, StreamRun* run) {
    if (!keeper_.has_value() || !run->failure().has_value()) return status;
    return keeper_->Keep(*run->failure(), attempts, run->TakeBundle());
  }
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

  /// What one lane's elements may take while they wait for the others is little of the memory.
  BundleLimits::Most BundleMost() const {
    return {settings_.max_bundle_size, std::chrono::milliseconds(settings_.max_bundle_time.millis),
            memory_.limit() / 16 / Lanes()};
  }

  /// What others ask of a stream; the run's checkpoints are null where it has none in files.
  void Attend(FileCheckpoints* checkpoints) {
    if (requests_.cancel.load()) stop_.store(true);
    if (requests_.drain.load()) drain_.store(true);
    const auto now = std::chrono::steady_clock::now();
    if (settings_.checkpoint_directory.empty() || now < next_look_) return;
    next_look_ = now + kBetweenRequests;
    const std::optional<JobRequest> request = TakeRequest(settings_.checkpoint_directory);
    if (request == JobRequest::kDrain) drain_.store(true);
    if (request == JobRequest::kStop) is_to_stop_ = true;
    if (is_to_stop_ && checkpoints != nullptr) checkpoints->EndWithNext();
  }

  /// From a checkpoint, or from the beginning where that is null.
  Status RunFrom(const SavedStream* from, StreamRun& run, FileCheckpoints* checkpoints) {
    watch_.BeginRun();
    const bool is_seen = server_ != nullptr || view_ != nullptr;
    run.Record(failing_);
    const Status status = run.Run(from, [this, is_seen, &run, checkpoints] {
      Attend(checkpoints);
      if (is_seen && watch_.IsDue()) watch_.Look(run.Figures());
    });
    // Without checkpoints there is no other attempt.
    return checkpoints == nullptr ? Kept(status, /*attempts=*/1, &run) : status;
  }

  Status RunStream() {
    if (settings_.show_progress) view_ = std::make_unique<LiveView>(&watch_, STDERR_FILENO);
    if (settings_.restarts) return RunRestarting();
    const std::string& directory = settings_.checkpoint_directory;
    if (directory.empty()) {
      ColdStates cold(SpillPath(), ColdMemory());
      StreamRun run(&job_, Lanes(), BundleMost(), &stop_, &drain_, nullptr, &cold);
      return RunFrom(nullptr, run, nullptr);
    }
    JOIST_ASSIGN_OR_RETURN(const auto store,
                           CheckpointStore::Open(directory, settings_.checkpoint_retention));
    while (TakeRequest(directory).has_value()) {
    }  // What was asked of a job before this one.
    if (!settings_.savepoint.empty() && store->next() == 1) {
      JOIST_RETURN_IF_ERROR(TakeUpSavepoint(settings_.savepoint, directory));
      JOIST_RETURN_IF_ERROR(store->Find());
    }
    const std::chrono::milliseconds interval(settings_.checkpoint_interval.millis);
    StreamRetries retries(interval);
    while (true) {
      JOIST_ASSIGN_OR_RETURN(std::optional<CheckpointStore::Checkpoint> latest, Latest(*store));
      std::optional<FileStream> from;
      if (latest.has_value()) from.emplace(store.get(), std::move(*latest));
      const CheckpointHeader base = from.has_value() ? from->header() : CheckpointHeader();
      ColdStates cold(directory + "/cold", ColdMemory());
      if (base.cold != 0) {
        JOIST_RETURN_IF_ERROR(cold.Restore(FileCheckpoints::ColdPathOf(directory, base.cold)));
      }
      FileCheckpoints checkpoints(store.get(), &cold, job_.graph->Fingerprint(), interval, base);
      WatchedCheckpoints watched(&checkpoints, store->last(), &watch_);
      StreamRun run(&job_, Lanes(), BundleMost(), &stop_, &drain_, &watched, &cold);
      Status status = RunFrom(from.has_value() ? &*from : nullptr, run, &checkpoints);
      if (status.ok()) {
        if (is_to_stop_) stop_.store(true);  // It has not come to its end.
        return status;
      }
      if (!run.is_retryable()) return Kept(status, retries.attempts(), &run);
      const auto pause = retries.AfterFailure(status.message(), StreamRetries::Clock::now());
      if (!pause.has_value()) return Kept(status, retries.attempts(), &run);
      if (keeper_.has_value()) failing_ = keeper_->NodeToRecord(run.failure()->step);
      watch_.AddFailure();
      Tell(status.message() + "; attempt " + std::to_string(retries.attempts()) + " of " +
           std::to_string(StreamRetries::kAttempts) + ", goes on from the last checkpoint in " +
           ShortTime(Duration::Millis(pause->count())));
      const auto until = StreamRetries::Clock::now() + *pause;
      while (!stop_.load() && StreamRetries::Clock::now() < until) {
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
        Attend(nullptr);
      }
    }
  }

  /// What RocksDB may take to write and to read.
  int64_t ColdMemory() const { return memory_.limit() / 8; }
  /// A folder for this job's state, where there are no checkpoints.
  std::string SpillPath() const {
    static std::atomic<int> jobs{0};
    return memory_.spill_directory() + "/joist-state-" + std::to_string(getpid()) + "-" +
           std::to_string(jobs++);
  }

  /// The last checkpoint; nothing if there is none.
  Result<std::optional<CheckpointStore::Checkpoint>> Latest(const CheckpointStore& store) {
    std::vector<std::string> warnings;
    JOIST_ASSIGN_OR_RETURN(std::optional<CheckpointStore::Checkpoint> latest,
                           store.Latest(&warnings));
    for (const std::string& warning : warnings) Tell(warning);
    if (!latest.has_value()) return latest;
    if (!settings_.update && latest->header.fingerprint != job_.graph->Fingerprint()) {
      return Status(StatusCode::kFailedPrecondition,
                    "the checkpoints in " + store.directory() +
                        " are those of another pipeline: steps have been added, removed, renamed "
                        "or given other types; go on with --update if their state fits, run the "
                        "program that made them, or give this job another --checkpoint_dir");
    }
    Tell("goes on from checkpoint " + std::to_string(latest->header.number) + " of " +
         latest->header.made_at.ToString());
    watch_.SetCheckpoint(
        {latest->header.number, latest->header.made_at, std::nullopt, latest->run.size()},
        /*is_own=*/false);
    return latest;
  }
  /// Any thread.
  void Tell(const std::string& what) const {
    if (view_ != nullptr) {
      view_->Tell("joist: " + what);
    } else {
      progress_.Tell("joist: " + what);
    }
  }

  /// For tests: a run ends after some bundles, and another goes on from its checkpoint.
  Status RunRestarting() {
    struct RestartOften final : StreamCheckpoints, SavedStream {
      bool IsDue() override { return ++bundles % 3 == 0; }
      bool Keep(std::string run, std::vector<StepKeys> changed) override {
        latest = std::move(run);
        keys.push_back(std::move(changed));
        restarts = ++checkpoints % 2 == 0;
        return !restarts;
      }
      bool IsSafe(bool) override { return true; }
      std::string_view run() const override { return latest; }
      Status ReadKeys(FunctionRef<Status(const std::vector<StepKeys>&)> take) const override {
        for (auto some = keys.rbegin(); some != keys.rend(); ++some) {
          JOIST_RETURN_IF_ERROR(take(*some));
        }
        return OkStatus();
      }
      int bundles = 0;
      int checkpoints = 0;
      bool restarts = false;
      std::string latest;
      std::vector<std::vector<StepKeys>> keys;  ///< Of all checkpoints.
    } checkpoints;
    int lanes = Lanes();
    do {
      const bool is_first = !std::exchange(checkpoints.restarts, false);
      StreamRun run(&job_, lanes, BundleMost(), &stop_, &drain_, &checkpoints, /*cold=*/nullptr);
      JOIST_RETURN_IF_ERROR(RunFrom(is_first ? nullptr : &checkpoints, run, nullptr));
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
  std::atomic<bool> drain_{false};
  bool is_to_stop_ = false;                          ///< With the next checkpoint.
  std::chrono::steady_clock::time_point next_look_;  ///< For what others ask.
  JobTables job_;
  std::vector<int> stages_feeding_;  ///< By node: stages that still add to its breaker.
  ProgressLine progress_;
  MemoryBudget memory_;
  JobWatch watch_;
  std::atomic<uint64_t> failures_{0};  ///< Of shares that are tried again.
  uint64_t failures_seen_ = 0;
  int failing_ = -1;                       ///< Of a stream: the node that is recorded.
  std::optional<FailureKeeper> keeper_;    ///< Nothing if failures are not kept.
  std::unique_ptr<LiveView> view_;         ///< Of a stream; null if nobody wants to see it.
  std::unique_ptr<MetricsServer> server_;  ///< Null if nobody is to ask.
};

}  // namespace

JobOutcome RunEmbedded(const Graph& graph, const RunSettings& settings,
                       const JobRequests& requests) {
  return EmbeddedJob(graph, settings, requests).Run();
}

}  // namespace joist
