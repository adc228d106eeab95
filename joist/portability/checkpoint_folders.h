// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// CheckpointFolders: which folders the streams of a server's clients keep their checkpoints in:
// each below the server's own, however clients call theirs, and none of two jobs at a time.

#ifndef JOIST_PORTABILITY_CHECKPOINT_FOLDERS_H_
#define JOIST_PORTABILITY_CHECKPOINT_FOLDERS_H_

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "joist/base/status.h"

namespace joist::portability {

/// Thread-safe.
class CheckpointFolders {
 public:
  /// `directory` may be relative, and need not exist; empty: there are no checkpoints.
  explicit CheckpointFolders(std::string directory);

  /// The path of a job's folder, without links: `asked`, which is relative to the directory or an
  /// absolute path, or else one named after the job. Empty: the job makes no checkpoints.
  /// kInvalidArgument where `asked` is not below the directory, kFailedPrecondition where there is
  /// none. Makes nothing.
  Result<std::string> Find(const std::string& asked, const std::string& job_name) const;

  /// OK where no job uses the folder, one in it or one that it is in; else kFailedPrecondition.
  Status CheckFree(const std::string& folder) const;
  /// The same, and it is `job_id`'s until what is returned is destroyed, which this outlives.
  Result<std::shared_ptr<void>> Take(const std::string& folder, const std::string& job_id);

 private:
  Status CheckFreeLocked(const std::string& folder) const;

  const std::string directory_;
  mutable std::mutex mutex_;
  std::map<std::string, std::string> used_;  ///< Folders, and the ids of jobs that run.
};

}  // namespace joist::portability

#endif  // JOIST_PORTABILITY_CHECKPOINT_FOLDERS_H_
