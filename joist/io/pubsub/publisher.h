// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Publisher: publishes messages to a topic, many in a request and several requests at a time.
// Belongs to one thread.

#ifndef JOIST_IO_PUBSUB_PUBLISHER_H_
#define JOIST_IO_PUBSUB_PUBLISHER_H_

#include <functional>
#include <memory>
#include <string>

#include "joist/base/status.h"
#include "joist/io/pubsub/message.h"

namespace grpc {
class Channel;
}  // namespace grpc

namespace joist::pubsub {

class Publisher {
 public:
  /// Google's limits: of a request, and what a message takes of it at most.
  static constexpr size_t kMessagesOfRequest = 1'000;
  static constexpr size_t kBytesOfRequest = 9 << 20;

  Publisher(std::shared_ptr<grpc::Channel> channel, std::string topic);
  ~Publisher();

  /// Sends what is full. Waits while many requests are on their way. An error ends the bundle.
  Status Add(const Message& message);
  /// Waits until all is published; `published` gets the messages' ids, in the order of Add.
  Status Finish(const std::function<void(const std::string&)>& published);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace joist::pubsub

#endif  // JOIST_IO_PUBSUB_PUBLISHER_H_
