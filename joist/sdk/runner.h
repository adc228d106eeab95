// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Runner: what executes a pipeline's graph. The SDK knows runners only by this interface; the
// embedded one is defined in joist/engine, which is linked into every program.

#ifndef JOIST_SDK_RUNNER_H_
#define JOIST_SDK_RUNNER_H_

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "joist/base/status.h"
#include "joist/model/graph.h"
#include "joist/model/timestamp.h"
#include "joist/sdk/metrics.h"

namespace joist {

/// Beam's states of a job that this far can be reached.
enum class JobState : uint8_t { kRunning, kDone, kFailed, kCancelled };
std::string_view JobStateName(JobState state);

struct RunSettings {
  std::string job_name;
  int threads = 0;              ///< 0: one for each processor.
  int64_t memory = 0;           ///< Bytes that data may take; 0: half of what the machine has left.
  std::string spill_directory;  ///< Where what exceeds them goes; empty: the system's choice.
  bool show_progress = false;   ///< A line on stderr, redrawn; of a stream a table.
  /// Where a stream's checkpoints are; empty: it makes none.
  std::string checkpoint_directory;
  Duration checkpoint_interval;
  int checkpoint_retention = 3;  ///< How many are kept.
  std::string savepoint;         ///< Folder of the one that a job without checkpoints begins with.
  bool update = false;           ///< They may be those of another version of the program.
  int64_t max_bundle_size = 1'000'000;  ///< Elements that a stream's bundle begins with, by thread.
  Duration max_bundle_time = Duration::Millis(20);  ///< That it takes, about.
  int metrics_port = 0;                             ///< Where Prometheus asks; 0: nowhere.
  std::string metrics_host = "127.0.0.1";
  /// Folder for what failed in the end (joist replay). Empty: none, but of a stream with
  /// checkpoints "failures" in their folder; "none": none.
  std::string keep_failures;
  bool restarts = false;  ///< For tests: a stream goes on from checkpoints all the time.
};

struct JobOutcome {
  JobState state = JobState::kDone;
  Status status;  ///< Why it failed.
  JobMetrics metrics;
};

/// What other threads may ask of a job that runs.
struct JobRequests {
  std::atomic<bool> cancel{false};
  std::atomic<bool> drain{false};
};

/// Runs `graph`, which must outlive the call, on this machine's threads until it is done, has
/// failed, or was asked to end.
JobOutcome RunEmbedded(const Graph& graph, const RunSettings& settings,
                       const JobRequests& requests);

/// How the second process of RunInSecondProcess comes to the same pipeline where a step cannot be
/// sent: it runs the program's main again, with these settings, up to the pipeline called
/// `pipeline`.
struct Rerun {
  std::string pipeline;                  ///< Unique in the program.
  std::vector<std::string> environment;  ///< "NAME=value", on top of this process's.
};

/// The same in a second process of this executable, to which the functions are really sent
/// (docs/adr/0001): by their registry keys and states where all steps stand by themselves, else by
/// building the pipeline again there, which must have the same fingerprint.
JobOutcome RunInSecondProcess(const Graph& graph, const RunSettings& settings, const Rerun& rerun);

/// In a process started to build a pipeline again: runs `graph` and ends the process if it is the
/// pipeline called `pipeline`. Returns otherwise, and in every other process.
void ServeIfAsked(const Graph& graph, const std::string& pipeline);

/// In a process that was started to replay a failure: does so with `graph`, whose own job is not
/// run, runs `cleanup`, and ends the process. Returns in every other process.
void ReplayIfAsked(const Graph& graph, const std::function<void()>& cleanup);

}  // namespace joist

#endif  // JOIST_SDK_RUNNER_H_
