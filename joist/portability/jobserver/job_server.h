// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// JobServer: what Beam's SDKs submit pipelines to (--runner=PortableRunner --job_endpoint=…):
// Beam's JobService and its artifact services, on one port. What it accepts a JobRunner runs.
// Neither encrypted nor authenticated. Thread-safe.

#ifndef JOIST_PORTABILITY_JOBSERVER_JOB_SERVER_H_
#define JOIST_PORTABILITY_JOBSERVER_JOB_SERVER_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "joist/base/status.h"
#include "joist/portability/job_runner.h"
#include "joist/portability/jobserver/job_display.h"

namespace joist::portability {

struct JobServerSettings {
  std::string host = "localhost";
  int port = 0;  ///< 0: any that is free.
  /// The server's name in the addresses that clients and workers are given; empty: `host`.
  std::string advertised_host = {};
  int max_jobs = 8;                          ///< That run at a time; more are refused.
  std::string artifacts_folder = {};         ///< Empty: the system's for temporary files.
  uint64_t max_artifact_bytes = 1ULL << 30;  ///< Of a job.
  int max_streams = 1000;                    ///< Calls at a time; each takes a thread.
  /// After that a connection without calls is closed.
  std::chrono::milliseconds idle_time = std::chrono::minutes(10);
  /// Says which of the environments that a pipeline leaves to choose from can be started; null: the
  /// runner gets the choice.
  const WorkerStarter* workers = nullptr;
  std::function<void(std::string_view)> log = {};  ///< Takes lines, one a call; any thread.
  JobDisplay* display = nullptr;                   ///< Outlives the server; may be null.
};

class JobServer {
 public:
  /// Listens. `runner` outlives the server.
  static Result<std::unique_ptr<JobServer>> Start(JobServerSettings settings, JobRunner* runner);
  /// Stops.
  virtual ~JobServer() = default;
  /// "localhost:8073".
  virtual const std::string& endpoint() const = 0;
  virtual int port() const = 0;
  /// Cancels the jobs, waits for them, closes the port and deletes the artifacts. Once.
  virtual void Stop() = 0;
};

}  // namespace joist::portability

#endif  // JOIST_PORTABILITY_JOBSERVER_JOB_SERVER_H_
