// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#ifndef JOIST_PORTABILITY_PORTABLE_RUNNER_H_
#define JOIST_PORTABILITY_PORTABLE_RUNNER_H_

#include <cstdint>
#include <memory>
#include <string>

#include "joist/portability/job_runner.h"

namespace joist::portability {

struct PortableRunnerSettings {
  std::string host = "localhost";  ///< Where workers call the Fn API.
  /// All that streams keep is below it; empty: they make no checkpoints.
  std::string state_directory = {};
  int64_t memory = 0;  ///< Bytes that a job's data may take; 0: half of what the machine has left.
  int threads = 0;     ///< Of a job; 0: one for each processor.
  int max_workers = 64;  ///< SDK workers of each environment of a job.
};

/// Runs portable pipelines on the embedded engine. `workers` outlives it.
std::unique_ptr<JobRunner> MakePortableRunner(const PortableRunnerSettings& settings,
                                              WorkerStarter* workers);

}  // namespace joist::portability

#endif  // JOIST_PORTABILITY_PORTABLE_RUNNER_H_
