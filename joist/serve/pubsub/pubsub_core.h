// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// PubsubCore: the methods of Pub/Sub's Publisher and Subscriber over a MessageLog, whatever carries
// them (gRPC, REST). Thread-safe. Messages of errors are Google's where clients look at them.

#ifndef JOIST_SERVE_PUBSUB_PUBSUB_CORE_H_
#define JOIST_SERVE_PUBSUB_PUBSUB_CORE_H_

#include <google/protobuf/empty.pb.h>
#include <google/pubsub/v1/pubsub.pb.h>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "joist/base/status.h"
#include "joist/serve/pubsub/task_threads.h"
#include "joist/store/log/message_log.h"

namespace joist::serve {

namespace v1 = google::pubsub::v1;

std::string AckIdText(const store::AckId& id);
std::optional<store::AckId> ParseAckId(std::string_view text);

/// A pull that waits for messages.
class WaitingPull {
 public:
  virtual ~WaitingPull() = default;
  /// Answers now, with what there is: nothing.
  virtual void Cancel() = 0;
};

class PubsubCore {
 public:
  using Empty = google::protobuf::Empty;
  static constexpr int kMostMessages = 1000;
  static constexpr size_t kMostPublishBytes = 10'000'000;

  /// Both outlive it.
  PubsubCore(store::MessageLog* log, TaskThreads* tasks) : log_(*log), tasks_(*tasks) {}

  /// Is called with the name of a subscription that was made, changed or deleted. Set before use.
  void OnChanged(std::function<void(const std::string&)> changed) { changed_ = std::move(changed); }

  store::MessageLog& log() { return log_; }
  TaskThreads& tasks() { return tasks_; }

  Status CreateTopic(const v1::Topic& request, v1::Topic* response);
  Status UpdateTopic(const v1::UpdateTopicRequest& request, v1::Topic* response);
  Status GetTopic(const v1::GetTopicRequest& request, v1::Topic* response);
  Status ListTopics(const v1::ListTopicsRequest& request, v1::ListTopicsResponse* response);
  Status ListTopicSubscriptions(const v1::ListTopicSubscriptionsRequest& request,
                                v1::ListTopicSubscriptionsResponse* response);
  Status ListTopicSnapshots(const v1::ListTopicSnapshotsRequest& request,
                            v1::ListTopicSnapshotsResponse* response);
  Status DeleteTopic(const v1::DeleteTopicRequest& request, Empty* response);
  Status DetachSubscription(const v1::DetachSubscriptionRequest& request,
                            v1::DetachSubscriptionResponse* response);

  Status CreateSubscription(const v1::Subscription& request, v1::Subscription* response);
  Status GetSubscription(const v1::GetSubscriptionRequest& request, v1::Subscription* response);
  Status UpdateSubscription(const v1::UpdateSubscriptionRequest& request,
                            v1::Subscription* response);
  Status ListSubscriptions(const v1::ListSubscriptionsRequest& request,
                           v1::ListSubscriptionsResponse* response);
  Status DeleteSubscription(const v1::DeleteSubscriptionRequest& request, Empty* response);
  Status ModifyPushConfig(const v1::ModifyPushConfigRequest& request, Empty* response);
  Status ModifyAckDeadline(const v1::ModifyAckDeadlineRequest& request, Empty* response);
  Status Seek(const v1::SeekRequest& request, v1::SeekResponse* response);

  Status CreateSnapshot(const v1::CreateSnapshotRequest& request, v1::Snapshot* response);
  Status GetSnapshot(const v1::GetSnapshotRequest& request, v1::Snapshot* response);
  Status UpdateSnapshot(const v1::UpdateSnapshotRequest& request, v1::Snapshot* response);
  Status ListSnapshots(const v1::ListSnapshotsRequest& request,
                       v1::ListSnapshotsResponse* response);
  Status DeleteSnapshot(const v1::DeleteSnapshotRequest& request, Empty* response);

  /// `done` is called once, from any thread, perhaps before it returns; `response` then has the
  /// ids, and must live until then.
  void Publish(const v1::PublishRequest& request, v1::PublishResponse* response,
               std::function<void(Status)> done);
  /// The same; `refused` are ids whose lease is over (exactly-once delivery).
  void Acknowledge(const v1::AcknowledgeRequest& request,
                   std::function<void(Status, std::vector<std::string> refused)> done);
  /// The same. Waits until there is a message or `patience` is over. Null if it is answered.
  std::shared_ptr<WaitingPull> Pull(const v1::PullRequest& request,
                                    std::chrono::milliseconds patience, v1::PullResponse* response,
                                    std::function<void(Status)> done);

  /// As the protocol has them, appended; attempts only where the subscription has dead letters.
  static void AddMessages(const store::Deliveries& deliveries, bool has_dead_letters,
                          google::protobuf::RepeatedPtrField<v1::ReceivedMessage>* messages);

 private:
  Status Changed(const std::string& subscription, Status status);

  store::MessageLog& log_;
  TaskThreads& tasks_;
  std::function<void(const std::string&)> changed_;
};

}  // namespace joist::serve

#endif  // JOIST_SERVE_PUBSUB_PUBSUB_CORE_H_
