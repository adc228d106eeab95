// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// The folder of a stream's checkpoints as others use it, while the job runs or when it does not:
// savepoints, and requests to the job. A request is a file that the job finds and removes.

#ifndef JOIST_ENGINE_JOB_FOLDER_H_
#define JOIST_ENGINE_JOB_FOLDER_H_

#include <cstdint>
#include <optional>
#include <string>

#include "joist/base/status.h"

namespace joist {

/// Copies the newest checkpoint, with all its keys, into the folder `to`, which must be empty or
/// not there. Returns its number.
Result<uint64_t> CopyLatestCheckpoint(const std::string& directory, const std::string& to);

/// The same for the job itself: into its folder, which has no checkpoint yet.
Status TakeUpSavepoint(const std::string& savepoint, const std::string& directory);

enum class JobRequest : uint8_t {
  kDrain,  ///< Take nothing new, and end when all is done.
  kStop,   ///< Make a checkpoint and end.
};

/// An error where no job runs with the folder.
Status RequestOfJob(const std::string& directory, JobRequest request);
/// For the job: what was asked since the last call.
std::optional<JobRequest> TakeRequest(const std::string& directory);

}  // namespace joist

#endif  // JOIST_ENGINE_JOB_FOLDER_H_
