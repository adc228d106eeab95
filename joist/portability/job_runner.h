// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// What stands between the job server, which knows clients and their jobs, and the runner, which
// knows pipelines: JobRunner runs a job; JobListener hears of it; WorkerStarter starts an
// environment's SDK worker.

#ifndef JOIST_PORTABILITY_JOB_RUNNER_H_
#define JOIST_PORTABILITY_JOB_RUNNER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "joist/base/status.h"
#include "joist/engine/job_status.h"
#include "joist/portability/beam_names.h"
#include "joist/sdk/runner.h"

namespace joist::portability {

/// Any thread.
class JobListener {
 public:
  virtual ~JobListener() = default;
  enum class Importance : uint8_t { kDebug, kDetail, kBasic, kWarning, kError };
  /// A line for whoever submitted the job: what its code logs, what was retried, why it failed.
  virtual void Message(Importance importance, std::string_view text) = 0;
  /// A message that the client was given and that nobody sees there: its log goes to its worker.
  virtual void Unseen(Importance /*importance*/, std::string_view /*text*/) {}
  /// What the job has counted so far: serialized MonitoringInfos (metrics.proto), of bundles that
  /// are committed and of those that were only attempted.
  virtual void Metrics(std::vector<std::string> attempted, std::vector<std::string> committed) = 0;
  /// What the job consists of as it is run: lines for people. Once, before the first Progress.
  virtual void Graph(std::string_view /*picture*/) {}
  /// How far it is, by the steps of `picture`: a few times a second.
  virtual void Progress(const JobStatus& /*status*/) {}
};

/// A worker's process, or whatever runs it; destroyed, it is told to end. Thread-safe.
class StartedWorker {
 public:
  virtual ~StartedWorker() = default;
  /// OK while it runs; else why it has ended, as far as that can be known.
  virtual Status status() const = 0;
};

/// Starts SDK workers by the environments of pipelines: EXTERNAL (and LOOPBACK, which arrives as
/// that), PROCESS, DOCKER. Thread-safe.
class WorkerStarter {
 public:
  virtual ~WorkerStarter() = default;
  /// OK, or why `environment` will not be started: its kind is unknown or not allowed.
  virtual Status Check(const pipeline::Environment& environment) const = 0;
  /// Starts a worker that is to call the Fn API at `endpoint` ("localhost:41234") with `worker_id`.
  /// Returns when the environment has taken that up; the worker may not have called yet.
  virtual Result<std::unique_ptr<StartedWorker>> Start(const pipeline::Environment& environment,
                                                       const std::string& worker_id,
                                                       const std::string& endpoint) = 0;
};

/// A job as it was submitted.
struct SubmittedJob {
  std::string id = {};                                   ///< Unique among all of this machine.
  std::string name = {};                                 ///< What the client calls it.
  std::shared_ptr<const pipeline::Pipeline> graph = {};  ///< Artifacts resolved.
  std::string options = {};                              ///< A serialized google.protobuf.Struct.
  std::string retrieval_token = {};                      ///< For the artifact retrieval service,
  std::string artifact_endpoint = {};                    ///< which listens here ("localhost:8073").
};

/// An option of pipelines that the runner takes, as clients are told of it.
struct JobOption {
  enum class Type : uint8_t { kString, kBoolean, kInteger };
  std::string name;  ///< "checkpoint_dir"
  Type type = Type::kString;
  std::string help = {};
  std::string default_text = {};
};

/// Thread-safe.
class JobRunner {
 public:
  virtual ~JobRunner() = default;
  /// Fixed; none where it takes no option but Beam's own.
  virtual std::vector<JobOption> options() const { return {}; }
  /// OK, or the first thing of the pipeline that cannot be run, naming its step and URN. Artifacts
  /// of `job` are not there yet.
  virtual Status Check(const SubmittedJob& job) = 0;
  /// Runs the job to its end; `listener` and `requests` outlive the call. The outcome's metrics are
  /// by the steps that Progress shows.
  virtual JobOutcome Run(const SubmittedJob& job, JobListener* listener,
                         const JobRequests& requests) = 0;
};

}  // namespace joist::portability

#endif  // JOIST_PORTABILITY_JOB_RUNNER_H_
