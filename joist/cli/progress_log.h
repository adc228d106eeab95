// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// ProgressLog: the jobs of a server where there is no terminal: lines of its log, a few of each
// job.

#ifndef JOIST_CLI_PROGRESS_LOG_H_
#define JOIST_CLI_PROGRESS_LOG_H_

#include <map>
#include <mutex>
#include <string>
#include <string_view>

#include "joist/portability/jobserver/job_display.h"
#include "joist/portability/jobserver/progress_lines.h"
#include "joist/serve/server_log.h"

namespace joist::cli {

/// Thread-safe.
class ProgressLog final : public portability::JobDisplay {
 public:
  explicit ProgressLog(serve::ServerLog log) : log_(std::move(log)) {}

  void ShowGraph(const std::string& /*job*/, std::string_view /*picture*/) override {}
  void ShowProgress(const std::string& job, const JobStatus& status) override;
  void TakeAway(const std::string& job) override;
  void ShowMessage(const std::string& job, std::string_view text) override;

 private:
  const serve::ServerLog log_;
  std::mutex mutex_;
  std::map<std::string, portability::ProgressLines> jobs_;  ///< That run.
};

}  // namespace joist::cli

#endif  // JOIST_CLI_PROGRESS_LOG_H_
