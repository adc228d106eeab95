// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// LiveView: what a stream does, on stderr: on a terminal a table that is redrawn in place twice a
// second, elsewhere a line every ten seconds. It has a thread of its own, so that a terminal that
// stands still holds up nothing, and a step that is long at work is seen to be.

#ifndef JOIST_ENGINE_LIVE_VIEW_H_
#define JOIST_ENGINE_LIVE_VIEW_H_

#include <condition_variable>
#include <mutex>
#include <string_view>
#include <thread>

#include "joist/engine/job_watch.h"
#include "joist/engine/recent_status.h"
#include "joist/engine/terminal_block.h"

namespace joist {

/// Thread-safe.
class LiveView {
 public:
  /// `watch` outlives it. `file`: a file descriptor.
  LiveView(const JobWatch* watch, int file);
  /// Takes the table away.
  ~LiveView();

  /// Writes a line of the job's log, above the table. `line` has no end.
  void Tell(std::string_view line);

 private:
  void Show();
  void Draw(const JobStatus& status);

  const JobWatch* const watch_;
  RecentStatus before_;
  std::mutex mutex_;  ///< Of all that follows.
  std::condition_variable changed_;
  bool ends_ = false;
  TerminalBlock block_;
  std::thread thread_;
};

}  // namespace joist

#endif  // JOIST_ENGINE_LIVE_VIEW_H_
