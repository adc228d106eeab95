// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/cli/progress_log.h"

#include <optional>

#include "joist/base/one_line.h"

namespace joist::cli {

void ProgressLog::ShowProgress(const std::string& job, const JobStatus& status) {
  std::optional<std::string> line;
  {
    const std::lock_guard lock(mutex_);
    line = jobs_[job].Line(status);
  }
  if (line.has_value()) log_.Say(serve::Severity::kInfo, "job " + *line, {});
}

void ProgressLog::ShowMessage(const std::string& job, std::string_view text) {
  log_.Say(serve::Severity::kInfo, "job " + job + ": " + OneLine(text));
}

void ProgressLog::TakeAway(const std::string& job) {
  const std::lock_guard lock(mutex_);
  jobs_.erase(job);
}

}  // namespace joist::cli
