// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// JobScreen: the jobs of a server on a terminal: each one's graph when it starts, and below the
// server's log a table of each that runs, redrawn in place twice a second. It has a thread of its
// own, so that a terminal that stands still holds up no job.

#ifndef JOIST_CLI_JOB_SCREEN_H_
#define JOIST_CLI_JOB_SCREEN_H_

#include <condition_variable>
#include <cstddef>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "joist/engine/recent_status.h"
#include "joist/engine/terminal_block.h"
#include "joist/portability/jobserver/job_display.h"

namespace joist::cli {

/// Thread-safe.
class JobScreen final : public portability::JobDisplay {
 public:
  /// `file`: a terminal's descriptor.
  explicit JobScreen(int file);
  /// Takes the tables away.
  ~JobScreen() override;

  /// Writes a line of the server's log, without its end.
  void Tell(std::string_view line);

  void ShowGraph(const std::string& job, std::string_view picture) override;
  void ShowProgress(const std::string& job, const JobStatus& status) override;
  void TakeAway(const std::string& job) override;
  void ShowMessage(const std::string& job, std::string_view text) override;

 private:
  /// Of the graph of one job; the rest is left away.
  static constexpr size_t kMostGraphLines = 100;

  struct Shown {
    JobStatus latest;
    RecentStatus recent;
  };
  void Run();
  // With mutex_ held.
  void Draw();
  std::vector<std::string> Lines() const;

  std::mutex mutex_;  ///< Of all that follows.
  std::condition_variable changed_;
  bool ends_ = false;
  std::map<std::string, Shown> jobs_;  ///< That run, by id.
  TerminalBlock block_;
  std::thread thread_;
};

}  // namespace joist::cli

#endif  // JOIST_CLI_JOB_SCREEN_H_
