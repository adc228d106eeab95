// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/serve/pubsub/pubsub_core.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <mutex>
#include <utility>

#include "joist/serve/pubsub/resource_settings.h"

namespace joist::serve {
namespace {

using store::kMicrosPerSecond;

constexpr int kMostPage = 1000;
constexpr int kDefaultPage = 100;
constexpr size_t kMostAttributes = 100;
constexpr size_t kMostAttributeName = 256;
constexpr size_t kMostAttributeValue = 1024;
constexpr size_t kMostOrderingKey = 1024;
constexpr size_t kMostPullBytes = 10 << 20;
constexpr int64_t kSnapshotMicros = 7LL * 24 * 3600 * kMicrosPerSecond;
constexpr int kMostAckDeadline = 600;
constexpr const char* kChangeableOfSubscription =
    "ack_deadline_seconds,push_config,retain_acked_messages,message_retention_duration,labels,"
    "expiration_policy,dead_letter_policy,retry_policy,enable_exactly_once_delivery";
constexpr const char* kChangeableOfTopic =
    "labels,message_retention_duration,message_storage_policy,kms_key_name";

int64_t NowMicros() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

Result<size_t> PageSize(int size) {
  if (size < 0) return InvalidArgument("page_size is negative");
  return static_cast<size_t>(size == 0 ? kDefaultPage : std::min(size, kMostPage));
}

Status CheckProject(const std::string& project) {
  if (project.starts_with("projects/") && project.size() > 9 &&
      project.find('/', 9) == std::string::npos) {
    return OkStatus();
  }
  return InvalidArgument("Invalid project name: (name=" + project.substr(0, 300) + ")");
}

/// Calls `list(prefix, after, limit)` and `add` for each that it gives; sets the next page's token,
/// which is the last name.
template <class List, class Add>
Status ListPage(const std::string& project, const std::string& kind, int page_size,
                const std::string& token, const List& list, const Add& add, std::string* next) {
  JOIST_RETURN_IF_ERROR(CheckProject(project));
  JOIST_ASSIGN_OR_RETURN(const size_t limit, PageSize(page_size));
  const std::string prefix = project + "/" + kind + "/";
  if (!token.empty() && !token.starts_with(prefix)) {
    return InvalidArgument("page_token is none that this project was given");
  }
  const auto listed = list(prefix, token, limit + 1);
  for (size_t i = 0; i < std::min(limit, listed.size()); ++i) add(listed[i]);
  if (listed.size() > limit) *next = listed[limit - 1].name;
  return OkStatus();
}

/// The part of sorted names that is a page.
Status PageOfNames(const std::vector<std::string>& names, int page_size, const std::string& token,
                   google::protobuf::RepeatedPtrField<std::string>* page, std::string* next) {
  JOIST_ASSIGN_OR_RETURN(const size_t limit, PageSize(page_size));
  auto at = std::upper_bound(names.begin(), names.end(), token);
  for (; at != names.end() && static_cast<size_t>(page->size()) < limit; ++at) *page->Add() = *at;
  if (at != names.end()) *next = page->Get(page->size() - 1);
  return OkStatus();
}

Status CheckMessage(const v1::PubsubMessage& message) {
  if (message.data().empty() && message.attributes().empty()) {
    return InvalidArgument(
        "Some messages have no data and no attributes; each message must contain either non-empty "
        "data or at least one attribute.");
  }
  if (message.attributes().size() > kMostAttributes) {
    return InvalidArgument("A message has more than 100 attributes.");
  }
  for (const auto& [name, value] : message.attributes()) {
    if (name.empty() || name.size() > kMostAttributeName || name.starts_with("goog")) {
      return InvalidArgument("The attribute key \"" + name.substr(0, kMostAttributeName) +
                             "\" is empty, longer than 256 bytes or begins with goog.");
    }
    if (value.size() > kMostAttributeValue) {
      return InvalidArgument("The value of the attribute \"" + name +
                             "\" has more than 1024 bytes.");
    }
  }
  if (message.ordering_key().size() > kMostOrderingKey) {
    return InvalidArgument("An ordering key has more than 1024 bytes.");
  }
  return OkStatus();
}

Result<store::PublishBatch> BatchOf(const v1::PublishRequest& request) {
  if (request.messages_size() == 0) {
    return InvalidArgument("The request contains no messages.");
  }
  if (request.messages_size() > PubsubCore::kMostMessages) {
    return InvalidArgument("The value for message_count is too large. You passed " +
                           std::to_string(request.messages_size()) +
                           " in the request, but the maximum value is 1000.");
  }
  const size_t bytes = request.ByteSizeLong();
  if (bytes > PubsubCore::kMostPublishBytes) {
    return InvalidArgument("The value for request_size is too large. You passed " +
                           std::to_string(bytes) +
                           " in the request, but the maximum value is 10000000.");
  }
  store::PublishBatch batch;
  constexpr size_t kBytesOfRecord = 16;
  batch.Reserve(bytes + kBytesOfRecord * static_cast<size_t>(request.messages_size()));
  for (const v1::PubsubMessage& message : request.messages()) {
    JOIST_RETURN_IF_ERROR(CheckMessage(message));
    JOIST_RETURN_IF_ERROR(batch.Add(message.data(), message.attributes(), message.ordering_key()));
  }
  return batch;
}

Result<std::vector<store::AckId>> AckIdsOf(
    const google::protobuf::RepeatedPtrField<std::string>& texts) {
  if (texts.empty()) return InvalidArgument("No ack ids specified.");
  std::vector<store::AckId> ids;
  ids.reserve(static_cast<size_t>(texts.size()));
  for (const std::string& text : texts) {
    const auto id = ParseAckId(text);
    if (!id) {
      return InvalidArgument(
          "You have passed an invalid ack ID to the service (ack_id=" + text.substr(0, 100) + ").");
    }
    ids.push_back(*id);
  }
  return ids;
}

/// One that is tried whenever something may have come.
class PullUntil final : public WaitingPull, public std::enable_shared_from_this<PullUntil> {
 public:
  PullUntil(PubsubCore* core, const v1::PullRequest& request, v1::PullResponse* response,
            std::function<void(Status)> done)
      : core_(*core),
        subscription_(request.subscription()),
        limits_{.messages = static_cast<size_t>(request.max_messages()), .bytes = kMostPullBytes},
        response_(response),
        done_(std::move(done)) {}

  /// True if it is answered.
  bool Start(std::chrono::milliseconds patience) {
    if (patience.count() > 0) {
      waiter_ = std::make_shared<const std::function<void()>>([self = weak_from_this()] {
        if (const auto alive = self.lock()) {
          alive->core_.tasks().Post([alive] { alive->Try(false); });
        }
      });
    }
    Try(patience.count() <= 0);
    const std::lock_guard lock(mutex_);
    if (!done_) return true;
    core_.tasks().After(patience, [self = weak_from_this()] {
      if (const auto alive = self.lock()) alive->Try(true);
    });
    return false;
  }

  void Cancel() override { Answer(OkStatus()); }

 private:
  void Try(bool is_last) {
    {
      const std::lock_guard lock(mutex_);
      if (!done_) return;
      auto pulled = core_.log().Pull(subscription_, limits_, waiter_);
      if (pulled.ok()) {
        if (pulled.value().messages.empty() && !is_last) return;
        const auto settings = core_.log().GetSubscription(subscription_);
        PubsubCore::AddMessages(
            *pulled, settings.ok() && !settings.value().settings.dead_letter_topic.empty(),
            response_->mutable_received_messages());
      }
      status_ = pulled.status();
    }
    Answer(status_);
  }

  void Answer(const Status& status) {
    std::function<void(Status)> done;
    {
      const std::lock_guard lock(mutex_);
      done.swap(done_);
    }
    if (done) done(status);
  }

  PubsubCore& core_;
  const std::string subscription_;
  const store::PullLimits limits_;
  std::mutex mutex_;
  v1::PullResponse* const response_;
  std::function<void(Status)> done_;  // Null once it is answered.
  Status status_;
  store::Waiter waiter_;
};

}  // namespace

std::string AckIdText(const store::AckId& id) {
  std::array<char, 48> text = {};
  char* at = std::to_chars(text.data(), text.data() + 20, id.offset).ptr;
  *at++ = '-';
  at = std::to_chars(at, at + 20, id.lease_id).ptr;
  return {text.data(), at};
}

std::optional<store::AckId> ParseAckId(std::string_view text) {
  store::AckId id;
  const char* const end = text.data() + text.size();
  const auto offset = std::from_chars(text.data(), end, id.offset);
  if (offset.ec != std::errc() || offset.ptr == end || *offset.ptr != '-') return std::nullopt;
  const auto lease = std::from_chars(offset.ptr + 1, end, id.lease_id);
  if (lease.ec != std::errc() || lease.ptr != end) return std::nullopt;
  return id;
}

// ---- topics

Status PubsubCore::CreateTopic(const v1::Topic& request, v1::Topic* response) {
  v1::Topic topic = request;
  topic.set_state(v1::Topic::ACTIVE);
  JOIST_ASSIGN_OR_RETURN(store::TopicSettings settings, SettingsOf(topic));
  JOIST_RETURN_IF_ERROR(log_.CreateTopic(request.name(), std::move(settings)));
  *response = std::move(topic);
  return OkStatus();
}

Status PubsubCore::UpdateTopic(const v1::UpdateTopicRequest& request, v1::Topic* response) {
  JOIST_ASSIGN_OR_RETURN(const auto description, log_.GetTopic(request.topic().name()));
  v1::Topic topic = TopicOf(description);
  JOIST_RETURN_IF_ERROR(
      ApplyMask(request.update_mask(), kChangeableOfTopic, request.topic(), &topic));
  JOIST_ASSIGN_OR_RETURN(store::TopicSettings settings, SettingsOf(topic));
  JOIST_RETURN_IF_ERROR(log_.UpdateTopic(topic.name(), std::move(settings)));
  *response = std::move(topic);
  return OkStatus();
}

Status PubsubCore::GetTopic(const v1::GetTopicRequest& request, v1::Topic* response) {
  JOIST_ASSIGN_OR_RETURN(const auto description, log_.GetTopic(request.topic()));
  *response = TopicOf(description);
  return OkStatus();
}

Status PubsubCore::ListTopics(const v1::ListTopicsRequest& request,
                              v1::ListTopicsResponse* response) {
  return ListPage(
      request.project(), "topics", request.page_size(), request.page_token(),
      [&](auto prefix, auto after, auto limit) { return log_.ListTopics(prefix, after, limit); },
      [&](const auto& topic) { *response->add_topics() = TopicOf(topic); },
      response->mutable_next_page_token());
}

Status PubsubCore::ListTopicSubscriptions(const v1::ListTopicSubscriptionsRequest& request,
                                          v1::ListTopicSubscriptionsResponse* response) {
  if (const auto topic = log_.GetTopic(request.topic()); !topic.ok()) return topic.status();
  return PageOfNames(log_.SubscriptionsOf(request.topic()), request.page_size(),
                     request.page_token(), response->mutable_subscriptions(),
                     response->mutable_next_page_token());
}

Status PubsubCore::ListTopicSnapshots(const v1::ListTopicSnapshotsRequest& request,
                                      v1::ListTopicSnapshotsResponse* response) {
  if (const auto topic = log_.GetTopic(request.topic()); !topic.ok()) return topic.status();
  std::vector<std::string> names;
  for (const auto& snapshot : log_.ListSnapshots("", "", SIZE_MAX)) {
    if (snapshot.topic == request.topic()) names.push_back(snapshot.name);
  }
  return PageOfNames(names, request.page_size(), request.page_token(),
                     response->mutable_snapshots(), response->mutable_next_page_token());
}

Status PubsubCore::DeleteTopic(const v1::DeleteTopicRequest& request, Empty*) {
  return log_.DeleteTopic(request.topic());
}

Status PubsubCore::DetachSubscription(const v1::DetachSubscriptionRequest& request,
                                      v1::DetachSubscriptionResponse*) {
  return Changed(request.subscription(), log_.DetachSubscription(request.subscription()));
}

// ---- subscriptions

Status PubsubCore::Changed(const std::string& subscription, Status status) {
  if (status.ok() && changed_) changed_(subscription);
  return status;
}

Status PubsubCore::CreateSubscription(const v1::Subscription& request, v1::Subscription* response) {
  v1::Subscription subscription = request;
  FillDefaults(&subscription);
  JOIST_ASSIGN_OR_RETURN(store::SubscriptionSettings settings, SettingsOf(subscription));
  JOIST_RETURN_IF_ERROR(CheckResourceName(request.topic(), "topics"));
  JOIST_RETURN_IF_ERROR(
      Changed(request.name(), log_.CreateSubscription(request.name(), std::move(settings))));
  *response = std::move(subscription);
  return OkStatus();
}

Status PubsubCore::GetSubscription(const v1::GetSubscriptionRequest& request,
                                   v1::Subscription* response) {
  JOIST_ASSIGN_OR_RETURN(const auto description, log_.GetSubscription(request.subscription()));
  *response = SubscriptionOf(description);
  return OkStatus();
}

Status PubsubCore::UpdateSubscription(const v1::UpdateSubscriptionRequest& request,
                                      v1::Subscription* response) {
  JOIST_ASSIGN_OR_RETURN(const auto description,
                         log_.GetSubscription(request.subscription().name()));
  v1::Subscription subscription = SubscriptionOf(description);
  JOIST_RETURN_IF_ERROR(ApplyMask(request.update_mask(), kChangeableOfSubscription,
                                  request.subscription(), &subscription));
  FillDefaults(&subscription);
  JOIST_ASSIGN_OR_RETURN(store::SubscriptionSettings settings, SettingsOf(subscription));
  JOIST_RETURN_IF_ERROR(Changed(subscription.name(),
                                log_.UpdateSubscription(subscription.name(), std::move(settings))));
  *response = std::move(subscription);
  return OkStatus();
}

Status PubsubCore::ListSubscriptions(const v1::ListSubscriptionsRequest& request,
                                     v1::ListSubscriptionsResponse* response) {
  return ListPage(
      request.project(), "subscriptions", request.page_size(), request.page_token(),
      [&](auto prefix, auto after, auto limit) {
        return log_.ListSubscriptions(prefix, after, limit);
      },
      [&](const auto& one) { *response->add_subscriptions() = SubscriptionOf(one); },
      response->mutable_next_page_token());
}

Status PubsubCore::DeleteSubscription(const v1::DeleteSubscriptionRequest& request, Empty*) {
  return Changed(request.subscription(), log_.DeleteSubscription(request.subscription()));
}

Status PubsubCore::ModifyPushConfig(const v1::ModifyPushConfigRequest& request, Empty*) {
  v1::UpdateSubscriptionRequest update;
  update.mutable_subscription()->set_name(request.subscription());
  *update.mutable_subscription()->mutable_push_config() = request.push_config();
  update.mutable_update_mask()->add_paths("push_config");
  v1::Subscription ignored;
  return UpdateSubscription(update, &ignored);
}

Status PubsubCore::ModifyAckDeadline(const v1::ModifyAckDeadlineRequest& request, Empty*) {
  const int seconds = request.ack_deadline_seconds();
  if (seconds < 0 || seconds > kMostAckDeadline) {
    return InvalidArgument("ack_deadline_seconds is " + std::to_string(seconds) +
                           "; it must be 0 to 600");
  }
  JOIST_ASSIGN_OR_RETURN(const auto ids, AckIdsOf(request.ack_ids()));
  return log_.ModifyAckDeadline(request.subscription(), ids, seconds * kMicrosPerSecond).status();
}

Status PubsubCore::Seek(const v1::SeekRequest& request, v1::SeekResponse*) {
  switch (request.target_case()) {
    case v1::SeekRequest::kTime:
      return log_.SeekToTime(request.subscription(), MicrosOf(request.time()));
    case v1::SeekRequest::kSnapshot:
      return log_.SeekToSnapshot(request.subscription(), request.snapshot());
    case v1::SeekRequest::TARGET_NOT_SET: break;
  }
  return InvalidArgument("a seek needs a time or a snapshot");
}

// ---- snapshots

Status PubsubCore::CreateSnapshot(const v1::CreateSnapshotRequest& request,
                                  v1::Snapshot* response) {
  JOIST_RETURN_IF_ERROR(CheckResourceName(request.name(), "snapshots"));
  v1::Snapshot snapshot;
  *snapshot.mutable_labels() = request.labels();
  JOIST_RETURN_IF_ERROR(log_.CreateSnapshot(request.name(), request.subscription(),
                                            NowMicros() + kSnapshotMicros,
                                            snapshot.SerializeAsString()));
  v1::GetSnapshotRequest get;
  get.set_snapshot(request.name());
  return GetSnapshot(get, response);
}

Status PubsubCore::GetSnapshot(const v1::GetSnapshotRequest& request, v1::Snapshot* response) {
  JOIST_ASSIGN_OR_RETURN(const auto description, log_.GetSnapshot(request.snapshot()));
  *response = SnapshotOf(description);
  return OkStatus();
}

Status PubsubCore::UpdateSnapshot(const v1::UpdateSnapshotRequest& request,
                                  v1::Snapshot* response) {
  JOIST_ASSIGN_OR_RETURN(auto description, log_.GetSnapshot(request.snapshot().name()));
  v1::Snapshot snapshot = SnapshotOf(description);
  JOIST_RETURN_IF_ERROR(
      ApplyMask(request.update_mask(), "labels,expire_time", request.snapshot(), &snapshot));
  description.expires_micros = MicrosOf(snapshot.expire_time());
  description.front = snapshot.SerializeAsString();
  JOIST_RETURN_IF_ERROR(log_.UpdateSnapshot(description));
  *response = std::move(snapshot);
  return OkStatus();
}

Status PubsubCore::ListSnapshots(const v1::ListSnapshotsRequest& request,
                                 v1::ListSnapshotsResponse* response) {
  return ListPage(
      request.project(), "snapshots", request.page_size(), request.page_token(),
      [&](auto prefix, auto after, auto limit) { return log_.ListSnapshots(prefix, after, limit); },
      [&](const auto& one) { *response->add_snapshots() = SnapshotOf(one); },
      response->mutable_next_page_token());
}

Status PubsubCore::DeleteSnapshot(const v1::DeleteSnapshotRequest& request, Empty*) {
  return log_.DeleteSnapshot(request.snapshot());
}

// ---- messages

void PubsubCore::Publish(const v1::PublishRequest& request, v1::PublishResponse* response,
                         std::function<void(Status)> done) {
  auto batch = BatchOf(request);
  if (!batch.ok()) return done(batch.status());
  const uint32_t count = batch.value().count();
  // Shared, as `done` is needed too where the log refuses.
  const auto answer = std::make_shared<std::function<void(Status)>>(std::move(done));
  const Status status = log_.Publish(request.topic(), std::move(*batch),
                                     [answer, response, count](Result<uint64_t> first) {
                                       if (!first.ok()) return (*answer)(first.status());
                                       for (uint64_t id = *first; id < *first + count; ++id) {
                                         response->add_message_ids(std::to_string(id));
                                       }
                                       (*answer)(OkStatus());
                                     });
  if (!status.ok()) (*answer)(status);
}

void PubsubCore::Acknowledge(const v1::AcknowledgeRequest& request,
                             std::function<void(Status, std::vector<std::string>)> done) {
  const auto ids = AckIdsOf(request.ack_ids());
  if (!ids.ok()) return done(ids.status(), {});
  const auto answer =
      std::make_shared<std::function<void(Status, std::vector<std::string>)>>(std::move(done));
  const Status status =
      log_.Acknowledge(request.subscription(), ids.value(),
                       [answer](Status stored, const std::vector<store::AckId>& refused) {
                         std::vector<std::string> texts;
                         texts.reserve(refused.size());
                         for (const store::AckId& id : refused) texts.push_back(AckIdText(id));
                         (*answer)(std::move(stored), std::move(texts));
                       });
  if (!status.ok()) (*answer)(status, {});
}

std::shared_ptr<WaitingPull> PubsubCore::Pull(const v1::PullRequest& request,
                                              std::chrono::milliseconds patience,
                                              v1::PullResponse* response,
                                              std::function<void(Status)> done) {
  if (request.max_messages() <= 0) {
    done(InvalidArgument("max_messages must be positive"));
    return nullptr;
  }
  const auto pull = std::make_shared<PullUntil>(this, request, response, std::move(done));
  return pull->Start(patience) ? nullptr : pull;
}

void PubsubCore::AddMessages(const store::Deliveries& deliveries, bool has_dead_letters,
                             google::protobuf::RepeatedPtrField<v1::ReceivedMessage>* messages) {
  messages->Reserve(messages->size() + static_cast<int>(deliveries.messages.size()));
  for (const store::Delivery& delivery : deliveries.messages) {
    v1::ReceivedMessage* received = messages->Add();
    received->set_ack_id(AckIdText(delivery.id));
    if (has_dead_letters) received->set_delivery_attempt(static_cast<int32_t>(delivery.attempts));
    v1::PubsubMessage* message = received->mutable_message();
    message->set_data(delivery.message.data.data(), delivery.message.data.size());
    auto& attributes = *message->mutable_attributes();
    delivery.message.attributes.ForEach([&](std::string_view name, std::string_view value) {
      attributes[std::string(name)] = std::string(value);
    });
    message->set_message_id(std::to_string(delivery.id.offset));
    SetMicros(delivery.publish_micros, message->mutable_publish_time());
    message->set_ordering_key(std::string(delivery.message.ordering_key));
  }
}

}  // namespace joist::serve
