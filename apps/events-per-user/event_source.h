// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// EventSource: where the events that are published come from: they are made up (ClickEvents), or
// lines of a file. Belongs to one thread, but UserName may be called by others once all is read.

#ifndef JOIST_APPS_EVENTS_PER_USER_EVENT_SOURCE_H_
#define JOIST_APPS_EVENTS_PER_USER_EVENT_SOURCE_H_

#include <cstdint>
#include <memory>
#include <string>

#include "apps/events-per-user/click_events.h"
#include "apps/events-per-user/truth.h"
#include "joist/base/status.h"

namespace events_per_user {

class EventSource {
 public:
  virtual ~EventSource() = default;

  /// Appends the next event and the end of its line to `out`; false where there are no more.
  virtual joist::Result<bool> Next(std::string* out, EventKey* key) = 0;
  virtual std::string UserName(int64_t user) const = 0;
};

/// Without an end.
std::unique_ptr<EventSource> MakeUpClicks(const ClickSettings& settings);

/// The file's lines as they are; empty ones are passed over. With `with_keys` each must be an
/// object with event_id, user_pseudo_id and event_timestamp in microseconds; lines with the same id
/// are one event.
joist::Result<std::unique_ptr<EventSource>> ReadClicks(const std::string& path, bool with_keys);

}  // namespace events_per_user

#endif  // JOIST_APPS_EVENTS_PER_USER_EVENT_SOURCE_H_
