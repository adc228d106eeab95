// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/serve/pubsub_client.h"

#include <google/pubsub/v1/pubsub.grpc.pb.h>
#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <chrono>

namespace joist::serve {
namespace {

namespace v1 = ::google::pubsub::v1;

constexpr std::chrono::seconds kLongestCall{30};
constexpr int kPageSize = 1000;

TopicSummary SummaryOf(const v1::Topic& topic) {
  return {topic.name(), Duration::Seconds(topic.message_retention_duration().seconds())};
}

SubscriptionSummary SummaryOf(const v1::Subscription& subscription) {
  SubscriptionSummary summary;
  summary.name = subscription.name();
  summary.topic = subscription.topic();
  summary.filter = subscription.filter();
  summary.ack_deadline = Duration::Seconds(subscription.ack_deadline_seconds());
  summary.dead_letter_topic = subscription.dead_letter_policy().dead_letter_topic();
  summary.max_delivery_attempts = subscription.dead_letter_policy().max_delivery_attempts();
  summary.is_ordered = subscription.enable_message_ordering();
  summary.is_exactly_once = subscription.enable_exactly_once_delivery();
  summary.is_detached = subscription.detached();
  summary.is_pushed = !subscription.push_config().push_endpoint().empty();
  return summary;
}

ClientMessage MessageOf(const v1::ReceivedMessage& received) {
  const v1::PubsubMessage& from = received.message();
  ClientMessage message;
  message.id = from.message_id();
  message.ack_id = received.ack_id();
  const auto& time = from.publish_time();
  message.published = Timestamp::Millis(time.seconds() * 1000 + time.nanos() / 1'000'000);
  message.data = from.data();
  message.ordering_key = from.ordering_key();
  message.attributes.assign(from.attributes().begin(), from.attributes().end());
  std::sort(message.attributes.begin(), message.attributes.end());
  return message;
}

}  // namespace

class PubsubClient::Stubs {
 public:
  explicit Stubs(std::string server)
      : server_(std::move(server)),
        channel_(grpc::CreateChannel(server_, grpc::InsecureChannelCredentials())),
        publisher_(v1::Publisher::NewStub(channel_)),
        subscriber_(v1::Subscriber::NewStub(channel_)) {}

  /// `call(context)` makes the call.
  template <class F>
  Status Call(F call) const {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + kLongestCall);
    const grpc::Status status = call(&context);
    if (status.ok()) return OkStatus();
    const auto code = static_cast<StatusCode>(status.error_code());
    if (code != StatusCode::kUnavailable) return {code, status.error_message()};
    return {code, "cannot reach " + server_ + " (" + status.error_message() + ")"};
  }

  v1::Publisher::Stub& publisher() { return *publisher_; }
  v1::Subscriber::Stub& subscriber() { return *subscriber_; }

 private:
  const std::string server_;
  const std::shared_ptr<grpc::Channel> channel_;
  const std::unique_ptr<v1::Publisher::Stub> publisher_;
  const std::unique_ptr<v1::Subscriber::Stub> subscriber_;
};

PubsubClient::PubsubClient(std::string server)
    : stubs_(std::make_unique<Stubs>(std::move(server))) {}

PubsubClient::~PubsubClient() = default;

Status PubsubClient::CreateTopic(const std::string& name) {
  v1::Topic topic;
  topic.set_name(name);
  return stubs_->Call([&](grpc::ClientContext* context) {
    return stubs_->publisher().CreateTopic(context, topic, &topic);
  });
}

Status PubsubClient::DeleteTopic(const std::string& name) {
  v1::DeleteTopicRequest request;
  request.set_topic(name);
  ::google::protobuf::Empty nothing;
  return stubs_->Call([&](grpc::ClientContext* context) {
    return stubs_->publisher().DeleteTopic(context, request, &nothing);
  });
}

Result<TopicSummary> PubsubClient::GetTopic(const std::string& name) {
  v1::GetTopicRequest request;
  request.set_topic(name);
  v1::Topic topic;
  JOIST_RETURN_IF_ERROR(stubs_->Call([&](grpc::ClientContext* context) {
    return stubs_->publisher().GetTopic(context, request, &topic);
  }));
  return SummaryOf(topic);
}

Result<std::vector<TopicSummary>> PubsubClient::ListTopics(const std::string& project) {
  std::vector<TopicSummary> topics;
  v1::ListTopicsRequest request;
  request.set_project(project);
  request.set_page_size(kPageSize);
  do {
    v1::ListTopicsResponse page;
    JOIST_RETURN_IF_ERROR(stubs_->Call([&](grpc::ClientContext* context) {
      return stubs_->publisher().ListTopics(context, request, &page);
    }));
    for (const v1::Topic& topic : page.topics()) topics.push_back(SummaryOf(topic));
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  return topics;
}

Status PubsubClient::Publish(const std::string& topic, const std::vector<ClientMessage>& messages) {
  v1::PublishRequest request;
  request.set_topic(topic);
  for (const ClientMessage& from : messages) {
    v1::PubsubMessage* const message = request.add_messages();
    message->set_data(from.data);
    message->set_ordering_key(from.ordering_key);
    for (const auto& [name, value] : from.attributes) {
      (*message->mutable_attributes())[name] = value;
    }
  }
  v1::PublishResponse ids;
  return stubs_->Call([&](grpc::ClientContext* context) {
    return stubs_->publisher().Publish(context, request, &ids);
  });
}

Status PubsubClient::CreateSubscription(const SubscriptionSummary& summary) {
  v1::Subscription subscription;
  subscription.set_name(summary.name);
  subscription.set_topic(summary.topic);
  subscription.set_filter(summary.filter);
  subscription.set_ack_deadline_seconds(static_cast<int>(summary.ack_deadline.millis / 1000));
  subscription.set_enable_message_ordering(summary.is_ordered);
  subscription.set_enable_exactly_once_delivery(summary.is_exactly_once);
  if (!summary.dead_letter_topic.empty()) {
    auto* const policy = subscription.mutable_dead_letter_policy();
    policy->set_dead_letter_topic(summary.dead_letter_topic);
    policy->set_max_delivery_attempts(summary.max_delivery_attempts);
  }
  return stubs_->Call([&](grpc::ClientContext* context) {
    return stubs_->subscriber().CreateSubscription(context, subscription, &subscription);
  });
}

Status PubsubClient::DeleteSubscription(const std::string& name) {
  v1::DeleteSubscriptionRequest request;
  request.set_subscription(name);
  ::google::protobuf::Empty nothing;
  return stubs_->Call([&](grpc::ClientContext* context) {
    return stubs_->subscriber().DeleteSubscription(context, request, &nothing);
  });
}

Result<SubscriptionSummary> PubsubClient::GetSubscription(const std::string& name) {
  v1::GetSubscriptionRequest request;
  request.set_subscription(name);
  v1::Subscription subscription;
  JOIST_RETURN_IF_ERROR(stubs_->Call([&](grpc::ClientContext* context) {
    return stubs_->subscriber().GetSubscription(context, request, &subscription);
  }));
  return SummaryOf(subscription);
}

Result<std::vector<SubscriptionSummary>> PubsubClient::ListSubscriptions(
    const std::string& project) {
  std::vector<SubscriptionSummary> subscriptions;
  v1::ListSubscriptionsRequest request;
  request.set_project(project);
  request.set_page_size(kPageSize);
  do {
    v1::ListSubscriptionsResponse page;
    JOIST_RETURN_IF_ERROR(stubs_->Call([&](grpc::ClientContext* context) {
      return stubs_->subscriber().ListSubscriptions(context, request, &page);
    }));
    for (const auto& one : page.subscriptions()) subscriptions.push_back(SummaryOf(one));
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  return subscriptions;
}

Result<std::vector<ClientMessage>> PubsubClient::Pull(const std::string& subscription, int most) {
  v1::PullRequest request;
  request.set_subscription(subscription);
  request.set_max_messages(most);
// It is deprecated for consumers, who should wait; this shows what there is.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
  request.set_return_immediately(true);
#pragma GCC diagnostic pop
  v1::PullResponse pulled;
  JOIST_RETURN_IF_ERROR(stubs_->Call([&](grpc::ClientContext* context) {
    return stubs_->subscriber().Pull(context, request, &pulled);
  }));
  std::vector<ClientMessage> messages;
  for (const auto& received : pulled.received_messages()) messages.push_back(MessageOf(received));
  return messages;
}

Status PubsubClient::Acknowledge(const std::string& subscription,
                                 const std::vector<ClientMessage>& messages) {
  if (messages.empty()) return OkStatus();
  v1::AcknowledgeRequest request;
  request.set_subscription(subscription);
  for (const ClientMessage& message : messages) request.add_ack_ids(message.ack_id);
  ::google::protobuf::Empty nothing;
  return stubs_->Call([&](grpc::ClientContext* context) {
    return stubs_->subscriber().Acknowledge(context, request, &nothing);
  });
}

}  // namespace joist::serve
