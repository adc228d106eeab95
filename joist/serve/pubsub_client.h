// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// PubsubClient: what the commands of `joist` ask of a server that speaks Pub/Sub's gRPC. Names are
// whole ("projects/p/topics/t"); a call takes 30 s at most. Errors are the server's words, or
// UNAVAILABLE with what to do. Belongs to one thread.

#ifndef JOIST_SERVE_PUBSUB_CLIENT_H_
#define JOIST_SERVE_PUBSUB_CLIENT_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "joist/base/status.h"
#include "joist/model/timestamp.h"

namespace joist::serve {

struct TopicSummary {
  std::string name = {};
  /// Zero: as subscriptions need them.
  Duration retention = {};
};

struct SubscriptionSummary {
  std::string name = {};
  std::string topic = {};
  std::string filter = {};
  Duration ack_deadline = Duration::Seconds(10);
  std::string dead_letter_topic = {};
  int max_delivery_attempts = 5;
  bool is_ordered = false;
  bool is_exactly_once = false;
  bool is_detached = false;
  bool is_pushed = false;
};

struct ClientMessage {
  std::string id = {};
  std::string ack_id = {};
  Timestamp published = {};
  std::string data = {};
  std::string ordering_key = {};
  std::vector<std::pair<std::string, std::string>> attributes = {};  ///< By name.
};

class PubsubClient {
 public:
  /// `server` is "host:port"; it is looked for with the first call.
  explicit PubsubClient(std::string server);
  ~PubsubClient();
  PubsubClient(const PubsubClient&) = delete;
  PubsubClient& operator=(const PubsubClient&) = delete;

  Status CreateTopic(const std::string& name);
  Status DeleteTopic(const std::string& name);
  Result<TopicSummary> GetTopic(const std::string& name);
  /// Of "projects/p".
  Result<std::vector<TopicSummary>> ListTopics(const std::string& project);
  /// At most 1000, of which only data, key and attributes count.
  Status Publish(const std::string& topic, const std::vector<ClientMessage>& messages);

  Status CreateSubscription(const SubscriptionSummary& subscription);
  Status DeleteSubscription(const std::string& name);
  Result<SubscriptionSummary> GetSubscription(const std::string& name);
  Result<std::vector<SubscriptionSummary>> ListSubscriptions(const std::string& project);
  /// What can be had now.
  Result<std::vector<ClientMessage>> Pull(const std::string& subscription, int most);
  Status Acknowledge(const std::string& subscription, const std::vector<ClientMessage>& messages);

 private:
  class Stubs;
  std::unique_ptr<Stubs> stubs_;
};

}  // namespace joist::serve

#endif  // JOIST_SERVE_PUBSUB_CLIENT_H_
