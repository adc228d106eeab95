// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// For tests: jobs in processes of their own, which are killed. Before any thread is made.

#ifndef JOIST_IO_SINK_TESTING_KILLED_JOB_H_
#define JOIST_IO_SINK_TESTING_KILLED_JOB_H_

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>

namespace joist {

/// How often to kill: JOIST_TEST_KILLS in the environment, or twelve times.
inline int KillsWanted() {
  const char* const wanted = getenv("JOIST_TEST_KILLS");
  return wanted == nullptr ? 12 : std::atoi(wanted);
}

/// The exit code of `run`, while `meanwhile` runs here; null if it was killed after that.
template <class Run, class Meanwhile>
std::optional<int> RunAndKill(bool kills, Run run, Meanwhile meanwhile) {
  const pid_t child = fork();
  if (child < 0) abort();
  if (child == 0) _exit(run());
  meanwhile();
  if (kills) kill(child, SIGKILL);
  int status = 0;
  if (waitpid(child, &status, 0) != child) abort();
  return WIFEXITED(status) ? std::optional<int>(WEXITSTATUS(status)) : std::nullopt;
}

/// A pipeline that goes on from the checkpoints of a folder, on so many threads.
struct CheckpointedArguments {
  CheckpointedArguments(const std::string& folder, uint32_t threads)
      : checkpoints("--checkpoint_dir=" + folder + "/checkpoints"),
        workers("--max_num_workers=" + std::to_string(threads)) {}
  static constexpr int kCount = 4;
  const std::string checkpoints;
  const std::string workers;
  const char* const arguments[kCount] = {"job", checkpoints.c_str(), "--checkpoint_interval=10ms",
                                         workers.c_str()};
};

}  // namespace joist

#endif  // JOIST_IO_SINK_TESTING_KILLED_JOB_H_
