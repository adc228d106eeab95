// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/engine/stream_job.h"

#include <unistd.h>

#include <algorithm>
#include <memory>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "joist/engine/cold_states.h"
#include "joist/engine/job_folder.h"
#include "joist/engine/status_table.h"
#include "joist/engine/stream_retries.h"
#include "joist/engine/watched_checkpoints.h"

namespace joist {
namespace {

/// An exchange keeps something for each pair.
constexpr int kMostLanes = 128;
constexpr std::chrono::milliseconds kBetweenRequests{100};

/// Checkpoints in memory; a run ends with each second one.
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
};

}  // namespace

Status StreamJob::Run() {
  if (job_->settings.show_progress) {
    job_->view = std::make_unique<LiveView>(&job_->watch, STDERR_FILENO);
  }
  if (job_->settings.restarts) return RunRestarting();
  const std::string& directory = job_->settings.checkpoint_directory;
  return directory.empty() ? RunWithoutCheckpoints() : RunWithCheckpoints(directory);
}

Status StreamJob::RunWithoutCheckpoints() {
  ColdStates cold(SpillPath(), ColdMemory());
  StreamRun run(&job_->tables, Lanes(), BundleMost(), &job_->stop, &drain_, nullptr, &cold);
  const Status status = RunFrom(nullptr, run, nullptr);
  return Kept(status, /*attempts=*/1, &run);
}

Status StreamJob::RunWithCheckpoints(const std::string& directory) {
  const RunSettings& settings = job_->settings;
  JOIST_ASSIGN_OR_RETURN(const auto store,
                         CheckpointStore::Open(directory, settings.checkpoint_retention));
  while (TakeRequest(directory).has_value()) {
  }  // What was asked of a job before this one.
  if (!settings.savepoint.empty() && store->next() == 1) {
    JOIST_RETURN_IF_ERROR(TakeUpSavepoint(settings.savepoint, directory));
    JOIST_RETURN_IF_ERROR(store->Find());
  }
  const std::chrono::milliseconds interval(settings.checkpoint_interval.millis);
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
    FileCheckpoints checkpoints(store.get(), &cold, job_->tables.graph->Fingerprint(), interval,
                                base);
    WatchedCheckpoints watched(&checkpoints, store->last(), &job_->watch);
    StreamRun run(&job_->tables, Lanes(), BundleMost(), &job_->stop, &drain_, &watched, &cold);
    Status status = RunFrom(from.has_value() ? &*from : nullptr, run, &checkpoints);
    if (status.ok()) {
      if (is_to_stop_) job_->stop.store(true);  // It has not come to its end.
      return status;
    }
    if (!run.is_retryable()) return Kept(status, retries.attempts(), &run);
    const auto pause = retries.AfterFailure(status.message(), StreamRetries::Clock::now());
    if (!pause.has_value()) return Kept(status, retries.attempts(), &run);
    if (job_->keeper.has_value()) failing_ = job_->keeper->NodeToRecord(run.failure()->step);
    job_->watch.AddFailure();
    job_->Show();
    job_->Tell(status.message() + "; attempt " + std::to_string(retries.attempts()) + " of " +
               std::to_string(StreamRetries::kAttempts) + ", goes on from the last checkpoint in " +
               ShortTime(Duration::Millis(pause->count())));
    Pause(*pause);
  }
}

Status StreamJob::RunRestarting() {
  RestartOften checkpoints;
  int lanes = Lanes();
  do {
    const bool is_first = !std::exchange(checkpoints.restarts, false);
    StreamRun run(&job_->tables, lanes, BundleMost(), &job_->stop, &drain_, &checkpoints,
                  /*cold=*/nullptr);
    const Status status = RunFrom(is_first ? nullptr : &checkpoints, run, nullptr);
    if (!status.ok()) return Kept(status, /*attempts=*/1, &run);
    lanes = lanes % 3 + 1;  // Others than had made the checkpoint.
  } while (checkpoints.restarts && !job_->stop.load());
  return OkStatus();
}

Status StreamJob::RunFrom(const SavedStream* from, StreamRun& run, FileCheckpoints* checkpoints) {
  job_->watch.BeginRun();
  run.Record(failing_);
  return run.Run(from, [this, &run, checkpoints] {
    Attend(checkpoints);
    if (!job_->is_watched() || !job_->watch.IsDue()) return;
    job_->watch.Look(run.Figures());
    job_->Show();
  });
}

void StreamJob::Attend(FileCheckpoints* checkpoints) {
  if (job_->requests.cancel.load()) job_->stop.store(true);
  if (job_->requests.drain.load()) drain_.store(true);
  const std::string& directory = job_->settings.checkpoint_directory;
  const auto now = std::chrono::steady_clock::now();
  if (directory.empty() || now < next_look_) return;
  next_look_ = now + kBetweenRequests;
  const std::optional<JobRequest> request = TakeRequest(directory);
  if (request == JobRequest::kDrain) drain_.store(true);
  if (request == JobRequest::kStop) is_to_stop_ = true;
  if (is_to_stop_ && checkpoints != nullptr) checkpoints->EndWithNext();
}

void StreamJob::Pause(std::chrono::milliseconds pause) {
  const auto until = std::chrono::steady_clock::now() + pause;
  while (!job_->stop.load() && std::chrono::steady_clock::now() < until) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    Attend(nullptr);
  }
}

Result<std::optional<CheckpointStore::Checkpoint>> StreamJob::Latest(const CheckpointStore& store) {
  std::vector<std::string> warnings;
  JOIST_ASSIGN_OR_RETURN(std::optional<CheckpointStore::Checkpoint> latest,
                         store.Latest(&warnings));
  for (const std::string& warning : warnings) job_->Tell(warning);
  if (!latest.has_value()) return latest;
  if (!job_->settings.update && latest->header.fingerprint != job_->tables.graph->Fingerprint()) {
    return Status(StatusCode::kFailedPrecondition,
                  "the checkpoints in " + store.directory() +
                      " are those of another pipeline: steps have been added, removed, renamed "
                      "or given other types; go on with --update if their state fits, run the "
                      "program that made them, or give this job another --checkpoint_dir");
  }
  job_->Tell("goes on from checkpoint " + std::to_string(latest->header.number) + " of " +
             latest->header.made_at.ToString());
  job_->watch.SetCheckpoint(
      {latest->header.number, latest->header.made_at, std::nullopt, latest->run.size()},
      /*is_own=*/false);
  return latest;
}

Status StreamJob::Kept(Status status, int attempts, StreamRun* run) {
  if (!job_->keeper.has_value() || !run->failure().has_value()) return status;
  return job_->keeper->Keep(*run->failure(), attempts, run->TakeBundle());
}

int StreamJob::Lanes() const { return std::min(job_->threads, kMostLanes); }

BundleLimits::Most StreamJob::BundleMost() const {
  const RunSettings& settings = job_->settings;
  // What one lane's elements may take while they wait for the others is little of the memory.
  return {settings.max_bundle_size, std::chrono::milliseconds(settings.max_bundle_time.millis),
          job_->memory.limit() / 16 / Lanes()};
}

std::string StreamJob::SpillPath() const {
  static std::atomic<int> jobs{0};
  return job_->memory.spill_directory() + "/joist-state-" + std::to_string(getpid()) + "-" +
         std::to_string(jobs++);
}

}  // namespace joist
