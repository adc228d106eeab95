// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// The job server of Beam's clients with the runner behind it: what `joist job-server` runs, and
// `joist serve` where it is asked to. A library of its own, joist_cli_jobs, which speaks gRPC.

#ifndef JOIST_CLI_JOB_SERVER_H_
#define JOIST_CLI_JOB_SERVER_H_

#include <cstdint>
#include <memory>
#include <string>

#include "joist/base/status.h"
#include "joist/cli/command.h"
#include "joist/serve/server_log.h"

namespace joist::portability {
class JobDisplay;
}

namespace joist::cli {

inline constexpr int kJobServerPort = 8073;

struct JobServing {
  std::string host = "localhost";
  int port = kJobServerPort;       ///< 0: any that is free.
  bool allow_process = false;      ///< Run the commands of PROCESS environments.
  int max_jobs = 8;                ///< At a time.
  int64_t memory = 0;              ///< Bytes that a job's data may take; 0: half of what is left.
  int threads = 0;                 ///< Of a job; 0: one for each processor.
  int max_workers = 64;            ///< SDK workers of each environment of a job.
  std::string artifacts_dir = {};  ///< Empty: the system's for temporary files.
  uint64_t max_artifact_bytes = 1ULL << 30;  ///< Of a job.
  std::string state_dir = {};                ///< Of streams' checkpoints; empty: they make none.
  bool log_progress = true;                  ///< Lines of the log say how far jobs are.
  /// Shows them instead; outlives the server.
  portability::JobDisplay* display = nullptr;
};

/// Thread-safe.
class RunningJobServer {
 public:
  /// The error says what is wrong, where, and what to do.
  static Result<std::unique_ptr<RunningJobServer>> Start(const JobServing& serving,
                                                         const serve::ServerLog& log);
  /// Stops.
  virtual ~RunningJobServer() = default;
  /// "localhost:8073".
  virtual const std::string& endpoint() const = 0;
  /// Cancels the jobs and waits for them. Once.
  virtual void Stop() = 0;
};

/// `joist job-server`.
extern const Command kJobServerCommand;

}  // namespace joist::cli

#endif  // JOIST_CLI_JOB_SERVER_H_
