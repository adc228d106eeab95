// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "joist/serve/pubsub/pubsub_service.h"
#include "joist/store/log/testing/scratch_folder.h"

namespace joist::serve {
namespace {

using ::testing::HasSubstr;

class PubsubRestTest : public ::testing::Test {
 protected:
  PubsubRestTest() {
    store::MessageLogOptions options;
    options.folder = folder_.path();
    log_ = std::move(*store::MessageLog::Open(options));
    service_ = std::make_unique<PubsubService>(log_.get());
    handler_ = service_->Rest();
  }

  HttpAnswer Ask(std::string_view method, std::string_view path, std::string_view body = "",
                 std::string_view query = "") {
    HttpRequest request;
    request.method = method;
    request.path = path;
    request.query = query;
    request.body = body;
    std::promise<HttpAnswer> answer;
    handler_(request, [&](HttpAnswer given) { answer.set_value(std::move(given)); });
    auto future = answer.get_future();
    EXPECT_EQ(future.wait_for(std::chrono::seconds(20)), std::future_status::ready);
    return future.get();
  }

  store::ScratchFolder folder_;
  std::unique_ptr<store::MessageLog> log_;
  std::unique_ptr<PubsubService> service_;
  HttpHandler handler_;
};

constexpr const char* kTopicPath = "/v1/projects/p/topics/orders";
constexpr const char* kSubscriptionPath = "/v1/projects/p/subscriptions/billing";

std::string With(const char* path, const char* verb) { return std::string(path) + verb; }

TEST_F(PubsubRestTest, PublishesPullsAndAcknowledges) {
  EXPECT_EQ(Ask("PUT", kTopicPath).status, 200);
  EXPECT_EQ(Ask("PUT", kTopicPath).status, 409);
  EXPECT_EQ(Ask("PUT", kSubscriptionPath, R"({"topic":"projects/p/topics/orders"})").status, 200);
  EXPECT_EQ(Ask("POST", With(kTopicPath, ":publish"),
                R"({"messages":[{"data":"aGVsbG8=","orderingKey":"k"}]})")
                .body,
            R"({"messageIds":["0"]})");
  const HttpAnswer pulled = Ask("POST", With(kSubscriptionPath, ":pull"), R"({"maxMessages":5})");
  EXPECT_THAT(pulled.body, HasSubstr(R"("data":"aGVsbG8=")"));
  EXPECT_THAT(pulled.body, HasSubstr(R"("orderingKey":"k")"));
  const std::string begin = R"("ackId":")";
  const size_t at = pulled.body.find(begin) + begin.size();
  const std::string id = pulled.body.substr(at, pulled.body.find('"', at) - at);
  EXPECT_EQ(
      Ask("POST", With(kSubscriptionPath, ":acknowledge"), R"({"ackIds":[")" + id + R"("]})").body,
      "{}");
  EXPECT_EQ(log_->FiguresOfSubscription("projects/p/subscriptions/billing").value().unacked, 0u);
}

TEST_F(PubsubRestTest, AWaitingPullIsAnsweredWhenThereIsAMessage) {
  Ask("PUT", kTopicPath);
  Ask("PUT", kSubscriptionPath, R"({"topic":"projects/p/topics/orders"})");
  auto pulled = std::async(std::launch::async, [this] {
    return Ask("POST", With(kSubscriptionPath, ":pull"), R"({"maxMessages":1})");
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  Ask("POST", With(kTopicPath, ":publish"), R"({"messages":[{"attributes":{"k":"v"}}]})");
  EXPECT_THAT(pulled.get().body, HasSubstr(R"("attributes":{"k":"v"})"));
}

TEST_F(PubsubRestTest, ListsByPages) {
  for (const char* name : {"aaa", "bbb", "ccc"}) {
    Ask("PUT", "/v1/projects/p/topics/" + std::string(name));
  }
  Ask("PUT", "/v1/projects/other/topics/ddd");
  const HttpAnswer first = Ask("GET", "/v1/projects/p/topics", "", "pageSize=2");
  EXPECT_THAT(first.body, HasSubstr("aaa"));
  EXPECT_THAT(first.body, HasSubstr(R"("nextPageToken":"projects/p/topics/bbb")"));
  const HttpAnswer second =
      Ask("GET", "/v1/projects/p/topics", "", "pageSize=2&pageToken=projects%2Fp%2Ftopics%2Fbbb");
  EXPECT_THAT(second.body, HasSubstr("ccc"));
  EXPECT_EQ(second.body.find("ddd"), std::string::npos);
  EXPECT_EQ(Ask("GET", "/v1/projects/p/topics", "", "pageToken=projects%2Fq").status, 400);
}

TEST_F(PubsubRestTest, SaysWhatIsWrong) {
  EXPECT_EQ(Ask("GET", kTopicPath).body,
            R"({"error":{"code":404,"message":"Resource not found )"
            R"((resource=projects/p/topics/orders).","status":"NOT_FOUND"}})");
  EXPECT_EQ(Ask("PUT", kTopicPath, "{").status, 400);
  EXPECT_EQ(Ask("PUT", kTopicPath, R"({"nothing":1})").status, 400);
  EXPECT_EQ(Ask("PUT", "/v1/projects/p/topics/1").status, 400);
  EXPECT_EQ(Ask("PUT", "/v1/projects/p/topics/goog-x").status, 400);
  EXPECT_EQ(Ask("PUT", kTopicPath, R"({"schemaSettings":{}})").status, 501);
  EXPECT_EQ(Ask("GET", "/v1/projects/p/queues/q").status, 404);
  EXPECT_EQ(Ask("GET", "/").status, 404);
  EXPECT_EQ(Ask("POST", With(kTopicPath, ":publish"), R"({"messages":[]})").status, 400);
  Ask("PUT", kTopicPath);
  EXPECT_EQ(Ask("POST", With(kTopicPath, ":publish"), R"({"messages":[{}]})").status, 400);
  const auto subscribe = [&](const std::string& more) {
    return Ask("PUT", kSubscriptionPath, R"({"topic":"projects/p/topics/orders",)" + more + "}");
  };
  EXPECT_EQ(subscribe(R"("ackDeadlineSeconds":5)").status, 400);
  EXPECT_EQ(subscribe(R"("ackDeadlineSeconds":601)").status, 400);
  EXPECT_EQ(subscribe(R"("messageRetentionDuration":"60s")").status, 400);
  EXPECT_EQ(subscribe(R"("messageRetentionDuration":"9000000000s")").status, 400);
  EXPECT_EQ(subscribe(R"("labels":{"A":"b"})").status, 400);
  EXPECT_EQ(subscribe(R"("pushConfig":{"pushEndpoint":"https://example.com/"})").status, 501);
  EXPECT_EQ(subscribe(R"("pushConfig":{"pushEndpoint":"ftp://example.com/"})").status, 400);
  EXPECT_EQ(subscribe(R"("bigqueryConfig":{"table":"a.b.c"})").status, 501);
  EXPECT_EQ(subscribe(R"("deadLetterPolicy":{"deadLetterTopic":"projects/p/topics/dead",)"
                      R"("maxDeliveryAttempts":4})")
                .status,
            400);
  EXPECT_THAT(subscribe(R"("filter":"attributes")").body, HasSubstr("position 11"));
  EXPECT_EQ(subscribe(R"("filter":"attributes:a")").status, 200);
  EXPECT_EQ(Ask("POST", With(kSubscriptionPath, ":pull"), R"({"maxMessages":0})").status, 400);
  EXPECT_EQ(Ask("POST", With(kSubscriptionPath, ":acknowledge"), R"({"ackIds":["1-"]})").status,
            400);
  EXPECT_EQ(Ask("POST", With(kSubscriptionPath, ":seek"), "{}").status, 400);
}

TEST_F(PubsubRestTest, AnyPathAndBodyIsAnswered) {
  const std::string deep(10'000, '[');
  for (const char* method : {"GET", "PUT", "POST", "PATCH", "DELETE", "HEAD", ""}) {
    for (const char* path :
         {"", "/", "//", "/v1", "/v1/projects", "/v1/projects/", "/v1/projects/p/topics/",
          "/v1/projects/p/topics/:publish", "/v1/projects/p/topics/t:", "/v1/projects/%00/topics/%",
          "/v1/projects/p/subscriptions/s:seek", "/v1/projects/p/snapshots/s/x/y"}) {
      for (const std::string_view body : {std::string_view("{}"), std::string_view(deep),
                                          std::string_view("\xff\0", 2), std::string_view("[1]")}) {
        EXPECT_GE(Ask(method, path, body).status, 200) << method << " " << path;
      }
    }
  }
}

}  // namespace
}  // namespace joist::serve
