// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// WatchedCheckpoints: checkpoints on their way to where they are kept, seen by a JobWatch.

#ifndef JOIST_ENGINE_WATCHED_CHECKPOINTS_H_
#define JOIST_ENGINE_WATCHED_CHECKPOINTS_H_

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "joist/engine/job_watch.h"
#include "joist/engine/stream_checkpoints.h"
#include "joist/exec/wall_time.h"

namespace joist {

/// Belongs to the thread of the run.
class WatchedCheckpoints final : public StreamCheckpoints {
 public:
  /// `last` is the number of the one made before. `kept` and `watch` outlive it.
  WatchedCheckpoints(StreamCheckpoints* kept, uint64_t last, JobWatch* watch)
      : kept_(kept), last_(last), watch_(watch) {}

  bool IsDue() override {
    if (!kept_->IsDue()) return false;
    began_ = Clock::now();
    return true;
  }
  bool Keep(std::string run, std::vector<StepKeys> keys) override {
    if (!began_.has_value()) began_ = Clock::now();
    bytes_ = run.size();
    for (const StepKeys& of : keys) bytes_ += of.keys.size();
    return kept_->Keep(std::move(run), std::move(keys));
  }
  bool IsSafe(bool waits) override {
    if (!kept_->IsSafe(waits)) return false;
    const auto took = Clock::now() - began_.value_or(Clock::now());
    began_.reset();
    watch_->SetCheckpoint(
        {++last_, WallTime(),
         Duration::Millis(std::chrono::duration_cast<std::chrono::milliseconds>(took).count()),
         bytes_},
        /*is_own=*/true);
    return true;
  }

 private:
  using Clock = std::chrono::steady_clock;
  StreamCheckpoints* const kept_;
  uint64_t last_;
  JobWatch* const watch_;
  std::optional<Clock::time_point> began_;  ///< To be made.
  uint64_t bytes_ = 0;
};

}  // namespace joist

#endif  // JOIST_ENGINE_WATCHED_CHECKPOINTS_H_
