// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/portability/portable_runner.h"

#include <org/apache/beam/model/fn_execution/v1/beam_provision_api.pb.h>
#include <org/apache/beam/model/pipeline/v1/beam_runner_api.pb.h>

#include <atomic>
#include <chrono>
#include <map>
#include <mutex>
#include <set>
#include <string_view>
#include <thread>
#include <utility>

#include "joist/engine/machine.h"
#include "joist/engine/watched_run.h"
#include "joist/portability/checkpoint_folders.h"
#include "joist/portability/expanded_pipeline.h"
#include "joist/portability/fn_server.h"
#include "joist/portability/job_counters.h"
#include "joist/portability/job_options.h"
#include "joist/portability/job_workers.h"
#include "joist/portability/output_queue.h"
#include "joist/portability/pipeline_check.h"
#include "joist/portability/runner_graph.h"
#include "joist/portability/runner_steps.h"

namespace joist::portability {
namespace {

constexpr std::chrono::milliseconds kBetweenLooks{100};
constexpr std::chrono::seconds kBetweenMetrics{1};

/// What an SDK may use of the runner (beam_provision_api.proto).
constexpr std::string_view kRunnerCapabilities[] = {
    "beam:protocol:monitoring_info_short_ids:v1",
    "beam:protocol:control_response_elements_embedding:v1",
    "beam:protocol:multimap_keys_values_side_input:v1"};

class PortableRunner final : public JobRunner {
 public:
  PortableRunner(PortableRunnerSettings settings, WorkerStarter* workers)
      : settings_(std::move(settings)), starter_(workers), folders_(settings_.state_directory) {}

  std::vector<JobOption> options() const override {
    return {
        {"checkpoint_dir", JobOption::Type::kString,
         "Folder of a stream's checkpoints, below the server's --state_dir; where it has some, the "
         "job goes on from the last. By default it is called as the job."},
        {"checkpoint_interval", JobOption::Type::kInteger,
         "Milliseconds between a stream's checkpoints.", "10000"}};
  }

  Status Check(const SubmittedJob& job) override {
    JOIST_RETURN_IF_ERROR(CheckPipeline(*job.graph).status());
    JOIST_ASSIGN_OR_RETURN(ExpandedPipeline pipeline, ExpandPipeline(*job.graph));
    std::set<std::string> environments;
    for (const ExpandedTransform& transform : pipeline.transforms) {
      if (!transform.environment.empty()) environments.insert(transform.environment);
    }
    for (const std::string& environment : environments) {
      JOIST_RETURN_IF_ERROR(starter_->Check(pipeline.components->environments().at(environment)));
    }
    const JobOptions options(job.options);
    JOIST_RETURN_IF_ERROR(WorkersOf(options).status());
    JOIST_RETURN_IF_ERROR(CheckpointInterval(options).status());
    JOIST_ASSIGN_OR_RETURN(const std::string folder, CheckpointFolder(job, options));
    RunnerGraphSetup setup;
    setup.job_id = "check";
    setup.is_stream = options.Flag("streaming");
    JOIST_ASSIGN_OR_RETURN(const RunnerGraph graph, MakeRunnerGraph(&pipeline, setup));
    if (folder.empty() || !graph.graph->has_unbounded()) return OkStatus();
    return folders_.CheckFree(folder);
  }

  JobOutcome Run(const SubmittedJob& job, JobListener* listener,
                 const JobRequests& requests) override {
    const Result<JobOutcome> outcome = RunChecked(job, listener, requests);
    if (outcome.ok()) return *outcome;
    JobOutcome failed;
    failed.state = JobState::kFailed;
    failed.status = outcome.status();
    return failed;
  }

 private:
  static constexpr int64_t kCheckpointMillis = 10'000;
  static constexpr int64_t kMostCheckpointMillis = 7LL * 24 * 3600 * 1000;
  /// Of a job's memory the part for what workers have output.
  static constexpr int64_t kOutputPart = 8;
  /// A bundle costs an SDK a few milliseconds.
  static constexpr int64_t kBundleMillis = 100;

  Result<JobOutcome> RunChecked(const SubmittedJob& job, JobListener* listener,
                                const JobRequests& requests) {
    JOIST_ASSIGN_OR_RETURN(const std::shared_ptr<FnServer> server, Server());
    JOIST_ASSIGN_OR_RETURN(ExpandedPipeline pipeline, ExpandPipeline(*job.graph));
    const JobOptions options(job.options);

    RunnerGraphSetup setup;
    setup.job_id = job.id;
    setup.is_stream = options.Flag("streaming");
    setup.counters = std::make_shared<JobCounters>(NamesOf(pipeline));
    JobWorkers::Settings workers;
    workers.job_id = job.id;
    workers.provision_info = ProvisionInfoOf(job, options);
    JOIST_ASSIGN_OR_RETURN(workers.workers, WorkersOf(options));
    const int most_workers = workers.workers;
    const int64_t memory = settings_.memory > 0 ? settings_.memory : DefaultMemoryBytes();
    workers.output_memory = std::make_shared<OutputMemory>(
        static_cast<size_t>(memory / kOutputPart), DefaultSpillDirectory());
    setup.workers = std::make_shared<JobWorkers>(server.get(), starter_, listener,
                                                 pipeline.components.get(), std::move(workers));
    JOIST_ASSIGN_OR_RETURN(RunnerGraph graph, MakeRunnerGraph(&pipeline, setup));
    listener->Graph(DrawRunnerSteps(pipeline, graph.stages, job.id));
    const RunnerSteps steps(*graph.graph, std::move(graph.steps));

    RunSettings run;
    run.job_name = job.id;
    // Each worker is to have something to do.
    run.threads = std::max(Threads(), most_workers);
    run.memory = memory - memory / kOutputPart;
    run.keep_failures = "none";
    std::shared_ptr<void> folder;
    if (graph.graph->has_unbounded()) {
      JOIST_ASSIGN_OR_RETURN(run.checkpoint_directory, CheckpointFolder(job, options));
      if (!run.checkpoint_directory.empty()) {
        JOIST_ASSIGN_OR_RETURN(folder, folders_.Take(run.checkpoint_directory, job.id));
      }
    }
    JOIST_ASSIGN_OR_RETURN(run.checkpoint_interval, CheckpointInterval(options));
    run.max_bundle_time = Duration::Millis(kBundleMillis);
    JobOutcome outcome;
    {
      const Watcher watcher(setup, listener, requests);
      outcome = RunWatched(
          *graph.graph, run, requests,
          {.show = [&](const JobStatus& status) { listener->Progress(steps.Of(status)); },
           .tell =
               [&](const std::string& line) {
                 listener->Message(JobListener::Importance::kWarning, line);
               }});
    }
    outcome.metrics = steps.Of(outcome.metrics);
    if (requests.cancel.load() && outcome.state == JobState::kFailed) {
      // What fails then does so because its workers have ended.
      outcome.state = JobState::kCancelled;
      outcome.status = Status(StatusCode::kCancelled, "the job was cancelled");
    }
    setup.workers->Stop("the job has ended");
    listener->Metrics(setup.counters->attempted(), setup.counters->committed());
    return outcome;
  }

  /// While it lives it tells how far the job is, and ends its workers where it is cancelled: who
  /// waits for one of them hears of nothing else.
  class Watcher {
   public:
    Watcher(const RunnerGraphSetup& setup, JobListener* listener, const JobRequests& requests)
        : thread_([this, &setup, listener, &requests] {
            auto next = std::chrono::steady_clock::now() + kBetweenMetrics;
            while (!is_done_.load()) {
              std::this_thread::sleep_for(kBetweenLooks);
              if (requests.cancel.load()) setup.workers->Stop("the job was cancelled");
              if (std::chrono::steady_clock::now() < next) continue;
              next = std::chrono::steady_clock::now() + kBetweenMetrics;
              listener->Metrics(setup.counters->attempted(), setup.counters->committed());
            }
          }) {}
    ~Watcher() {
      is_done_.store(true);
      thread_.join();
    }
    Watcher(const Watcher&) = delete;
    Watcher& operator=(const Watcher&) = delete;

   private:
    std::atomic<bool> is_done_{false};
    std::thread thread_;
  };

  /// An option that SDKs have by themselves; 0 leaves it to the runner.
  Result<int> WorkersOf(const JobOptions& options) const {
    JOIST_ASSIGN_OR_RETURN(const int64_t workers,
                           options.Number("sdk_worker_parallelism", 1, 0, settings_.max_workers,
                                          " (--max_workers of the server)"));
    return workers == 0 ? std::min(Threads(), settings_.max_workers) : static_cast<int>(workers);
  }
  int Threads() const {
    return settings_.threads > 0 ? settings_.threads
                                 : static_cast<int>(std::thread::hardware_concurrency());
  }
  static Result<Duration> CheckpointInterval(const JobOptions& options) {
    JOIST_ASSIGN_OR_RETURN(
        const int64_t millis,
        options.Number("checkpoint_interval", kCheckpointMillis, 1, kMostCheckpointMillis));
    return Duration::Millis(millis);
  }
  Result<std::string> CheckpointFolder(const SubmittedJob& job, const JobOptions& options) const {
    // Beam's Python SDK calls each job "job", whatever its user calls it.
    const std::string name = options.Text("job_name");
    return folders_.Find(options.Text("checkpoint_dir"), name.empty() ? job.name : name);
  }

  Result<std::shared_ptr<FnServer>> Server() {
    const std::lock_guard lock(mutex_);
    if (server_ == nullptr) {
      JOIST_ASSIGN_OR_RETURN(server_, FnServer::Start(settings_.host, 0));
    }
    return server_;
  }

  /// Of transforms, by id.
  static std::map<std::string, std::string> NamesOf(const ExpandedPipeline& pipeline) {
    std::map<std::string, std::string> names;
    for (const ExpandedTransform& transform : pipeline.transforms) {
      names[transform.id] = transform.name;
    }
    return names;
  }

  static std::string ProvisionInfoOf(const SubmittedJob& job, const JobOptions& options) {
    fn::ProvisionInfo info;
    *info.mutable_pipeline_options() = options.all();
    info.set_retrieval_token(job.retrieval_token);
    info.mutable_artifact_endpoint()->set_url(job.artifact_endpoint);
    for (const std::string_view capability : kRunnerCapabilities) {
      info.add_runner_capabilities(std::string(capability));
    }
    return info.SerializeAsString();
  }

  const PortableRunnerSettings settings_;
  WorkerStarter* const starter_;
  CheckpointFolders folders_;
  std::mutex mutex_;
  std::shared_ptr<FnServer> server_;
};

}  // namespace

std::unique_ptr<JobRunner> MakePortableRunner(const PortableRunnerSettings& settings,
                                              WorkerStarter* workers) {
  return std::make_unique<PortableRunner>(settings, workers);
}

}  // namespace joist::portability
