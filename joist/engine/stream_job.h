// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// StreamJob: input that has no end. How a stream goes on: from the last checkpoint, from there
// again after a failure, or not, when it is asked to stop.

#ifndef JOIST_ENGINE_STREAM_JOB_H_
#define JOIST_ENGINE_STREAM_JOB_H_

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "joist/base/status.h"
#include "joist/engine/checkpoint_store.h"
#include "joist/engine/file_checkpoints.h"
#include "joist/engine/running_job.h"
#include "joist/engine/stream_run.h"
#include "joist/exec/bundle_limits.h"

namespace joist {

class StreamJob {
 public:
  /// `job` outlives it.
  explicit StreamJob(RunningJob* job) : job_(job) {}

  /// Until its input has come to an end, it has failed for good, or the job is to stop.
  Status Run();

 private:
  Status RunWithoutCheckpoints();
  Status RunWithCheckpoints(const std::string& directory);
  /// For tests: a run ends after some bundles, and another goes on from its checkpoint.
  Status RunRestarting();
  /// From a checkpoint, or from the beginning where that is null.
  Status RunFrom(const SavedStream* from, StreamRun& run, FileCheckpoints* checkpoints);
  /// What others ask of a stream; the run's checkpoints are null where it has none in files.
  void Attend(FileCheckpoints* checkpoints);
  /// Attends to that alone for so long.
  void Pause(std::chrono::milliseconds pause);
  /// The last checkpoint; nothing if there is none.
  Result<std::optional<CheckpointStore::Checkpoint>> Latest(const CheckpointStore& store);
  /// Of a run that has failed for good: what the job ends with.
  Status Kept(Status status, int attempts, StreamRun* run);

  int Lanes() const;
  BundleLimits::Most BundleMost() const;
  /// What RocksDB may take to write and to read, in bytes.
  int64_t ColdMemory() const { return job_->memory.limit() / 8; }
  /// A folder for this job's state, where there are no checkpoints.
  std::string SpillPath() const;

  RunningJob* const job_;
  std::atomic<bool> drain_{false};
  bool is_to_stop_ = false;                          ///< With the next checkpoint.
  std::chrono::steady_clock::time_point next_look_;  ///< For what others ask.
  int failing_ = -1;                                 ///< The node that is recorded; -1 for none.
};

}  // namespace joist

#endif  // JOIST_ENGINE_STREAM_JOB_H_
