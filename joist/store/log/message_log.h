// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// MessageLog: a durable log of messages in topics, which subscriptions hand out until they are
// acknowledged: at least once, with deadlines, retries, ordering keys, filters and dead letters.
// Names are texts that mean nothing here; a front's are "projects/P/topics/T" and the like.
//
//   JOIST_ASSIGN_OR_RETURN(auto log, MessageLog::Open({.folder = "/var/lib/joist/log"}));
//   JOIST_RETURN_IF_ERROR(log->CreateTopic("orders", {}));
//   JOIST_RETURN_IF_ERROR(log->CreateSubscription("billing", {.topic = "orders"}));
//   PublishBatch batch;
//   JOIST_RETURN_IF_ERROR(batch.Add("an order"));
//   JOIST_RETURN_IF_ERROR(log->Publish("orders", std::move(batch), [](Result<uint64_t> first) {}));
//   JOIST_ASSIGN_OR_RETURN(Deliveries pulled, log->Pull("billing", {}));
//
// Thread-safe. One thread writes what all publish, with one fdatasync a file and round; another one
// keeps deadlines, writes acknowledgements (every 100 ms, so that a killed process hands some
// messages out again; at once with exactly-once delivery), and drops what nobody needs.
// The folder belongs to one MessageLog, which holds a lock on it.

#ifndef JOIST_STORE_LOG_MESSAGE_LOG_H_
#define JOIST_STORE_LOG_MESSAGE_LOG_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "joist/base/status.h"
#include "joist/store/log/publish_batch.h"
#include "joist/store/log/settings.h"
#include "joist/store/log/subscription.h"
#include "joist/store/log/topic_files.h"

namespace joist::store {

struct MessageLogOptions {
  std::string folder = {};
  size_t segment_bytes = TopicFiles::kSegmentBytes;
  /// Publish refuses what would make more than so many bytes wait for the disk.
  size_t most_bytes_in_flight = 256 << 20;
  size_t most_leases = Subscription::kMostLeases;  ///< Of each subscription.
  /// Of each ordering key, behind a message that is handed out; more are left in the log and read
  /// again. At least 1.
  size_t most_waiting_of_key = Subscription::kMostWaitingOfKey;
  size_t most_topics = 10'000;
  size_t most_subscriptions = 10'000;
  /// Microseconds since 1970; null: the system's clock.
  std::function<int64_t()> now = {};
  /// Without it nothing happens by itself but writing; tests call Tick.
  bool has_keeper = true;
};

struct TopicDescription {
  std::string name = {};
  TopicSettings settings = {};
};

struct SubscriptionDescription {
  std::string name = {};
  SubscriptionSettings settings = {};
};

struct SnapshotDescription {
  std::string name = {};
  std::string topic = {};
  int64_t expires_micros = 0;
  std::string front = {};
};

class MessageLog {
 public:
  /// With the offset of the batch's first message; called by the log's thread, must return soon.
  using Published = std::function<void(Result<uint64_t> first)>;
  /// With the ids whose lease was over (exactly-once delivery), or why nothing was stored.
  using Acknowledged = std::function<void(Status status, std::vector<AckId> refused)>;

  /// UNAVAILABLE where another process has the folder, DATA_LOSS where a file is broken.
  static Result<std::unique_ptr<MessageLog>> Open(MessageLogOptions options);
  /// Answers what has been published, writes what was acknowledged.
  virtual ~MessageLog() = default;

  // Settings: durable when they return. NOT_FOUND and ALREADY_EXISTS have "(resource=NAME)".

  virtual Status CreateTopic(const std::string& name, TopicSettings settings) = 0;
  virtual Status UpdateTopic(const std::string& name, TopicSettings settings) = 0;
  /// Its subscriptions stay, with what they have not acknowledged.
  virtual Status DeleteTopic(const std::string& name) = 0;
  virtual Result<TopicDescription> GetTopic(const std::string& name) = 0;
  /// By name: at most `limit` topics whose names begin with `prefix` and come after `after`.
  virtual std::vector<TopicDescription> ListTopics(std::string_view prefix, std::string_view after,
                                                   size_t limit) = 0;
  virtual std::vector<std::string> SubscriptionsOf(const std::string& topic) = 0;

  /// Begins with what is published next. INVALID_ARGUMENT where the filter is none.
  virtual Status CreateSubscription(const std::string& name, SubscriptionSettings settings) = 0;
  /// Topic, filter and order stay as they are.
  virtual Status UpdateSubscription(const std::string& name, SubscriptionSettings settings) = 0;
  virtual Status DeleteSubscription(const std::string& name) = 0;
  /// From now on nothing is handed out, and the topic keeps nothing for it.
  virtual Status DetachSubscription(const std::string& name) = 0;
  virtual Result<SubscriptionDescription> GetSubscription(const std::string& name) = 0;
  virtual std::vector<SubscriptionDescription> ListSubscriptions(std::string_view prefix,
                                                                 std::string_view after,
                                                                 size_t limit) = 0;

  /// Remembers what the subscription has acknowledged, until `expires_micros`.
  virtual Status CreateSnapshot(const std::string& name, const std::string& subscription,
                                int64_t expires_micros, std::string front) = 0;
  virtual Status UpdateSnapshot(const SnapshotDescription& snapshot) = 0;
  virtual Status DeleteSnapshot(const std::string& name) = 0;
  virtual Result<SnapshotDescription> GetSnapshot(const std::string& name) = 0;
  virtual std::vector<SnapshotDescription> ListSnapshots(std::string_view prefix,
                                                         std::string_view after, size_t limit) = 0;

  // Messages.

  /// Takes the batch, which has one message at least; `done` (may be null) is called once it is
  /// durable or has failed (RESOURCE_EXHAUSTED where the disk is full). Unless this returns OK,
  /// `done` is never called: NOT_FOUND, RESOURCE_EXHAUSTED while too much waits for the disk.
  virtual Status Publish(const std::string& topic, PublishBatch batch, Published done) = 0;
  /// What can be handed out now. If that is nothing, `waiter` is called once there may be more.
  virtual Result<Deliveries> Pull(const std::string& subscription, const PullLimits& limits,
                                  const Waiter& waiter = nullptr) = 0;
  /// `waiter` is called when there may be something for who has room.
  virtual Status Wait(const std::string& subscription, const Waiter& waiter) = 0;
  /// `done` may be null. Called at once, or, with exactly-once delivery, when it is durable.
  virtual Status Acknowledge(const std::string& subscription, std::span<const AckId> ids,
                             Acknowledged done) = 0;
  /// `micros` from now on; 0: hand it out again. Returns the ids whose lease was over.
  virtual Result<std::vector<AckId>> ModifyAckDeadline(const std::string& subscription,
                                                       std::span<const AckId> ids,
                                                       int64_t micros) = 0;
  /// What was published before is acknowledged; what was published then or later is not, as far as
  /// it is retained for the subscription or by the topic.
  virtual Status SeekToTime(const std::string& subscription, int64_t micros) = 0;
  virtual Status SeekToSnapshot(const std::string& subscription, const std::string& snapshot) = 0;

  virtual Result<TopicFigures> FiguresOfTopic(const std::string& topic) = 0;
  virtual Result<SubscriptionFigures> FiguresOfSubscription(const std::string& subscription) = 0;

  /// What the keeper does every 20 ms.
  virtual void Tick() = 0;
};

}  // namespace joist::store

#endif  // JOIST_STORE_LOG_MESSAGE_LOG_H_
