// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// JobTable: all jobs that a server knows: those that were prepared and wait to be run, those that
// run, and the last ones that have ended. Each of the three has a bound. Thread-safe.
//
// A preparation and its job have different ids. Beam's Python client watches a job by its
// preparation's id as soon as there is one, but then with the deadline of a short call, so that a
// job of more than a minute would fail.

#ifndef JOIST_PORTABILITY_JOBSERVER_JOB_TABLE_H_
#define JOIST_PORTABILITY_JOBSERVER_JOB_TABLE_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "joist/base/status.h"
#include "joist/portability/job_runner.h"
#include "joist/portability/jobserver/artifact_store.h"
#include "joist/portability/jobserver/job.h"

namespace joist::portability {

/// A job that has been accepted, and may be run when its artifacts are there.
struct Preparation {
  std::string id;  ///< Also the staging token.
  SubmittedJob job;
  std::shared_ptr<JobArtifacts> artifacts;
  bool needs_staging = false;  ///< It may not be run before SetStaged.
  std::chrono::steady_clock::time_point made = {};
};

struct JobLimits {
  int running = 8;
  int prepared = 32;
  int ended = 100;
  /// Of the pipelines of all jobs that are known.
  uint64_t pipeline_bytes = 512 << 20;
  /// After that a preparation is forgotten.
  std::chrono::minutes preparation_time = std::chrono::minutes(10);
};

class JobTable {
 public:
  /// `log` takes a line for each thing that happens to a job. `display` may be null, and else
  /// outlives this.
  JobTable(JobRunner* runner, JobLimits limits, std::function<void(std::string_view)> log,
           JobDisplay* display = nullptr);
  /// All jobs have ended: Stop.
  ~JobTable() = default;

  /// Keeps a job that the runner has accepted until it is run.
  Status Add(Preparation preparation);
  /// By the staging token.
  Result<Preparation> FindPreparation(const std::string& id) const;
  /// The artifacts are there; `graph` knows where.
  Status SetStaged(const std::string& id, std::shared_ptr<const pipeline::Pipeline> graph);
  /// Forgets it, and its artifacts.
  void DropPreparation(const std::string& id);

  Result<std::shared_ptr<Job>> Run(const std::string& preparation_id);
  Result<std::shared_ptr<Job>> Find(const std::string& id) const;
  /// In the order in which they were started.
  std::vector<std::shared_ptr<Job>> All() const;

  /// Takes no more jobs, cancels those that run and waits for their ends.
  void Stop();

 private:
  /// What is not known any more; destroyed when mutex_ isn't held.
  struct Forgotten {
    std::vector<Preparation> preparations;
    std::vector<std::shared_ptr<Job>> jobs;
  };
  // With mutex_ held.
  Result<std::shared_ptr<Job>> Take(const std::string& preparation_id);
  Status CannotFind(const std::string& preparation_id) const;
  void DropOldestPreparation(Forgotten* forgotten);
  bool DropOldestEnded(Forgotten* forgotten);
  uint64_t PipelineBytes() const;
  int CountEnded() const;

  JobRunner* const runner_;
  const JobLimits limits_;
  const std::function<void(std::string_view)> log_;
  JobDisplay* const display_;
  mutable std::mutex mutex_;
  std::map<std::string, Preparation> preparations_;
  std::vector<std::shared_ptr<Job>> jobs_;
  bool is_stopping_ = false;
};

/// A word of `bytes` random bytes in hexadecimal digits.
std::string RandomWord(int bytes);

}  // namespace joist::portability

#endif  // JOIST_PORTABILITY_JOBSERVER_JOB_TABLE_H_
