// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Subscriber: a subscription that is read: a streaming pull whose messages wait here, and what is
// acknowledged. Two threads of its own: one receives, one acknowledges and renews leases; calls
// never wait for the service. A connection that breaks is made again. Calls come from one thread.

#ifndef JOIST_IO_PUBSUB_SUBSCRIBER_H_
#define JOIST_IO_PUBSUB_SUBSCRIBER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "joist/base/status.h"
#include "joist/io/pubsub/message.h"
#include "joist/model/timestamp.h"

namespace grpc {
class Channel;
}  // namespace grpc

namespace joist::pubsub {

struct SubscriberSettings {
  std::string subscription = {};         ///< "projects/P/subscriptions/S".
  std::string timestamp_attribute = {};  ///< "": a message has the time at which it was published.
  int64_t most_outstanding = 100'000;    ///< Messages that are not acknowledged.
  int64_t most_bytes = 256 << 20;        ///< Of them.
  /// For how long the service waits for an acknowledgement or a renewal; 10 to 600 s.
  Duration lease = Duration::Seconds(10);
};

struct Received {
  std::vector<Message> messages = {};
  std::vector<Timestamp> times = {};      ///< Of each message.
  std::vector<std::string> ack_ids = {};  ///< Of each message.
};

class Subscriber {
 public:
  Subscriber(std::shared_ptr<grpc::Channel> channel, SubscriberSettings settings);
  /// Returns to the service what is not acknowledged.
  ~Subscriber();

  /// Up to about `most` of the messages that have come; none where there are none.
  Received Take(size_t most);
  /// Puts messages back that Take has given: they are the next.
  void PutBack(Received messages);
  /// The messages of `ack_ids` are `claim`'s until they are acknowledged; their leases are renewed.
  void Hold(int64_t claim, std::vector<std::string> ack_ids);
  /// `claim` is to be acknowledged. From any thread.
  void Acknowledge(int64_t claim);
  /// The claims that the service has acknowledged since the last call.
  std::vector<int64_t> TakeConfirmed();
  /// Gives back to the service all that is not acknowledged, for it to be delivered again.
  void ReturnAll();

  /// The least time of what has come and is not taken; null where there is nothing.
  std::optional<Timestamp> OldestWaiting() const;
  /// Whether the service has answered since the streaming pull began.
  bool is_connected() const;
  /// What connecting anew would not mend: no such subscription, no permission.
  Status status() const;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace joist::pubsub

#endif  // JOIST_IO_PUBSUB_SUBSCRIBER_H_
