// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// A consumer that opens a stream and reads nothing for long, while others publish: its backlog is
// on disk, not in memory, nobody else is slowed down, and in the end it has everything once.

#include <google/pubsub/v1/pubsub.grpc.pb.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "joist/serve/pubsub/pubsub_service.h"
#include "joist/store/log/testing/scratch_folder.h"

namespace joist::serve {
namespace {

namespace slow_v1 = ::google::pubsub::v1;
using SlowClock = std::chrono::steady_clock;

constexpr const char* kSlowTopic = "projects/p/topics/slow";
constexpr const char* kSlowSub = "projects/p/subscriptions/slow";
constexpr size_t kSlowMessages = 200'000;
constexpr size_t kSlowBatch = 1000;
constexpr size_t kSlowMessageBytes = 300;
// A third of what the messages would be in memory.
constexpr size_t kMostGrowth = kSlowMessages * kSlowMessageBytes / 3;

/// Bytes of memory that the process has, server and client together.
size_t ResidentBytes() {
  std::ifstream file("/proc/self/statm");
  size_t all = 0;
  size_t resident = 0;
  file >> all >> resident;
  return resident * static_cast<size_t>(sysconf(_SC_PAGESIZE));
}

struct FlowControl {
  int64_t messages = 0;
  int64_t bytes = 0;
};

class SlowConsumerTest : public ::testing::TestWithParam<FlowControl> {
 protected:
  SlowConsumerTest() {
    store::MessageLogOptions options;
    options.folder = folder_.path();
    log_ = std::move(*store::MessageLog::Open(options));
    service_ = std::make_unique<PubsubService>(log_.get());
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    service_->Register(builder);
    server_ = builder.BuildAndStart();
    const auto channel = grpc::CreateChannel("127.0.0.1:" + std::to_string(port),
                                             grpc::InsecureChannelCredentials());
    publisher_ = slow_v1::Publisher::NewStub(channel);
    // A connection of its own, as another process has.
    grpc::ChannelArguments own;
    own.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    subscriber_ = slow_v1::Subscriber::NewStub(grpc::CreateCustomChannel(
        "127.0.0.1:" + std::to_string(port), grpc::InsecureChannelCredentials(), own));
  }
  ~SlowConsumerTest() override { server_->Shutdown(std::chrono::system_clock::now()); }

  /// Messages [from, to); gives the seconds that it took.
  double Publish(size_t from, size_t to) {
    const auto begin = SlowClock::now();
    for (; from < to; from += kSlowBatch) {
      slow_v1::PublishRequest request;
      request.set_topic(kSlowTopic);
      for (size_t i = from; i < from + kSlowBatch; ++i) {
        std::string data = std::to_string(i) + " ";
        data.resize(kSlowMessageBytes, 'x');
        request.add_messages()->set_data(std::move(data));
      }
      grpc::ClientContext context;
      slow_v1::PublishResponse ids;
      const grpc::Status status = publisher_->Publish(&context, request, &ids);
      EXPECT_TRUE(status.ok()) << status.error_message();
    }
    return std::chrono::duration<double>(SlowClock::now() - begin).count();
  }
  store::SubscriptionFigures Figures() { return log_->FiguresOfSubscription(kSlowSub).value(); }

  store::ScratchFolder folder_;
  std::unique_ptr<store::MessageLog> log_;
  std::unique_ptr<PubsubService> service_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<slow_v1::Publisher::Stub> publisher_;
  std::unique_ptr<slow_v1::Subscriber::Stub> subscriber_;
};

TEST_P(SlowConsumerTest, CostsDiskAndNoMemoryAndGetsEverythingOnce) {
  ASSERT_TRUE(log_->CreateTopic(kSlowTopic, {}).ok());
  ASSERT_TRUE(log_->CreateSubscription(kSlowSub, {.topic = kSlowTopic}).ok());
  grpc::ClientContext context;
  const auto stream = subscriber_->StreamingPull(&context);
  slow_v1::StreamingPullRequest first;
  first.set_subscription(kSlowSub);
  first.set_stream_ack_deadline_seconds(600);
  first.set_max_outstanding_messages(GetParam().messages);
  first.set_max_outstanding_bytes(GetParam().bytes);
  ASSERT_TRUE(stream->Write(first));

  const size_t half = kSlowMessages / 2;
  const size_t warm = kSlowMessages / 10;
  Publish(0, warm);
  const size_t memory = ResidentBytes();
  const double fast = Publish(warm, half);
  const double slow = Publish(half, kSlowMessages);
  EXPECT_LT(slow, 5 * fast + 2);
  EXPECT_LT(ResidentBytes(), memory + kMostGrowth);
  const store::SubscriptionFigures behind = Figures();
  EXPECT_EQ(behind.unacked, kSlowMessages);
  EXPECT_GT(behind.oldest_unacked_micros, 0);
  // It is the first message's: 0.9 of the publishing was after it.
  const int64_t now = std::chrono::duration_cast<std::chrono::microseconds>(
                          std::chrono::system_clock::now().time_since_epoch())
                          .count();
  EXPECT_GE(now - behind.oldest_unacked_micros, static_cast<int64_t>((fast + slow) * 1e6));
  if (GetParam().messages > 0) {
    EXPECT_EQ(behind.outstanding, static_cast<uint64_t>(GetParam().messages));
  } else if (GetParam().bytes > 0) {
    // A message over it at most.
    EXPECT_GT(behind.outstanding * kSlowMessageBytes, static_cast<uint64_t>(GetParam().bytes) / 2);
    EXPECT_LE((behind.outstanding - 1) * kSlowMessageBytes,
              static_cast<uint64_t>(GetParam().bytes));
  } else {
    // What is between the server and the client's program: connections have bounds.
    EXPECT_LT(behind.outstanding, kSlowMessages / 4);
  }

  std::vector<bool> seen(kSlowMessages);
  size_t count = 0;
  slow_v1::StreamingPullResponse response;
  while (count < kSlowMessages && stream->Read(&response)) {
    slow_v1::StreamingPullRequest acks;
    for (const auto& received : response.received_messages()) {
      const size_t number = std::stoul(received.message().data());
      ASSERT_LT(number, kSlowMessages);
      ASSERT_FALSE(seen[number]) << "message " << number << " came twice";
      seen[number] = true;
      ++count;
      acks.add_ack_ids(received.ack_id());
    }
    ASSERT_TRUE(stream->Write(acks));
  }
  EXPECT_EQ(count, kSlowMessages);
  EXPECT_LT(ResidentBytes(), memory + kMostGrowth);
  for (int i = 0; i < 1000 && Figures().unacked > 0; ++i) usleep(5000);
  EXPECT_EQ(Figures().unacked, 0u);
  EXPECT_EQ(Figures().oldest_unacked_micros, 0);
  EXPECT_EQ(Figures().deliveries, kSlowMessages);
  stream->WritesDone();
  EXPECT_FALSE(stream->Read(&response));
  EXPECT_TRUE(stream->Finish().ok());
}

INSTANTIATE_TEST_SUITE_P(FlowControl, SlowConsumerTest,
                         ::testing::Values(FlowControl{.messages = 1000},
                                           FlowControl{.bytes = 256 << 10}, FlowControl{}),
                         [](const auto& info) {
                           return info.param.messages > 0 ? "OfMessages"
                                  : info.param.bytes > 0  ? "OfBytes"
                                                          : "None";
                         });

}  // namespace
}  // namespace joist::serve
