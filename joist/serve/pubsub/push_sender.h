// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// PushSender: posts the messages of subscriptions with a push endpoint to it, several at a time,
// and acknowledges those that are answered with 102, 200, 201, 202 or 204. Others are handed back
// (their subscription's retry policy holds), and after failures it waits, twice as long each time.
// Only http:// endpoints: there is no TLS here. Thread-safe.

#ifndef JOIST_SERVE_PUBSUB_PUSH_SENDER_H_
#define JOIST_SERVE_PUBSUB_PUSH_SENDER_H_

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "joist/serve/pubsub/pubsub_core.h"

namespace joist::serve {

/// What pushes for one subscription.
class Pusher;

class PushSender {
 public:
  /// Posts of one subscription at the same time.
  static constexpr int kMostPosts = 32;

  /// Begins with what there is. `core` outlives it; its tasks must have been stopped before it
  /// goes.
  explicit PushSender(PubsubCore* core);
  PushSender(const PushSender&) = delete;
  PushSender& operator=(const PushSender&) = delete;

  /// The subscription was made, changed or deleted.
  void Changed(const std::string& subscription);

 private:
  PubsubCore& core_;
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<Pusher>> pushers_;
};

}  // namespace joist::serve

#endif  // JOIST_SERVE_PUBSUB_PUSH_SENDER_H_
