// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Truth: how many different events of each minute and user a server has accepted, to compare with
// what a pipeline makes of them. An event counts once, however often it was sent. Thread-safe.

#ifndef JOIST_APPS_EVENTS_PER_USER_TRUTH_H_
#define JOIST_APPS_EVENTS_PER_USER_TRUTH_H_

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "joist/base/status.h"

namespace events_per_user {

/// What of an event counts.
struct EventKey {
  uint64_t number = 0;  ///< Among different events, dense from 0 on.
  int64_t time_micros = 0;
  int64_t user = 0;
};

class Truth {
 public:
  void Accept(std::span<const EventKey> events);

  /// Different events.
  uint64_t count() const;

  /// A line for each minute and user, in order:
  /// {"window_start":"2026-11-23T04:20:00.000Z","user_pseudo_id":"u00000001","count":3}
  joist::Status Write(const std::string& path,
                      const std::function<std::string(int64_t)>& user_name) const;

 private:
  mutable std::mutex mutex_;
  std::vector<bool> accepted_;
  uint64_t count_ = 0;
  std::map<std::pair<int64_t, int64_t>, uint64_t> counts_;  ///< By minute and user.
};

}  // namespace events_per_user

#endif  // JOIST_APPS_EVENTS_PER_USER_TRUTH_H_
