// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/serve/server.h"

#include <gmock/gmock.h>
#include <google/pubsub/v1/pubsub.grpc.pb.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "joist/engine/http_answer.h"
#include "joist/store/log/message_log.h"

namespace joist::serve {
namespace {

namespace v1 = google::pubsub::v1;
using testing::EndsWith;
using testing::HasSubstr;

class ServerTest : public testing::Test {
 protected:
  ~ServerTest() override {
    server_.reset();
    std::filesystem::remove_all(folder_);
  }

  ServerSettings Settings() {
    ServerSettings settings;
    settings.data = folder_;
    settings.topics = {"clicks"};
    return settings;
  }
  void Start(const ServerSettings& settings) {
    server_.reset();
    auto server = Server::Start(settings);
    ASSERT_TRUE(server.ok()) << server.status().message();
    server_ = std::move(*server);
  }
  std::string Post(const std::string& topic, const std::string& body) {
    return AnswerTo(server_->http_port(),
                    "POST /v1/topics/" + topic + " HTTP/1.1\r\nHost: h\r\nConnection: close\r\n" +
                        "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
  }
  std::string GetBody(const std::string& path) {
    const std::string answer = AnswerTo(
        server_->http_port(), "GET " + path + " HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    const size_t body = answer.find("\r\n\r\n");
    return body == std::string::npos ? answer : answer.substr(body + 4);
  }
  void Subscribe(const std::shared_ptr<grpc::Channel>& channel) {
    v1::Subscription subscription;
    subscription.set_name("projects/local/subscriptions/counts");
    subscription.set_topic("projects/local/topics/clicks");
    grpc::ClientContext context;
    const auto status =
        v1::Subscriber::NewStub(channel)->CreateSubscription(&context, subscription, &subscription);
    ASSERT_TRUE(status.ok()) << status.error_message();
  }
  /// Acknowledges them.
  std::vector<v1::PubsubMessage> Pull(const std::shared_ptr<grpc::Channel>& channel) {
    const auto stub = v1::Subscriber::NewStub(channel);
    v1::PullRequest request;
    request.set_subscription("projects/local/subscriptions/counts");
    request.set_max_messages(1000);
    v1::PullResponse pulled;
    grpc::ClientContext context;
    const auto status = stub->Pull(&context, request, &pulled);
    EXPECT_TRUE(status.ok()) << status.error_message();
    std::vector<v1::PubsubMessage> messages;
    v1::AcknowledgeRequest acknowledge;
    acknowledge.set_subscription(request.subscription());
    for (const auto& received : pulled.received_messages()) {
      messages.push_back(received.message());
      acknowledge.add_ack_ids(received.ack_id());
    }
    google::protobuf::Empty nothing;
    grpc::ClientContext second;
    EXPECT_TRUE(stub->Acknowledge(&second, acknowledge, &nothing).ok());
    return messages;
  }

  const std::string folder_ =
      (std::filesystem::temp_directory_path() / ("joist-serve-" + std::to_string(getpid())))
          .string();
  std::unique_ptr<Server> server_;
};

TEST_F(ServerTest, IngestsWhatSubscribersGet) {
  ServerSettings settings = Settings();
  settings.ingest.timestamp_field = "at";
  settings.ingest.ordering_key_field = "user";
  ASSERT_NO_FATAL_FAILURE(Start(settings));
  const auto channel = server_->InProcessChannel();
  ASSERT_NO_FATAL_FAILURE(Subscribe(channel));
  EXPECT_THAT(Post("clicks", R"([{"at":1,"user":"a"},{"at":2,"user":"b"}])"),
              EndsWith("{\"published\":2}\n"));
  const auto over_port = grpc::CreateChannel("127.0.0.1:" + std::to_string(server_->grpc_port()),
                                             grpc::InsecureChannelCredentials());
  const std::vector<v1::PubsubMessage> messages = Pull(over_port);
  ASSERT_EQ(messages.size(), 2U);
  EXPECT_EQ(messages[1].data(), R"({"at":2,"user":"b"})");
  EXPECT_EQ(messages[1].attributes().at("timestamp"), "2");
  EXPECT_EQ(messages[1].ordering_key(), "b");
  const std::string metrics = GetBody("/metrics");
  const std::string of_subscription = "{subscription=\"projects/local/subscriptions/counts\"} ";
  for (const std::string& line :
       {std::string("joist_http_requests_total{status=\"200\"} 1\n"),
        std::string("joist_ingest_events_total 2\n"),
        std::string("joist_topic_messages_total{topic=\"projects/local/topics/clicks\"} 2\n"),
        "joist_subscription_acks_total" + of_subscription + "2\n",
        "joist_subscription_unacked_messages" + of_subscription + "0\n"}) {
    EXPECT_THAT(metrics, HasSubstr(line));
  }
}

TEST_F(ServerTest, SpeaksPubSubOverRest) {
  ASSERT_NO_FATAL_FAILURE(Start(Settings()));
  EXPECT_THAT(GetBody("/v1/projects/local/topics"),
              HasSubstr("\"name\":\"projects/local/topics/clicks\""));
  EXPECT_THAT(GetBody("/v1/projects/local/topics/none"), HasSubstr("\"code\":404"));
}

TEST_F(ServerTest, SpeaksBigQueryOverRest) {
  ASSERT_NO_FATAL_FAILURE(Start(Settings()));
  if (server_->tables() == nullptr) GTEST_SKIP() << "built without DuckDB";
  const auto ask = [&](const std::string& path, const std::string& body) {
    return AnswerTo(server_->http_port(),
                    "POST /bigquery/v2/projects/p/" + path +
                        " HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Type: "
                        "application/json\r\nContent-Length: " +
                        std::to_string(body.size()) + "\r\n\r\n" + body);
  };
  EXPECT_THAT(ask("datasets", R"({"datasetReference":{"projectId":"p","datasetId":"shop"}})"),
              HasSubstr("\"shop\""));
  EXPECT_THAT(ask("queries", R"({"query":"SELECT 40 + 2 AS answer","useLegacySql":false})"),
              HasSubstr("\"42\""));
  EXPECT_THAT(server_->Metrics(), HasSubstr("joist_tables_queries_total 1\n"));
}

TEST_F(ServerTest, SaysHowItIs) {
  ASSERT_NO_FATAL_FAILURE(Start(Settings()));
  EXPECT_EQ(GetBody("/healthz"), "ok\n");
  EXPECT_EQ(GetBody("/readyz"), "ready\n");
  EXPECT_THAT(GetBody("/nothing"), HasSubstr("\"code\":404"));
  EXPECT_THAT(Post("other", "{}"),
              HasSubstr("there is no topic \\\"other\\\" in project \\\"local\\\"; make it: "
                        "joist topic create other"));
}

TEST_F(ServerTest, KeepsWhatItHas) {
  ASSERT_NO_FATAL_FAILURE(Start(Settings()));
  ASSERT_NO_FATAL_FAILURE(Subscribe(server_->InProcessChannel()));
  EXPECT_THAT(Post("clicks", "{\"n\":1}"), EndsWith("{\"published\":1}\n"));
  server_->Stop();
  ASSERT_NO_FATAL_FAILURE(Start(Settings()));
  EXPECT_THAT(Post("clicks", "{\"n\":2}"), EndsWith("{\"published\":1}\n"));
  const std::vector<v1::PubsubMessage> messages = Pull(server_->InProcessChannel());
  ASSERT_EQ(messages.size(), 2U);
  EXPECT_EQ(messages[0].data(), "{\"n\":1}");
}

TEST_F(ServerTest, NeedsNoPorts) {
  ServerSettings settings = Settings();
  settings.http_port = settings.grpc_port = ServerSettings::kNoPort;
  ASSERT_NO_FATAL_FAILURE(Start(settings));
  EXPECT_EQ(server_->http_port(), ServerSettings::kNoPort);
  EXPECT_EQ(server_->grpc_port(), ServerSettings::kNoPort);
  ASSERT_NO_FATAL_FAILURE(Subscribe(server_->InProcessChannel()));
  EXPECT_EQ(server_->log().ListTopics("", "", 10).size(), 1U);
  EXPECT_THAT(server_->Metrics(), HasSubstr("joist_topic_messages_total"));
}

TEST_F(ServerTest, RefusesWhatSomebodyElseHas) {
  ASSERT_NO_FATAL_FAILURE(Start(Settings()));
  EXPECT_EQ(Server::Start(Settings()).status().message(),
            folder_ + " is in use by process " + std::to_string(getpid()) +
                "; stop it or choose another folder of data");
  ServerSettings other = Settings();
  other.data = folder_ + "/other";
  other.http_port = server_->http_port();
  EXPECT_THAT(Server::Start(other).status().message(), HasSubstr("is in use by another program"));
  other.http_port = 0;
  other.grpc_port = server_->grpc_port();
  EXPECT_THAT(Server::Start(other).status().message(),
              HasSubstr("cannot serve gRPC on 127.0.0.1:"));
  other.grpc_port = 0;
  other.topics = {"no topic"};
  EXPECT_THAT(Server::Start(other).status().message(),
              HasSubstr("cannot make the topic no topic: "));
  other.topics = {};
  EXPECT_TRUE(Server::Start(other).ok());
}

}  // namespace
}  // namespace joist::serve
