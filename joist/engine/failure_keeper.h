// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// FailureKeeper: what a job does to keep what fails: which steps it records, and the files that it
// writes in the end.

#ifndef JOIST_ENGINE_FAILURE_KEEPER_H_
#define JOIST_ENGINE_FAILURE_KEEPER_H_

#include <functional>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "joist/base/status.h"
#include "joist/exec/bundle_record.h"
#include "joist/exec/failure.h"
#include "joist/model/graph.h"

namespace joist {

/// Thread-safe.
class FailureKeeper {
 public:
  /// `tell` takes a line for the job's log. `graph` outlives it.
  FailureKeeper(const Graph* graph, std::string directory, std::string job_name,
                std::function<void(const std::string&)> tell);

  /// The node of the step of that name, if what it is given is to be recorded; -1 where it cannot
  /// be, which is told once.
  int NodeToRecord(std::string_view step);
  /// After the last attempt: keeps `bundle`, what the step was given in it; nothing if it was not
  /// recorded. The status that the job ends with, which says where that is.
  Status Keep(const StepFailure& failure, int attempts, std::optional<KeptBundle> bundle);

 private:
  const Graph* const graph_;
  const std::string directory_;
  const std::string job_name_;
  const std::function<void(const std::string&)> tell_;
  std::mutex mutex_;
  std::set<std::string, std::less<>> told_;  ///< Steps.
};

}  // namespace joist

#endif  // JOIST_ENGINE_FAILURE_KEEPER_H_
