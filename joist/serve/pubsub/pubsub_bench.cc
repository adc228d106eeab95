// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Messages of 1 KB a second through gRPC over loopback, server and client in this process: durable
// publishing with four requests on their way, and a stream whose messages are acknowledged.

#include <benchmark/benchmark.h>
#include <google/pubsub/v1/pubsub.grpc.pb.h>
#include <grpcpp/grpcpp.h>

#include <chrono>
#include <memory>
#include <semaphore>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "joist/serve/pubsub/pubsub_service.h"
#include "joist/store/log/testing/scratch_folder.h"

namespace joist::serve {
namespace {

namespace v1 = google::pubsub::v1;

constexpr const char* kTopic = "projects/p/topics/bench";
constexpr const char* kSubscription = "projects/p/subscriptions/bench";
constexpr int kInFlight = 4;
constexpr int kRequestsOfRound = 64;

struct BenchServer {
  BenchServer() {
    store::MessageLogOptions options;
    options.folder = folder.path();
    log = std::move(*store::MessageLog::Open(options));
    JOIST_CHECK(log->CreateTopic(kTopic, {}).ok());
    store::SubscriptionSettings settings;
    settings.topic = kTopic;
    settings.ack_deadline_micros = 600 * store::kMicrosPerSecond;
    JOIST_CHECK(log->CreateSubscription(kSubscription, settings).ok());
    service = std::make_unique<PubsubService>(log.get());
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    service->Register(builder);
    server = builder.BuildAndStart();
    JOIST_CHECK(server != nullptr);
    channel = grpc::CreateChannel("127.0.0.1:" + std::to_string(port),
                                  grpc::InsecureChannelCredentials());
  }
  ~BenchServer() { server->Shutdown(std::chrono::system_clock::now()); }

  void PublishRound(int messages) const {
    v1::PublishRequest request;
    request.set_topic(kTopic);
    for (int i = 0; i < messages; ++i) {
      request.add_messages()->set_data(std::string(1024, 'x'));
    }
    const auto stub = v1::Publisher::NewStub(channel);
    struct One {
      grpc::ClientContext context;
      v1::PublishResponse response;
    };
    std::counting_semaphore<kInFlight> room(kInFlight);
    for (int i = 0; i < kRequestsOfRound; ++i) {
      room.acquire();
      const auto one = std::make_shared<One>();
      stub->async()->Publish(&one->context, &request, &one->response,
                             [&room, one](const grpc::Status& status) {
                               JOIST_CHECK(status.ok());
                               room.release();
                             });
    }
    for (int i = 0; i < kInFlight; ++i) room.acquire();
  }

  store::ScratchFolder folder;
  std::unique_ptr<store::MessageLog> log;
  std::unique_ptr<PubsubService> service;
  std::unique_ptr<grpc::Server> server;
  std::shared_ptr<grpc::Channel> channel;
};

void BM_PublishByGrpc(benchmark::State& state) {
  const BenchServer server;
  const int messages = static_cast<int>(state.range(0));
  for (auto _ : state) server.PublishRound(messages);
  state.SetItemsProcessed(state.iterations() * kRequestsOfRound * messages);
}
BENCHMARK(BM_PublishByGrpc)->ArgName("batch")->Arg(1000)->Arg(100)->Arg(1)->UseRealTime();

void BM_StreamingPullByGrpc(benchmark::State& state) {
  const BenchServer server;
  const auto stub = v1::Subscriber::NewStub(server.channel);
  grpc::ClientContext context;
  const auto stream = stub->StreamingPull(&context);
  v1::StreamingPullRequest request;
  request.set_subscription(kSubscription);
  request.set_stream_ack_deadline_seconds(600);
  request.set_max_outstanding_messages(10'000);
  JOIST_CHECK(stream->Write(request));
  int64_t pulled = 0;
  for (auto _ : state) {
    const int64_t end = pulled + int64_t{kRequestsOfRound} * 1000;
    const std::jthread publisher([&] { server.PublishRound(1000); });
    while (pulled < end) {
      v1::StreamingPullResponse response;
      JOIST_CHECK(stream->Read(&response));
      request.Clear();
      for (auto& received : *response.mutable_received_messages()) {
        request.mutable_ack_ids()->Add(std::move(*received.mutable_ack_id()));
      }
      pulled += request.ack_ids_size();
      JOIST_CHECK(stream->Write(request));
    }
  }
  context.TryCancel();
  state.SetItemsProcessed(pulled);
}
BENCHMARK(BM_StreamingPullByGrpc)->UseRealTime();

}  // namespace
}  // namespace joist::serve
