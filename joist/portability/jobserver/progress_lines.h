// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// ProgressLines: how far a job is, a line now and then: after ten seconds, then ever more rarely,
// so that a job of an hour has a dozen, and one of a month as many as it has hours. Not
// thread-safe.

#ifndef JOIST_PORTABILITY_JOBSERVER_PROGRESS_LINES_H_
#define JOIST_PORTABILITY_JOBSERVER_PROGRESS_LINES_H_

#include <algorithm>
#include <optional>
#include <string>

#include "joist/engine/job_status.h"
#include "joist/engine/status_table.h"

namespace joist::portability {

class ProgressLines {
 public:
  /// The next line, where it is time for one.
  std::optional<std::string> Line(const JobStatus& status) {
    if (!before_.has_value()) before_ = status;
    if (status.run_time < next_) return std::nullopt;
    next_ = status.run_time + std::clamp(status.run_time, kFirst, kLongest);
    std::string line = StatusLine(status, *before_, status.gathered_at);
    before_ = status;
    return line;
  }

 private:
  static constexpr Duration kFirst = Duration::Seconds(10);
  static constexpr Duration kLongest = Duration::Hours(1);
  Duration next_ = kFirst;
  std::optional<JobStatus> before_;
};

}  // namespace joist::portability

#endif  // JOIST_PORTABILITY_JOBSERVER_PROGRESS_LINES_H_
