// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// JobWorkers: the SDK workers of one job. They are started when they are first asked for, and again
// where one has died.

#ifndef JOIST_PORTABILITY_JOB_WORKERS_H_
#define JOIST_PORTABILITY_JOB_WORKERS_H_

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "joist/base/status.h"
#include "joist/portability/fn_server.h"
#include "joist/portability/job_runner.h"

namespace joist::portability {

/// Thread-safe.
class JobWorkers {
 public:
  struct Settings {
    std::string job_id;
    std::string provision_info;  ///< A serialized ProvisionInfo.
    int workers = 1;             ///< Of each environment.
  };
  /// All outlive this. `components` has the environments.
  JobWorkers(FnServer* server, WorkerStarter* starter, JobListener* listener,
             const pipeline::Components* components, Settings settings);
  ~JobWorkers();

  FnServer& server() { return *server_; }
  /// Something that workers of `environment` may be asked to do.
  void AddDescriptor(const std::string& environment, const fn::ProcessBundleDescriptor& descriptor);
  /// The worker for the `share`-th of those who work at the same time; it is connected.
  /// kDeadlineExceeded where one was started and never called: another would not either.
  Result<std::shared_ptr<SdkWorker>> Get(const std::string& environment, int share);
  /// Ends all; nobody gets one any more.
  void Stop(const std::string& why);

 private:
  struct Started {
    std::shared_ptr<SdkWorker> worker;
    std::unique_ptr<StartedWorker> process;
  };
  Result<Started> Start(const std::string& environment);

  FnServer* const server_;
  WorkerStarter* const starter_;
  JobListener* const listener_;
  const pipeline::Components* const components_;
  const Settings settings_;

  std::atomic<bool> is_stopping_ = false;
  std::mutex mutex_;                                     ///< Held while a worker starts.
  std::map<std::string, std::vector<Started>> workers_;  ///< By environment.
  std::map<std::string, std::vector<std::shared_ptr<const fn::ProcessBundleDescriptor>>>
      descriptors_;  ///< By environment.
  int started_ = 0;
  Status stopped_;
};

}  // namespace joist::portability

#endif  // JOIST_PORTABILITY_JOB_WORKERS_H_
