// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// RetryPolicy: how often something is tried against a peer, and what is waited for in between.
// Pure: who waits has the clock.

#ifndef JOIST_IO_NET_RETRY_H_
#define JOIST_IO_NET_RETRY_H_

#include <cstdint>
#include <optional>
#include <string_view>

#include "joist/model/fields.h"
#include "joist/model/timestamp.h"

namespace joist::net {

struct RetryPolicy {
  int64_t attempts = 5;  ///< The first one included; 1 or more.
  Duration first_delay = Duration::Millis(200);
  Duration longest_delay = Duration::Seconds(10);

  /// After failure number `failures` (from 1 on): the delay before the next attempt; null if there
  /// is to be none. Twice as long each time, of which a part by `chance`, from 0 to 1, so that many
  /// clients don't come at once. What the peer asks for is the least, and nobody waits for longer
  /// than `longest_delay`: then there is no next attempt.
  std::optional<Duration> DelayAfter(int64_t failures, std::optional<Duration> asked,
                                     double chance) const;
};
JOIST_ROW(RetryPolicy, attempts, first_delay, longest_delay)

/// What a Retry-After header says: seconds, or a date ("Sun, 06 Nov 1994 08:49:37 GMT"), from `now`
/// on; null if it makes no sense.
std::optional<Duration> ParseRetryAfter(std::string_view text, Timestamp now);

}  // namespace joist::net

#endif  // JOIST_IO_NET_RETRY_H_
