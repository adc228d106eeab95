// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/sdk/pipeline.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <mutex>
#include <thread>

#include "joist/sdk/graph_picture/fused_stages.h"
#include "joist/sdk/graph_picture/graph_picture.h"
#include "joist/sdk/standard_options.h"

namespace joist {

std::string_view JobStateName(JobState state) {
  static constexpr std::string_view kNames[] = {"RUNNING", "DONE", "FAILED", "CANCELLED"};
  return kNames[static_cast<size_t>(state)];
}

namespace {

/// Below this, buffers and the lists of what is on disk would outweigh what is limited.
constexpr uint64_t kLeastMemory = 4 << 20;

std::atomic<bool> interrupted{false};

/// The first Ctrl-C asks the jobs to stop; the second has its usual effect.
void OnInterrupt(int) {
  interrupted.store(true, std::memory_order_relaxed);
  struct sigaction usual = {};
  usual.sa_handler = SIG_DFL;
  sigaction(SIGINT, &usual, nullptr);
}

void CatchInterrupt() {
  struct sigaction now;
  if (sigaction(SIGINT, nullptr, &now) != 0 || now.sa_handler != SIG_DFL) return;
  struct sigaction ours = {};
  ours.sa_handler = OnInterrupt;
  ours.sa_flags = SA_RESTART;
  sigaction(SIGINT, &ours, nullptr);
}

/// Without its folder.
std::string_view ProgramName(const PipelineOptions& options) {
  const std::string_view program = options.program();
  return program.substr(program.rfind('/') + 1);
}

/// The embedded engine goes by the names of Beam's local runners as well.
bool IsEmbeddedRunner(std::string_view name) {
  for (std::string_view known : {"embedded", "direct", "DirectRunner", "direct_runner"}) {
    if (name == known) return true;
  }
  return false;
}

}  // namespace

struct PipelineResult::Job {
  std::shared_ptr<PipelineBuilder> builder;
  RunSettings settings;
  JobRequests requests;
  bool refused = false;  // The pipeline itself is wrong: it never ran.
  JobOutcome outcome;    // Written before `ended`.
  std::mutex mutex;
  std::condition_variable changed;
  bool ended = false;
  std::thread thread;

  void Start() {
    thread = std::thread([this] {
      outcome = RunEmbedded(builder->graph(), settings, requests);
      const bool goes_on =
          !settings.checkpoint_directory.empty() && outcome.state != JobState::kDone;
      if (!goes_on) builder->RunCleanups();
      End();
    });
  }
  void End() {
    const std::lock_guard lock(mutex);
    ended = true;
    changed.notify_all();
  }
  void Join() {
    std::unique_lock lock(mutex);
    // A signal handler may set a flag and no more; whoever waits looks at it.
    while (!changed.wait_for(lock, std::chrono::milliseconds(50), [this] { return ended; })) {
      if (interrupted.load(std::memory_order_relaxed)) requests.cancel.store(true);
    }
    if (thread.joinable()) thread.join();
  }
  ~Job() { Join(); }
};

const PipelineResult& PipelineResult::WaitUntilFinish() const {
  job_->Join();
  return *this;
}

void PipelineResult::Cancel() const { job_->requests.cancel.store(true); }
void PipelineResult::Drain() const { job_->requests.drain.store(true); }

JobState PipelineResult::state() const {
  const std::lock_guard lock(job_->mutex);
  return job_->ended ? job_->outcome.state : JobState::kRunning;
}

const Status& PipelineResult::status() const {
  job_->Join();
  return job_->outcome.status;
}

const JobMetrics& PipelineResult::metrics() const {
  job_->Join();
  return job_->outcome.metrics;
}

int PipelineResult::exit_code() const {
  job_->Join();
  switch (job_->outcome.state) {
    case JobState::kDone: return 0;
    case JobState::kCancelled:
      std::fprintf(stderr, "cancelled\n");
      return interrupted.load() ? 130 : 1;
    default:
      std::fprintf(stderr, "error: %s\n", job_->outcome.status.message().c_str());
      return job_->refused ? 2 : 1;
  }
}

Pipeline::Pipeline() : builder_(std::make_shared<PipelineBuilder>()) {}

Pipeline::Pipeline(int argc, const char* const* argv)
    : builder_(std::make_shared<PipelineBuilder>()),
      options_(PipelineOptions::FromArgs(argc, argv)) {
  CatchInterrupt();
}

Pipeline::Pipeline(PipelineOptions options)
    : builder_(std::make_shared<PipelineBuilder>()), options_(std::move(options)) {}

Result<std::string> Pipeline::Draw(GraphFormat format, std::string_view title) const {
  JOIST_RETURN_IF_ERROR(graph().Validate());
  joist::DisplayData given;
  PipelineOptions options = options_;
  options.Remove("print_graph");
  given.Include(options);
  if (title.empty()) title = ProgramName(options_);
  return DrawGraph(MakeGraphPicture(graph(), FusedStages(graph()), title, given.TakeItems()),
                   format);
}

void Pipeline::PrintGraphIfAsked() {
  const Result<StandardOptions> standard = options_.Get<StandardOptions>();
  if (!standard.ok() || !standard->print_graph.has_value()) return;
  const Result<std::string> drawn = Draw(*standard->print_graph);
  if (!drawn.ok()) return;  // Run says what is wrong, as ever.
  builder_->RunCleanups();
  const bool written = std::fwrite(drawn->data(), 1, drawn->size(), stdout) == drawn->size() &&
                       std::fflush(stdout) == 0;
  if (!written) std::perror("error: cannot write the graph");
  std::exit(written ? 0 : 1);
}

PipelineResult Pipeline::Run() {
  PrintGraphIfAsked();
  ReplayIfAsked(graph(), [this] { builder_->RunCleanups(); });
  auto job = std::make_shared<PipelineResult::Job>();
  job->builder = builder_;
  if (Status status = Prepare(&job->settings); status.ok()) {
    job->Start();
  } else {
    job->refused = true;
    job->outcome = {JobState::kFailed, std::move(status), {}};
    builder_->RunCleanups();
    job->End();
  }
  return PipelineResult(job);
}

Status Pipeline::Prepare(RunSettings* settings) const {
  JOIST_RETURN_IF_ERROR(graph().Validate());
  JOIST_ASSIGN_OR_RETURN(const StandardOptions standard, options_.Get<StandardOptions>());
  JOIST_ASSIGN_OR_RETURN(const EmbeddedOptions embedded, options_.Get<EmbeddedOptions>());
  JOIST_ASSIGN_OR_RETURN(const WorkerOptions workers, options_.Get<WorkerOptions>());
  if (!IsEmbeddedRunner(standard.runner)) {
    return Status(StatusCode::kUnimplemented, "--runner=" + standard.runner +
                                                  ": this version runs pipelines on the embedded "
                                                  "runner only; use --runner=embedded");
  }
  settings->job_name = standard.job_name;
  if (settings->job_name.empty()) settings->job_name = ProgramName(options_);
  settings->threads = workers.max_num_workers.value_or(0);
  if (workers.max_num_workers.has_value() && settings->threads < 1) {
    return InvalidArgument("--max_num_workers must be at least 1");
  }
  if (embedded.memory.has_value()) {
    if (embedded.memory->bytes < kLeastMemory) {
      return InvalidArgument("--memory must be at least 4MB");
    }
    settings->memory = static_cast<int64_t>(
        std::min<uint64_t>(embedded.memory->bytes, std::numeric_limits<int64_t>::max()));
  }
  // Beam's option may name a bucket, which only other runners can use.
  if (standard.temp_location.find("://") == std::string::npos) {
    settings->spill_directory = standard.temp_location;
  }
  settings->checkpoint_directory = embedded.checkpoint_dir;
  settings->checkpoint_interval = embedded.checkpoint_interval;
  if (embedded.checkpoint_interval.millis < 1) {
    return InvalidArgument("--checkpoint_interval must be positive");
  }
  settings->checkpoint_retention = embedded.checkpoint_retention;
  if (embedded.checkpoint_retention < 1) {
    return InvalidArgument("--checkpoint_retention must be at least 1");
  }
  settings->savepoint = embedded.savepoint;
  settings->update = embedded.update;
  if (settings->checkpoint_directory.empty() && !settings->savepoint.empty()) {
    return InvalidArgument("--savepoint needs --checkpoint_dir");
  }
  settings->max_bundle_size = embedded.max_bundle_size;
  settings->max_bundle_time = embedded.max_bundle_time;
  if (embedded.max_bundle_size < 1) return InvalidArgument("--max_bundle_size must be positive");
  if (embedded.max_bundle_time.millis < 1) {
    return InvalidArgument("--max_bundle_time must be at least 1ms");
  }
  settings->metrics_port = embedded.metrics_port;
  settings->metrics_host = embedded.metrics_host;
  if (embedded.metrics_port < 0 || embedded.metrics_port > 65'535) {
    return InvalidArgument("--metrics_port must be from 0 to 65535");
  }
  settings->keep_failures = embedded.keep_failures;
  settings->show_progress =
      embedded.progress == "always" || (embedded.progress == "auto" && isatty(STDERR_FILENO) == 1);
  return OkStatus();
}

}  // namespace joist
