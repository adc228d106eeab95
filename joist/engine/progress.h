// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// ProgressLine: one line on stderr that says how far a job is, redrawn in place. Belongs to the
// job's thread.

#ifndef JOIST_ENGINE_PROGRESS_H_
#define JOIST_ENGINE_PROGRESS_H_

#include <chrono>
#include <string_view>

namespace joist {

class ProgressLine {
 public:
  explicit ProgressLine(bool shown) : shown_(shown) {}
  ~ProgressLine();

  /// Draws, at most ten times a second: stage `stage` of `stages`, which begins with `step`, is
  /// done to `fraction`.
  void Update(size_t stage, size_t stages, std::string_view step, double fraction);
  /// Writes a line of the job's log; any thread. `line` has no end.
  void Tell(std::string_view line) const;

 private:
  using Clock = std::chrono::steady_clock;
  const bool shown_;
  bool drawn_ = false;
  const Clock::time_point start_ = Clock::now();
  // Short jobs need no display.
  Clock::time_point next_ = start_ + std::chrono::milliseconds(500);
};

}  // namespace joist

#endif  // JOIST_ENGINE_PROGRESS_H_
