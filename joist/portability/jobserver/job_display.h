// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// JobDisplay: where a server's jobs can be seen while they run.

#ifndef JOIST_PORTABILITY_JOBSERVER_JOB_DISPLAY_H_
#define JOIST_PORTABILITY_JOBSERVER_JOB_DISPLAY_H_

#include <string>
#include <string_view>

#include "joist/engine/job_status.h"

namespace joist::portability {

/// Thread-safe. What is given of one job comes in this order, but for messages.
class JobDisplay {
 public:
  virtual ~JobDisplay() = default;
  /// What the job consists of, in lines.
  virtual void ShowGraph(const std::string& job, std::string_view picture) = 0;
  /// How far it is; often. It may be long until the next one.
  virtual void ShowProgress(const std::string& job, const JobStatus& status) = 0;
  virtual void TakeAway(const std::string& job) = 0;
  /// A message of the job that is seen nowhere else.
  virtual void ShowMessage(const std::string& job, std::string_view text) = 0;
};

}  // namespace joist::portability

#endif  // JOIST_PORTABILITY_JOBSERVER_JOB_DISPLAY_H_
