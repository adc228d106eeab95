// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// `joist checkpoint`: what lies in a stream's folder of checkpoints, and what is asked of the job
// whose folder it is.

#ifndef JOIST_CLI_CHECKPOINTS_H_
#define JOIST_CLI_CHECKPOINTS_H_

#include <string>

#include "joist/base/status.h"
#include "joist/engine/job_folder.h"

namespace joist::cli {

/// A line for each checkpoint in the folder: number, when it was made, bytes, whether it has all
/// keys, or what is wrong.
Result<std::string> ListCheckpoints(const std::string& directory);

/// The newest checkpoint of a folder, or the file: a line for each step, with its watermark, how
/// many keys it knows, and the bytes of its state.
Result<std::string> ShowCheckpoint(const std::string& path);

/// Reads all of a folder. An error names the first that is damaged.
Result<std::string> VerifyCheckpoints(const std::string& directory);

/// Makes a savepoint of the newest checkpoint, whether or not the job runs.
Result<std::string> SaveCheckpoint(const std::string& directory, const std::string& savepoint);

/// Asks the job that runs with this folder.
Result<std::string> AskJob(const std::string& directory, JobRequest request);

}  // namespace joist::cli

#endif  // JOIST_CLI_CHECKPOINTS_H_
