// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// RecentStatus: what a job's status was from one to two seconds ago, so that rates stand still
// enough to be read. Not thread-safe.

#ifndef JOIST_ENGINE_RECENT_STATUS_H_
#define JOIST_ENGINE_RECENT_STATUS_H_

#include <utility>

#include "joist/engine/job_status.h"

namespace joist {

class RecentStatus {
 public:
  explicit RecentStatus(const JobStatus& first) : before_(first), between_(first) {}

  const JobStatus& before() const { return before_; }
  /// The latest has been shown.
  void Add(const JobStatus& latest) {
    if (latest.gathered_at - between_.gathered_at < Duration::Seconds(1)) return;
    before_ = std::exchange(between_, latest);
  }

 private:
  JobStatus before_;
  JobStatus between_;
};

}  // namespace joist

#endif  // JOIST_ENGINE_RECENT_STATUS_H_
