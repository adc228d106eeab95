// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// LocalWorkerStarter: starts the SDK workers of this machine's jobs, by Beam's contract with the
// containers of its SDKs: the worker is told its id and the endpoints of the services, as arguments
// or by BeamFnExternalWorkerPool.

#ifndef JOIST_PORTABILITY_JOBSERVER_WORKER_STARTER_H_
#define JOIST_PORTABILITY_JOBSERVER_WORKER_STARTER_H_

#include <memory>
#include <mutex>
#include <string>

#include "joist/portability/job_runner.h"

namespace joist::portability {

struct WorkerStarterSettings {
  /// PROCESS environments run the commands that pipelines name.
  bool allow_process = false;
};

/// Thread-safe.
class LocalWorkerStarter final : public WorkerStarter {
 public:
  explicit LocalWorkerStarter(WorkerStarterSettings settings) : settings_(settings) {}

  /// Where workers fetch artifacts ("localhost:8073"): the job server, which is started later.
  void set_artifact_endpoint(std::string endpoint);

  Status Check(const pipeline::Environment& environment) const override;
  Result<std::unique_ptr<StartedWorker>> Start(const pipeline::Environment& environment,
                                               const std::string& worker_id,
                                               const std::string& endpoint) override;

 private:
  const WorkerStarterSettings settings_;
  std::mutex mutex_;
  std::string artifact_endpoint_;
};

}  // namespace joist::portability

#endif  // JOIST_PORTABILITY_JOBSERVER_WORKER_STARTER_H_
