// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// JobWorkers: the SDK workers of one job. They are started when they are first asked for, and again
// where one has died. Who asks for one that is being started waits for it, and nobody else.

#ifndef JOIST_PORTABILITY_JOB_WORKERS_H_
#define JOIST_PORTABILITY_JOB_WORKERS_H_

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "joist/base/status.h"
#include "joist/portability/fn_server.h"
#include "joist/portability/job_runner.h"
#include "joist/portability/output_queue.h"

namespace joist::portability {

/// Thread-safe.
class JobWorkers {
 public:
  struct Settings {
    std::string job_id;
    std::string provision_info;                        ///< A serialized ProvisionInfo.
    int workers = 1;                                   ///< Of each environment.
    std::shared_ptr<OutputMemory> output_memory = {};  ///< WorkerSetup's.
  };
  /// All outlive this. `components` has the environments.
  JobWorkers(FnServer* server, WorkerStarter* starter, JobListener* listener,
             const pipeline::Components* components, Settings settings);
  ~JobWorkers();

  FnServer& server() { return *server_; }
  /// Something that workers of `environment` may be asked to do.
  void AddDescriptor(const std::string& environment, const fn::ProcessBundleDescriptor& descriptor);
  /// The worker for the `share`-th of those who work at the same time; it is connected.
  /// kDeadlineExceeded where one was started and never called: another would not either. Of one
  /// that cannot be started all who wait for it hear the same.
  Result<std::shared_ptr<SdkWorker>> Get(const std::string& environment, int share);
  /// Ends all; nobody gets one any more.
  void Stop(const std::string& why);

 private:
  using Descriptors = std::vector<std::shared_ptr<const fn::ProcessBundleDescriptor>>;
  struct Started {
    std::shared_ptr<SdkWorker> worker;
    std::unique_ptr<StartedWorker> process;
  };
  struct Attempt {
    bool is_over = false;
    Status status;
  };
  struct Place {
    Started started;
    std::shared_ptr<Attempt> attempt;  ///< To start one; null if nobody does.
  };
  /// With mutex_ held.
  Place& PlaceOf(const std::string& environment, int share);
  Result<Started> Start(const std::string& environment, const std::string& id,
                        const Descriptors& descriptors);
  Status stopped() const;

  FnServer* const server_;
  WorkerStarter* const starter_;
  JobListener* const listener_;
  const pipeline::Components* const components_;
  const Settings settings_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, std::vector<Place>> places_;  ///< By environment; each of a fixed size.
  std::map<std::string, Descriptors> descriptors_;    ///< By environment.
  int started_ = 0;
  Status stopped_;
};

}  // namespace joist::portability

#endif  // JOIST_PORTABILITY_JOB_WORKERS_H_
