// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// What time a message has, and how far time has come when messages have been received.

#ifndef JOIST_IO_PUBSUB_MESSAGE_TIME_H_
#define JOIST_IO_PUBSUB_MESSAGE_TIME_H_

#include <deque>
#include <optional>
#include <string>
#include <string_view>

#include "joist/io/pubsub/message.h"
#include "joist/model/timestamp.h"

namespace joist::pubsub {

/// What Beam takes for a time in an attribute: milliseconds since 1970 as a decimal number, or RFC
/// 3339 with Z ("2026-11-23T04:00:00.5Z"); null for anything else.
std::optional<Timestamp> ParseTime(std::string_view text);

/// The time in the message's attribute; when it was published where the attribute's name is empty,
/// and where it is missing or makes no sense.
Timestamp TimeOf(const Message& message, const std::string& timestamp_attribute);

/// The watermark of a subscription, which nobody tells: the least time among the messages of the
/// last while, as Beam's Java connector has it. Belongs to one thread.
class RecentTimes {
 public:
  /// A message that is older than all of the last `period` is late.
  explicit RecentTimes(Duration period) : period_(period) {}

  /// A message of `time` has come at `now`, which does not go back.
  void Observe(Timestamp time, Timestamp now);
  /// `oldest_waiting`: of messages that have come and were not observed. Where nothing has come for
  /// the period, what comes next is taken to be new.
  Timestamp WatermarkAt(Timestamp now, std::optional<Timestamp> oldest_waiting);

 private:
  struct Minimum {
    Timestamp time;
    Timestamp came;
  };
  Duration period_;
  std::deque<Minimum> minima_;  ///< Ascending in both: the next is the least once this has left.
};

}  // namespace joist::pubsub

#endif  // JOIST_IO_PUBSUB_MESSAGE_TIME_H_
