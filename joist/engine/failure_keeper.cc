// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/engine/failure_keeper.h"

#include <utility>

#include "joist/engine/kept_failure.h"
#include "joist/engine/step_tap.h"
#include "joist/exec/wall_time.h"

namespace joist {

FailureKeeper::FailureKeeper(const Graph* graph, std::string directory, std::string job_name,
                             std::function<void(const std::string&)> tell)
    : graph_(graph),
      directory_(std::move(directory)),
      job_name_(std::move(job_name)),
      tell_(std::move(tell)) {}

int FailureKeeper::NodeToRecord(std::string_view step) {
  const auto& nodes = graph_->nodes();
  for (size_t node = 0; node < nodes.size(); ++node) {
    if (nodes[node].name != step || step.empty()) continue;
    const Status status = StepTap::Check(*graph_, static_cast<int>(node));
    if (status.ok()) return static_cast<int>(node);
    const std::lock_guard lock(mutex_);
    if (told_.emplace(step).second) tell_("nothing is kept for joist replay: " + status.message());
  }
  return -1;
}

Status FailureKeeper::Keep(const StepFailure& failure, int attempts,
                           std::optional<KeptBundle> bundle) {
  if (!bundle.has_value()) {
    const std::lock_guard lock(mutex_);
    if (!failure.step.empty() && told_.insert(failure.step).second) {
      tell_(
          "nothing is kept for joist replay: step \"" + failure.step +
          "\" has not failed before, and what a step is given is recorded when it is tried again");
    }
    return failure.status;
  }
  KeptFailure kept;
  kept.made_at = WallTime();
  kept.start = StartOfThisProgram();
  kept.job_name = job_name_;
  kept.fingerprint = graph_->Fingerprint();
  kept.is_stream = graph_->has_unbounded();
  kept.step = failure.step;
  kept.error = failure.status.message();
  kept.element = failure.element;
  kept.attempts = attempts;
  kept.bundle = std::move(*bundle);
  const std::lock_guard lock(mutex_);
  const Result<std::string> path = KeepFailure(directory_, kept);
  if (!path.ok()) {
    tell_("the failure cannot be kept for joist replay: " + path.status().message());
    return failure.status;
  }
  return Status(failure.status.code(), failure.status.message() + "; kept: joist replay " + *path);
}

}  // namespace joist
