// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// joist/io/pubsub against a service: each message takes effect once, whatever is delivered again.
// JOIST_TEST_PUBSUB=HOST:PORT names another one than Joist's own, such as Google's emulator.

#include <gtest/gtest.h>

#include <google/pubsub/v1/pubsub.grpc.pb.h>
#include <grpcpp/grpcpp.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "joist/io/pubsub/publisher.h"
#include "joist/io/pubsub/pubsub.h"
#include "joist/joist.h"
#include "joist/serve/pubsub/pubsub_service.h"
#include "joist/store/log/message_log.h"

namespace joist::pubsub {

/// What the pipeline's last function has seen: for each key the greatest count.
struct Seen {
  std::mutex mutex;
  std::map<std::string, int64_t> counts;

  void Clear() {
    const std::lock_guard lock(mutex);
    counts.clear();
  }
  int64_t Total() {
    const std::lock_guard lock(mutex);
    int64_t total = 0;
    for (const auto& [key, count] : counts) total += count;
    return total;
  }
};
inline Seen seen;
/// How many more elements functions fail on.
inline std::atomic<int> failures_left{0};
/// Elements until the next of them.
inline std::atomic<int> until_failure{0};

/// A count by key, in state.
struct CountByKey {
  struct Count {};
  void Process(const KV<std::string, std::string>& element, ValueState<int64_t, Count> count,
               Emit<int64_t> emit) const {
    if (failures_left > 0 && --until_failure <= 0) {
      --failures_left;
      until_failure = 700;
      throw std::runtime_error("on purpose");
    }
    count.Write(count.ReadOr(0) + 1);
    {
      const std::lock_guard lock(seen.mutex);
      seen.counts[element.key] = count.ReadOr(0);
    }
    emit(count.ReadOr(0));
  }
};
constexpr FieldList<CountByKey> JoistFields(const CountByKey*) { return {"CountByKey", {}}; }

namespace {

namespace api = ::google::pubsub::v1;

/// Joist's message log, at a port.
class LogServer {
 public:
  LogServer(const std::string& folder, int port) : port_(port) {
    auto log = store::MessageLog::Open({.folder = folder});
    if (!log.ok()) throw std::runtime_error(log.status().message());
    log_ = *std::move(log);
    service_ = std::make_unique<serve::PubsubService>(log_.get());
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:" + std::to_string(port), grpc::InsecureServerCredentials(),
                             &port_);
    service_->Register(builder);
    server_ = builder.BuildAndStart();
    if (server_ == nullptr) throw std::runtime_error("no server");
  }
  ~LogServer() { server_->Shutdown(std::chrono::system_clock::now()); }
  LogServer(const LogServer&) = delete;
  LogServer& operator=(const LogServer&) = delete;
  int port() const { return port_; }

 private:
  int port_;
  std::unique_ptr<store::MessageLog> log_;
  std::unique_ptr<serve::PubsubService> service_;
  std::unique_ptr<grpc::Server> server_;
};

class PubsubConnectorTest : public testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::remove_all(folder_);
    std::filesystem::remove_all(log_folder_);
    if (getenv("JOIST_TEST_PUBSUB") == nullptr) {
      server_ = std::make_unique<LogServer>(log_folder_, 0);
      endpoint_ = "127.0.0.1:" + std::to_string(server_->port());
    } else {
      endpoint_ = getenv("JOIST_TEST_PUBSUB");
    }
    seen.Clear();
    failures_left = 0;
    channel_ = grpc::CreateChannel(endpoint_, grpc::InsecureChannelCredentials());
    const std::string unique = std::to_string(getpid()) + "-" +
                               testing::UnitTest::GetInstance()->current_test_info()->name();
    topic_ = "projects/test/topics/t" + unique;
    subscription_ = "projects/test/subscriptions/s" + unique;
    grpc::ClientContext of_topic, of_subscription;
    api::Topic topic;
    topic.set_name(topic_);
    ASSERT_TRUE(api::Publisher::NewStub(channel_)->CreateTopic(&of_topic, topic, &topic).ok());
    api::Subscription subscription;
    subscription.set_name(subscription_);
    subscription.set_topic(topic_);
    subscription.set_ack_deadline_seconds(10);
    ASSERT_TRUE(api::Subscriber::NewStub(channel_)
                    ->CreateSubscription(&of_subscription, subscription, &subscription)
                    .ok());
  }
  void TearDown() override {
    server_ = nullptr;
    std::filesystem::remove_all(folder_);
    std::filesystem::remove_all(log_folder_);
  }

  void PublishNumbers(int64_t from, int64_t to) const {
    Publisher publisher(channel_, topic_);
    for (int64_t i = from; i < to; ++i) {
      const std::string number = std::to_string(i);
      ASSERT_TRUE(publisher.Add({.data = number, .attributes = {{"id", "n" + number}}}).ok());
    }
    int64_t published = 0;
    ASSERT_TRUE(publisher.Finish([&](const std::string& id) { published += !id.empty(); }).ok());
    EXPECT_EQ(published, to - from);
  }
  /// Counts by the number's last digit, in the background.
  PipelineResult Start(const std::string& id_attribute) const {
    const std::string folder = "--checkpoint_dir=" + folder_;
    const char* const argv[] = {"test", folder.c_str(), "--checkpoint_interval=100ms",
                                "--max_num_workers=2"};
    Pipeline p(4, argv);
    ReadMessages read = ReadMessages(subscription_).WithEndpoint(endpoint_);
    if (!id_attribute.empty()) read = std::move(read).WithIdAttribute(id_attribute);
    p | "Read" >> read | "Digit" >> Map([](const Message& message) {
                           return KV<std::string, std::string>{
                               message.data.substr(message.data.size() - 1), message.data};
                         }) |
        "Count" >> ParDo(CountByKey());
    return p.Run();
  }
  /// Two minutes; or twenty, since Google's emulator gives back what a broken stream held by a
  /// hundred messages each ten seconds.
  static bool WaitForTotal(int64_t total) {
    const int most = getenv("JOIST_TEST_PUBSUB") == nullptr ? 2'400 : 24'000;
    for (int i = 0; i < most && seen.Total() < total; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    return seen.Total() >= total;
  }
  /// Whether the service has nothing to deliver.
  bool IsDrained() const {
    for (int attempt = 0; attempt < 100; ++attempt) {
      grpc::ClientContext context;
      context.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(500));
      api::PullRequest request;
      request.set_subscription(subscription_);
      request.set_max_messages(1);
      api::PullResponse response;
      const grpc::Status status =
          api::Subscriber::NewStub(channel_)->Pull(&context, request, &response);
      if (response.received_messages().empty()) return true;
      (void)status;
    }
    return false;
  }

  std::unique_ptr<LogServer> server_;
  std::string endpoint_;
  const std::string log_folder_ = testing::TempDir() + "joist_log_" + std::to_string(getpid());
  const std::string folder_ = testing::TempDir() + "joist_pubsub_" + std::to_string(getpid());
  std::shared_ptr<grpc::Channel> channel_;
  std::string topic_;
  std::string subscription_;
};

TEST_F(PubsubConnectorTest, EachMessageTakesEffectOnce) {
  PublishNumbers(0, 5'000);
  PipelineResult job = Start("");
  PublishNumbers(5'000, 20'000);
  EXPECT_TRUE(WaitForTotal(20'000)) << seen.Total();
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
  EXPECT_EQ(seen.Total(), 20'000);
  for (const auto& [digit, count] : seen.counts) EXPECT_EQ(count, 2'000) << digit;
  job.Cancel();
  job.WaitUntilFinish();
  EXPECT_TRUE(IsDrained());
}

TEST_F(PubsubConnectorTest, AFunctionFailsAndWhatItSawComesAgain) {
  failures_left = 3;
  until_failure = 1'500;
  PipelineResult job = Start("");
  for (int64_t i = 0; i < 10; ++i) {
    PublishNumbers(500 * i, 500 * (i + 1));
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  EXPECT_TRUE(WaitForTotal(5'000)) << seen.Total();
  std::this_thread::sleep_for(std::chrono::seconds(1));
  EXPECT_EQ(failures_left, 0);
  EXPECT_EQ(seen.Total(), 5'000);
  job.Cancel();
  job.WaitUntilFinish();
}

TEST_F(PubsubConnectorTest, AnotherJobGoesOn) {
  PublishNumbers(0, 3'000);
  {
    PipelineResult job = Start("");
    EXPECT_TRUE(WaitForTotal(1'000));
    job.Cancel();
    job.WaitUntilFinish();
  }
  PublishNumbers(3'000, 4'000);
  PipelineResult job = Start("");
  EXPECT_TRUE(WaitForTotal(4'000)) << seen.Total();
  std::this_thread::sleep_for(std::chrono::seconds(1));
  EXPECT_EQ(seen.Total(), 4'000);
  job.Cancel();
  job.WaitUntilFinish();
}

/// What the first job has in its checkpoint it could not acknowledge: it comes again.
TEST_F(PubsubConnectorTest, AnotherJobGoesOnThatTheServerKnowsLessThan) {
  if (server_ == nullptr) GTEST_SKIP() << "the server is not the test's";
  const int port = server_->port();
  for (int64_t i = 0; i < 4; ++i) {
    PipelineResult job = Start("");
    PublishNumbers(3'000 * i, 3'000 * (i + 1));
    EXPECT_TRUE(WaitForTotal(3'000 * i + 1'000));
    server_ = nullptr;
    std::this_thread::sleep_for(std::chrono::milliseconds(300));  // Some checkpoints.
    job.Cancel();
    job.WaitUntilFinish();
    server_ = std::make_unique<LogServer>(log_folder_, port);
  }
  PipelineResult job = Start("");
  EXPECT_TRUE(WaitForTotal(12'000)) << seen.Total();
  std::this_thread::sleep_for(std::chrono::seconds(1));
  EXPECT_EQ(seen.Total(), 12'000);
  job.Cancel();
  job.WaitUntilFinish();
}

TEST_F(PubsubConnectorTest, WhatIsPublishedTwiceTakesEffectOnce) {
  PipelineResult job = Start("id");
  PublishNumbers(0, 3'000);
  PublishNumbers(0, 3'000);
  PublishNumbers(2'000, 4'000);
  EXPECT_TRUE(WaitForTotal(4'000)) << seen.Total();
  std::this_thread::sleep_for(std::chrono::seconds(1));
  EXPECT_EQ(seen.Total(), 4'000);
  job.Cancel();
  job.WaitUntilFinish();
}

TEST_F(PubsubConnectorTest, TheServerStopsAndComesBack) {
  if (server_ == nullptr) GTEST_SKIP() << "the server is not the test's";
  PipelineResult job = Start("");
  for (int64_t i = 0; i < 4; ++i) {
    PublishNumbers(2'000 * i, 2'000 * (i + 1));
    std::this_thread::sleep_for(std::chrono::milliseconds(150));
    const int port = server_->port();
    server_ = nullptr;
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    server_ = std::make_unique<LogServer>(log_folder_, port);
  }
  EXPECT_TRUE(WaitForTotal(8'000)) << seen.Total();
  std::this_thread::sleep_for(std::chrono::seconds(1));
  EXPECT_EQ(seen.Total(), 8'000);
  job.Cancel();
  job.WaitUntilFinish();
}

TEST_F(PubsubConnectorTest, ASubscriptionThatIsNotThereIsOneLine) {
  subscription_ += "-none";
  PipelineResult job = Start("");
  job.WaitUntilFinish();
  EXPECT_FALSE(job.status().ok());
  EXPECT_NE(job.status().message().find("step \"Read/Read\": cannot pull from " + subscription_),
            std::string::npos)
      << job.status().message();
}

}  // namespace
}  // namespace joist::pubsub
