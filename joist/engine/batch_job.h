// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// BatchJob: input that ends. Stages run one after the other, each on all threads; what lies between
// them (groups, side inputs) is complete when a stage begins.

#ifndef JOIST_ENGINE_BATCH_JOB_H_
#define JOIST_ENGINE_BATCH_JOB_H_

#include <atomic>
#include <cstdint>
#include <vector>

#include "joist/base/status.h"
#include "joist/engine/running_job.h"

namespace joist {

class BatchJob {
 public:
  /// `job` outlives it.
  explicit BatchJob(RunningJob* job);

  /// Until all is done, a stage has failed, or the job is to stop.
  Status Run();

 private:
  void MakeBreakers();
  /// Of the stage with this number, from 1: for those who watch.
  void Look(const StageRun& run, size_t stage);
  Status Seal(int sink);

  RunningJob* const job_;
  std::vector<int> stages_feeding_;    ///< By node: stages that still add to its breaker.
  std::atomic<uint64_t> failures_{0};  ///< Of shares that are tried again.
  uint64_t failures_seen_ = 0;
};

}  // namespace joist

#endif  // JOIST_ENGINE_BATCH_JOB_H_
