// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/serve/pubsub/pubsub_service.h"

#include <gmock/gmock.h>
#include <google/pubsub/v1/pubsub.grpc.pb.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "joist/store/log/testing/scratch_folder.h"

namespace joist::serve {
namespace {

namespace v1 = google::pubsub::v1;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr const char* kTopic = "projects/p/topics/orders";
constexpr const char* kSub = "projects/p/subscriptions/billing";

class PubsubServiceTest : public ::testing::Test {
 protected:
  PubsubServiceTest() {
    store::MessageLogOptions options;
    options.folder = folder_.path();
    log_ = std::move(*store::MessageLog::Open(options));
    service_ = std::make_unique<PubsubService>(log_.get());
    grpc::ServerBuilder builder;
    service_->Register(builder);
    server_ = builder.BuildAndStart();
    const auto channel = server_->InProcessChannel({});
    publisher_ = v1::Publisher::NewStub(channel);
    subscriber_ = v1::Subscriber::NewStub(channel);
  }
  ~PubsubServiceTest() override { server_->Shutdown(std::chrono::system_clock::now()); }

  void Make(v1::Subscription subscription = {}) {
    v1::Topic topic;
    topic.set_name(kTopic);
    grpc::ClientContext first;
    ASSERT_TRUE(publisher_->CreateTopic(&first, topic, &topic).ok());
    subscription.set_name(kSub);
    subscription.set_topic(kTopic);
    grpc::ClientContext second;
    const auto status = subscriber_->CreateSubscription(&second, subscription, &subscription);
    ASSERT_TRUE(status.ok()) << status.error_message();
  }
  grpc::Status Publish(const std::vector<std::string>& texts, const std::string& key = "") {
    v1::PublishRequest request;
    request.set_topic(kTopic);
    for (const std::string& text : texts) {
      v1::PubsubMessage* message = request.add_messages();
      message->set_data(text);
      message->set_ordering_key(key);
    }
    grpc::ClientContext context;
    ids_.Clear();
    return publisher_->Publish(&context, request, &ids_);
  }
  std::vector<std::string> Pull(int most = 100, bool immediately = true) {
    v1::PullRequest request;
    request.set_subscription(kSub);
    request.set_max_messages(most);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
    request.set_return_immediately(immediately);
#pragma GCC diagnostic pop
    grpc::ClientContext context;
    pulled_.Clear();
    const auto status = subscriber_->Pull(&context, request, &pulled_);
    EXPECT_TRUE(status.ok()) << status.error_message();
    std::vector<std::string> texts;
    for (const auto& received : pulled_.received_messages()) {
      texts.push_back(received.message().data());
    }
    return texts;
  }
  grpc::Status Ack(const std::vector<std::string>& ids) {
    v1::AcknowledgeRequest request;
    request.set_subscription(kSub);
    for (const std::string& id : ids) request.add_ack_ids(id);
    grpc::ClientContext context;
    google::protobuf::Empty empty;
    return subscriber_->Acknowledge(&context, request, &empty);
  }

  store::ScratchFolder folder_;
  std::unique_ptr<store::MessageLog> log_;
  std::unique_ptr<PubsubService> service_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<v1::Publisher::Stub> publisher_;
  std::unique_ptr<v1::Subscriber::Stub> subscriber_;
  v1::PublishResponse ids_;
  v1::PullResponse pulled_;
};

TEST_F(PubsubServiceTest, PublishesPullsAndAcknowledges) {
  Make();
  ASSERT_TRUE(Publish({"a", "b"}).ok());
  EXPECT_THAT(ids_.message_ids(), ElementsAre("0", "1"));
  EXPECT_THAT(Pull(), ElementsAre("a", "b"));
  EXPECT_EQ(pulled_.received_messages(0).message().message_id(), "0");
  EXPECT_GT(pulled_.received_messages(0).message().publish_time().seconds(), 1'700'000'000);
  ASSERT_TRUE(
      Ack({pulled_.received_messages(0).ack_id(), pulled_.received_messages(1).ack_id()}).ok());
  EXPECT_EQ(log_->FiguresOfSubscription(kSub).value().unacked, 0u);
}

TEST_F(PubsubServiceTest, APullWaitsForMessages) {
  Make();
  std::thread later([this] {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    EXPECT_TRUE(Publish({"a"}).ok());
  });
  EXPECT_THAT(Pull(10, false), ElementsAre("a"));
  later.join();
}

TEST_F(PubsubServiceTest, AWaitingPullIsAnsweredBeforeItsDeadlineAndEndsWhenCancelled) {
  Make();
  v1::PullRequest request;
  request.set_subscription(kSub);
  request.set_max_messages(1);
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(700));
  const auto status = subscriber_->Pull(&context, request, &pulled_);
  EXPECT_TRUE(status.ok()) << status.error_message();
  EXPECT_THAT(pulled_.received_messages(), IsEmpty());
  grpc::ClientContext other;
  std::thread later([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    other.TryCancel();
  });
  EXPECT_EQ(subscriber_->Pull(&other, request, &pulled_).error_code(), grpc::CANCELLED);
  later.join();
  ASSERT_TRUE(Publish({"a"}).ok());
  EXPECT_THAT(Pull(), ElementsAre("a"));
}

TEST_F(PubsubServiceTest, StreamsMessagesWithinTheClientsLimits) {
  Make();
  grpc::ClientContext context;
  auto stream = subscriber_->StreamingPull(&context);
  v1::StreamingPullRequest first;
  first.set_subscription(kSub);
  first.set_stream_ack_deadline_seconds(60);
  first.set_max_outstanding_messages(2);
  ASSERT_TRUE(stream->Write(first));
  ASSERT_TRUE(Publish({"a", "b", "c"}).ok());
  std::vector<std::string> texts;
  std::vector<std::string> ids;
  const auto read = [&] {
    v1::StreamingPullResponse response;
    ASSERT_TRUE(stream->Read(&response));
    for (const auto& received : response.received_messages()) {
      texts.push_back(received.message().data());
      ids.push_back(received.ack_id());
    }
  };
  while (texts.size() < 2) read();
  EXPECT_THAT(texts, ElementsAre("a", "b"));
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_EQ(log_->FiguresOfSubscription(kSub).value().outstanding, 2u);
  // One is acknowledged on the stream, the other handed back; both times there is room.
  v1::StreamingPullRequest next;
  next.add_ack_ids(ids[0]);
  ASSERT_TRUE(stream->Write(next));
  while (texts.size() < 3) read();
  EXPECT_EQ(texts[2], "c");
  next.Clear();
  next.add_modify_deadline_ack_ids(ids[1]);
  next.add_modify_deadline_seconds(0);
  ASSERT_TRUE(stream->Write(next));
  while (texts.size() < 4) read();
  EXPECT_EQ(texts[3], "b");
  // Acknowledged beside the stream, as Google's clients do.
  ASSERT_TRUE(Ack({ids[2], ids[3]}).ok());
  ASSERT_TRUE(Publish({"d"}).ok());
  while (texts.size() < 5) read();
  EXPECT_EQ(texts[4], "d");
  ASSERT_TRUE(stream->WritesDone());
  v1::StreamingPullResponse rest;
  EXPECT_FALSE(stream->Read(&rest));
  EXPECT_TRUE(stream->Finish().ok());
}

TEST_F(PubsubServiceTest, ExactlyOnceSaysWhichLeasesAreOver) {
  v1::Subscription subscription;
  subscription.set_enable_exactly_once_delivery(true);
  Make(subscription);
  ASSERT_TRUE(Publish({"a"}).ok());
  Pull();
  const std::string id = pulled_.received_messages(0).ack_id();
  EXPECT_TRUE(Ack({id}).ok());
  const grpc::Status again = Ack({id});
  EXPECT_EQ(again.error_code(), grpc::FAILED_PRECONDITION);
  EXPECT_THAT(again.error_details(), ::testing::HasSubstr("PERMANENT_FAILURE_INVALID_ACK_ID"));
  EXPECT_THAT(again.error_details(), ::testing::HasSubstr(id));
}

TEST_F(PubsubServiceTest, WhatIsTooLargeIsRefused) {
  Make();
  const auto error = [&](const std::function<void(v1::PublishRequest*)>& fill) {
    v1::PublishRequest request;
    request.set_topic(kTopic);
    fill(&request);
    grpc::ClientContext context;
    const grpc::Status status = publisher_->Publish(&context, request, &ids_);
    EXPECT_EQ(status.error_code(), grpc::INVALID_ARGUMENT) << status.error_message();
    return status.error_message();
  };
  EXPECT_THAT(error([](auto* request) {
                for (int i = 0; i < 1001; ++i) request->add_messages()->set_data("a");
              }),
              ::testing::HasSubstr("maximum value is 1000"));
  EXPECT_THAT(
      error([](auto* request) { request->add_messages()->mutable_data()->resize(10'000'001); }),
      ::testing::HasSubstr("maximum value is 10000000"));
  EXPECT_THAT(error([](auto* request) {
                (*request->add_messages()->mutable_attributes())["a"] = std::string(1025, 'x');
              }),
              ::testing::HasSubstr("1024"));
  EXPECT_THAT(
      error([](auto* request) { (*request->add_messages()->mutable_attributes())["googx"] = ""; }),
      ::testing::HasSubstr("goog"));
  EXPECT_EQ(log_->FiguresOfTopic(kTopic).value().end, 0u);
}

TEST_F(PubsubServiceTest, StreamsThatBeginWronglyAreEnded) {
  Make();
  const auto ends_with = [&](const v1::StreamingPullRequest& first) {
    grpc::ClientContext context;
    const auto stream = subscriber_->StreamingPull(&context);
    stream->Write(first);
    v1::StreamingPullResponse response;
    EXPECT_FALSE(stream->Read(&response));
    return stream->Finish().error_code();
  };
  v1::StreamingPullRequest request;
  request.set_subscription(kSub);
  EXPECT_EQ(ends_with(request), grpc::INVALID_ARGUMENT);  // Without a deadline.
  request.set_stream_ack_deadline_seconds(601);
  EXPECT_EQ(ends_with(request), grpc::INVALID_ARGUMENT);
  request.set_stream_ack_deadline_seconds(10);
  request.add_ack_ids("0-0");
  EXPECT_EQ(ends_with(request), grpc::INVALID_ARGUMENT);
  request.clear_ack_ids();
  request.set_subscription("projects/p/subscriptions/none");
  EXPECT_EQ(ends_with(request), grpc::NOT_FOUND);
}

TEST_F(PubsubServiceTest, ManyStreamsShareTheMessages) {
  Make();
  constexpr int kStreams = 20;
  constexpr size_t kMessages = 2000;
  std::atomic<size_t> acknowledged = 0;
  std::vector<std::unique_ptr<grpc::ClientContext>> contexts;
  for (int i = 0; i < kStreams; ++i) contexts.push_back(std::make_unique<grpc::ClientContext>());
  {
    std::vector<std::jthread> clients;
    for (const auto& context : contexts) {
      clients.emplace_back([&] {
        const auto stream = subscriber_->StreamingPull(context.get());
        v1::StreamingPullRequest request;
        request.set_subscription(kSub);
        request.set_stream_ack_deadline_seconds(60);
        request.set_max_outstanding_messages(7);
        stream->Write(request);
        v1::StreamingPullResponse response;
        while (stream->Read(&response)) {
          request.Clear();
          for (const auto& received : response.received_messages()) {
            request.add_ack_ids(received.ack_id());
          }
          acknowledged += static_cast<size_t>(request.ack_ids_size());
          stream->Write(request);
        }
        EXPECT_EQ(stream->Finish().error_code(), grpc::CANCELLED);
      });
    }
    for (size_t i = 0; i < kMessages / 100; ++i) {
      EXPECT_TRUE(Publish(std::vector<std::string>(100, "text")).ok());
    }
    for (int i = 0; i < 2000 && log_->FiguresOfSubscription(kSub).value().unacked > 0; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    for (const auto& context : contexts) context->TryCancel();
  }
  EXPECT_EQ(log_->FiguresOfSubscription(kSub).value().unacked, 0u);
  EXPECT_EQ(acknowledged, kMessages);
}

TEST_F(PubsubServiceTest, AStreamEndsWithItsSubscription) {
  Make();
  grpc::ClientContext context;
  auto stream = subscriber_->StreamingPull(&context);
  v1::StreamingPullRequest first;
  first.set_subscription(kSub);
  first.set_stream_ack_deadline_seconds(60);
  ASSERT_TRUE(stream->Write(first));
  // Waits until it is served.
  ASSERT_TRUE(Publish({"a"}).ok());
  v1::StreamingPullResponse response;
  ASSERT_TRUE(stream->Read(&response));
  v1::DeleteSubscriptionRequest request;
  request.set_subscription(kSub);
  grpc::ClientContext other;
  google::protobuf::Empty empty;
  ASSERT_TRUE(subscriber_->DeleteSubscription(&other, request, &empty).ok());
  EXPECT_FALSE(stream->Read(&response));
  EXPECT_EQ(stream->Finish().error_code(), grpc::NOT_FOUND);
}

}  // namespace
}  // namespace joist::serve
