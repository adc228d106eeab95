// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Publisher: sends batches of events over several connections, each again and again until it is
// accepted, so that every event is published at least once. Thread-safe.

#ifndef JOIST_APPS_EVENTS_PER_USER_PUBLISHER_H_
#define JOIST_APPS_EVENTS_PER_USER_PUBLISHER_H_

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "apps/events-per-user/truth.h"
#include "joist/base/status.h"
#include "joist/io/net/url.h"
#include "joist/model/timestamp.h"

namespace events_per_user {

struct EventBatch {
  std::string body = {};  ///< Lines of JSON.
  std::vector<EventKey> events = {};
};

/// How long answers took, in classes an eighth apart. Thread-safe.
class Latencies {
 public:
  void Add(int64_t micros);
  /// Below which `share` of them lie, in milliseconds, rounded up to the class.
  double MillisAt(double share) const;

 private:
  std::array<std::atomic<uint64_t>, 320> counts_ = {};
};

struct PublisherSettings {
  joist::net::HttpUrl url = {};
  std::string token = {};
  int connections = 4;
  joist::Duration timeout = joist::Duration::Seconds(30);
  joist::Duration first_delay = joist::Duration::Millis(50);
  joist::Duration longest_delay = joist::Duration::Seconds(5);
  /// For how long a batch is tried.
  joist::Duration give_up_after = joist::Duration::Minutes(10);
};

struct PublisherFigures {
  uint64_t sent = 0;  ///< Events, again for each time that they were sent.
  uint64_t accepted = 0;
  uint64_t retries = 0;    ///< Requests that had to be sent again.
  uint64_t undecided = 0;  ///< Events that were sent at least once and given up.
};

class Publisher {
 public:
  /// `truth` outlives it; null where nothing is counted.
  Publisher(PublisherSettings settings, Truth* truth);
  Publisher(const Publisher&) = delete;
  Publisher& operator=(const Publisher&) = delete;
  ~Publisher();

  /// Waits while there is no connection for it soon. False where a batch has failed for good, or
  /// after GiveUp: nothing more is sent then.
  bool Put(EventBatch batch);
  /// Waits until all is accepted, or something has failed for good: which is said then.
  joist::Status Finish();
  /// What waits for its next attempt is left.
  void GiveUp();

  PublisherFigures figures() const;
  const Latencies& latencies() const { return latencies_; }

 private:
  void Work(int number);
  /// False where the batch isn't accepted and nothing more is to be sent.
  bool Publish(class Attempts* attempts, const EventBatch& batch);
  /// False where there is no time for it any more.
  bool Wait(joist::Duration delay);
  bool Fail(std::string why);

  const PublisherSettings settings_;
  Truth* const truth_;
  Latencies latencies_;
  std::atomic<uint64_t> sent_ = 0;
  std::atomic<uint64_t> accepted_ = 0;
  std::atomic<uint64_t> retries_ = 0;
  std::atomic<uint64_t> undecided_ = 0;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<EventBatch> waiting_;
  bool is_complete_ = false;
  bool gives_up_ = false;
  joist::Status failure_;
  std::vector<std::thread> threads_;
};

}  // namespace events_per_user

#endif  // JOIST_APPS_EVENTS_PER_USER_PUBLISHER_H_
