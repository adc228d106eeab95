// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/portability/portable_runner.h"

#include <google/protobuf/struct.pb.h>
#include <org/apache/beam/model/fn_execution/v1/beam_provision_api.pb.h>
#include <org/apache/beam/model/pipeline/v1/beam_runner_api.pb.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string_view>
#include <thread>
#include <utility>

#include "joist/engine/watched_run.h"
#include "joist/portability/expanded_pipeline.h"
#include "joist/portability/fn_server.h"
#include "joist/portability/job_counters.h"
#include "joist/portability/job_workers.h"
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

/// Ways in which options of a pipeline are named: by themselves, and as Beam sends them.
std::string OptionUrn(std::string_view name) { return "beam:option:" + std::string(name) + ":v1"; }

class JobOptions {
 public:
  explicit JobOptions(const std::string& serialized) { options_.ParseFromString(serialized); }

  const ::google::protobuf::Value* Find(std::string_view name) const {
    for (const std::string& key : {OptionUrn(name), std::string(name)}) {
      const auto found = options_.fields().find(key);
      if (found != options_.fields().end() && !found->second.has_null_value()) {
        return &found->second;
      }
    }
    return nullptr;
  }
  bool Flag(std::string_view name) const {
    const auto* const value = Find(name);
    return value != nullptr && (value->bool_value() || value->string_value() == "true");
  }
  std::string Text(std::string_view name) const {
    const auto* const value = Find(name);
    return value == nullptr ? "" : value->string_value();
  }
  std::optional<int64_t> Number(std::string_view name) const {
    const auto* const value = Find(name);
    if (value == nullptr) return std::nullopt;
    if (value->has_number_value()) return static_cast<int64_t>(value->number_value());
    char* end = nullptr;
    const long long number = std::strtoll(value->string_value().c_str(), &end, 10);
    if (value->string_value().empty() || *end != '\0') return std::nullopt;
    return number;
  }
  const ::google::protobuf::Struct& all() const { return options_; }

 private:
  ::google::protobuf::Struct options_;
};

class PortableRunner final : public JobRunner {
 public:
  PortableRunner(PortableRunnerSettings settings, WorkerStarter* workers)
      : settings_(std::move(settings)), starter_(workers) {}

  std::vector<JobOption> options() const override {
    return {{"checkpoint_dir", JobOption::Type::kString,
             "Folder of a stream's checkpoints; where it has some, the job goes on from the last."},
            {"checkpoint_interval", JobOption::Type::kInteger,
             "Milliseconds between a stream's checkpoints.", "10000"},
            {"sdk_workers", JobOption::Type::kInteger, "SDK workers of each environment.", "1"}};
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
    RunnerGraphSetup setup;
    setup.job_id = "check";
    return MakeRunnerGraph(&pipeline, setup).status();
  }

  JobOutcome Run(const SubmittedJob& job, JobListener* listener,
                 const JobRequests& requests) override {
    JobOutcome outcome;
    const Result<std::shared_ptr<FnServer>> server = Server();
    if (!server.ok()) return Failed(server.status());
    Result<ExpandedPipeline> pipeline = ExpandPipeline(*job.graph);
    if (!pipeline.ok()) return Failed(pipeline.status());
    const JobOptions options(job.options);

    RunnerGraphSetup setup;
    setup.job_id = job.id;
    setup.is_stream = options.Flag("streaming");
    setup.counters = std::make_shared<JobCounters>(NamesOf(*pipeline));
    JobWorkers::Settings workers;
    workers.job_id = job.id;
    workers.provision_info = ProvisionInfoOf(job, options);
    workers.workers = static_cast<int>(
        std::clamp<int64_t>(options.Number("sdk_workers").value_or(1), 1, kMostWorkers));
    setup.workers = std::make_shared<JobWorkers>(server->get(), starter_, listener,
                                                 pipeline->components.get(), std::move(workers));
    Result<RunnerGraph> graph = MakeRunnerGraph(&*pipeline, setup);
    if (!graph.ok()) return Failed(graph.status());
    listener->Graph(DrawRunnerSteps(*pipeline, graph->stages, job.id));
    const RunnerSteps steps(*graph->graph, std::move(graph->steps));

    RunSettings run;
    run.job_name = job.id;
    run.threads = settings_.threads;
    run.memory = settings_.memory;
    run.keep_failures = "none";
    run.checkpoint_directory = options.Text("checkpoint_dir");
    if (run.checkpoint_directory.empty() && !settings_.state_directory.empty() &&
        !job.name.empty() && graph->graph->has_unbounded()) {
      run.checkpoint_directory = settings_.state_directory + "/" + FileNameOf(job.name);
    }
    run.checkpoint_interval =
        Duration::Millis(options.Number("checkpoint_interval").value_or(kCheckpointMillis));
    run.max_bundle_time = Duration::Millis(kBundleMillis);
    {
      const Watcher watcher(setup, listener, requests);
      outcome = RunWatched(
          *graph->graph, run, requests,
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

 private:
  static constexpr int64_t kMostWorkers = 64;
  static constexpr int64_t kCheckpointMillis = 10'000;
  /// A bundle costs an SDK a few milliseconds.
  static constexpr int64_t kBundleMillis = 100;

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

  static JobOutcome Failed(const Status& status) {
    JobOutcome outcome;
    outcome.state = JobState::kFailed;
    outcome.status = status;
    return outcome;
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

  /// A name of a folder, of whatever a client calls its job.
  static std::string FileNameOf(const std::string& name) {
    std::string file;
    for (const char c : name.substr(0, 200)) {
      const bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                            (c >= '0' && c <= '9') || c == '-' || c == '_';
      file.push_back(is_plain ? c : '_');
    }
    return file;
  }

  const PortableRunnerSettings settings_;
  WorkerStarter* const starter_;
  std::mutex mutex_;
  std::shared_ptr<FnServer> server_;
};

}  // namespace

std::unique_ptr<JobRunner> MakePortableRunner(const PortableRunnerSettings& settings,
                                              WorkerStarter* workers) {
  return std::make_unique<PortableRunner>(settings, workers);
}

}  // namespace joist::portability
