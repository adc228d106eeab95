// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// What topics and subscriptions are created with, and what can be read of them. Values. Times are
// microseconds, those of the clock since 1970.

#ifndef JOIST_STORE_LOG_SETTINGS_H_
#define JOIST_STORE_LOG_SETTINGS_H_

#include <cstdint>
#include <map>
#include <string>

namespace joist::store {

constexpr int64_t kMicrosPerSecond = 1'000'000;

struct TopicSettings {
  std::map<std::string, std::string> labels = {};
  /// Messages are kept at least so long, acknowledged or not; 0: as subscriptions need them.
  int64_t retention_micros = 0;
  /// What a front wants to know again, e.g. the topic in its protocol's form.
  std::string front = {};
};

struct SubscriptionSettings {
  /// Of a name that was deleted it is kDeletedTopic.
  std::string topic = {};
  std::map<std::string, std::string> labels = {};
  int64_t ack_deadline_micros = 10 * kMicrosPerSecond;
  /// Unacknowledged messages are kept so long, acknowledged ones too with `retain_acked`.
  int64_t retention_micros = 7 * 24 * 3600 * kMicrosPerSecond;
  bool retain_acked = false;
  bool is_ordered = false;
  bool is_exactly_once = false;
  bool is_detached = false;
  std::string filter = {};
  /// Where messages go that were handed out `max_delivery_attempts` times (1 and more); "":
  /// nowhere.
  std::string dead_letter_topic = {};
  int max_delivery_attempts = 5;
  /// What is waited for after a failure: the least, then twice as long each time; 0 both: nothing.
  int64_t min_backoff_micros = 0;
  int64_t max_backoff_micros = 0;
  /// Stored only; 0: never.
  int64_t expiration_micros = 31LL * 24 * 3600 * kMicrosPerSecond;
  std::string front = {};

  static constexpr const char* kDeletedTopic = "_deleted-topic_";
};

struct TopicFigures {
  uint64_t messages = 0;  ///< Published since the log was opened.
  uint64_t bytes = 0;     ///< Of those, as on disk.
  uint64_t stored_bytes = 0;
  uint64_t begin = 0;  ///< The oldest offset that is there.
  uint64_t end = 0;    ///< The next message's.
};

/// Counts are since the log was opened, except of what there is now.
struct SubscriptionFigures {
  /// What is not acknowledged now, outstanding messages included. Exact without a filter; with one
  /// exact up to the last message read, beyond it all of the topic's count.
  uint64_t unacked = 0;
  int64_t oldest_unacked_micros = 0;  ///< When it was published; 0 if there is none.
  uint64_t outstanding = 0;
  uint64_t deliveries = 0;
  uint64_t acks = 0;
  uint64_t nacks = 0;
  uint64_t expired = 0;
  uint64_t dead_lettered = 0;
  uint64_t filtered = 0;
};

}  // namespace joist::store

#endif  // JOIST_STORE_LOG_SETTINGS_H_
