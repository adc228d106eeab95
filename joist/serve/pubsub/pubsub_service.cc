// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/serve/pubsub/pubsub_service.h"

#include <google/pubsub/v1/pubsub.grpc.pb.h>
#include <google/rpc/error_details.pb.h>
#include <google/rpc/status.pb.h>
#include <grpcpp/server_builder.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "joist/serve/pubsub/grpc_status.h"
#include "joist/serve/pubsub/pubsub_core.h"
#include "joist/serve/pubsub/pubsub_rest.h"
#include "joist/serve/pubsub/push_sender.h"
#include "joist/serve/pubsub/streaming_pull.h"
#include "joist/serve/pubsub/task_threads.h"

namespace joist::serve {
namespace {

using std::chrono::milliseconds;

constexpr int kTaskThreads = 2;
constexpr int kMostReceivedBytes = 20 << 20;
constexpr milliseconds kMostPatience{20'000};
// An empty answer is to arrive before the client's deadline.
constexpr milliseconds kMargin{500};

/// Answers a method that needs no waiting.
template <class Request, class Response>
grpc::ServerUnaryReactor* Answer(PubsubCore* core, grpc::CallbackServerContext* context,
                                 const Request* request, Response* response,
                                 Status (PubsubCore::*method)(const Request&, Response*)) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  reactor->Finish(GrpcStatus((core->*method)(*request, response)));
  return reactor;
}

/// What clients of Google's look for where leases were over.
grpc::Status RefusedAcks(const std::vector<std::string>& refused) {
  google::rpc::ErrorInfo info;
  info.set_reason("EXACTLY_ONCE_ACKID_FAILURE");
  info.set_domain("pubsub.googleapis.com");
  for (const std::string& id : refused) {
    (*info.mutable_metadata())[id] = "PERMANENT_FAILURE_INVALID_ACK_ID";
  }
  google::rpc::Status status;
  status.set_code(grpc::FAILED_PRECONDITION);
  status.set_message("Some acknowledgement ids in the request were invalid.");
  status.add_details()->PackFrom(info);
  return {grpc::FAILED_PRECONDITION, status.message(), status.SerializeAsString()};
}

/// A unary pull, which the client may cancel while it waits.
class PullReactor final : public grpc::ServerUnaryReactor,
                          public std::enable_shared_from_this<PullReactor> {
 public:
  void Start(PubsubCore* core, const v1::PullRequest& request, milliseconds patience,
             v1::PullResponse* response) {
    self_ = shared_from_this();
    auto waiting = core->Pull(request, patience, response, [self = self_](const Status& status) {
      self->Finish(GrpcStatus(status));
    });
    const std::lock_guard lock(mutex_);
    waiting_ = std::move(waiting);
    if (is_cancelled_ && waiting_ != nullptr) waiting_->Cancel();
  }
  void OnCancel() override {
    const std::lock_guard lock(mutex_);
    is_cancelled_ = true;
    if (waiting_ != nullptr) waiting_->Cancel();
  }
  void OnDone() override { self_.reset(); }

 private:
  std::shared_ptr<PullReactor> self_;  // Until OnDone.
  std::recursive_mutex mutex_;         // gRPC may call OnCancel out of Finish.
  std::shared_ptr<WaitingPull> waiting_;
  bool is_cancelled_ = false;
};

milliseconds PatienceOf(const grpc::CallbackServerContext& context,
                        const v1::PullRequest& request) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"  // Old clients still set it.
  if (request.return_immediately()) return milliseconds(0);
#pragma GCC diagnostic pop
  const auto left = context.deadline() - std::chrono::system_clock::now();
  if (left > kMostPatience + kMargin) return kMostPatience;
  return std::max(milliseconds(1), std::chrono::duration_cast<milliseconds>(left) - kMargin);
}

using Context = grpc::CallbackServerContext;
using Reactor = grpc::ServerUnaryReactor;

class PublisherService final : public v1::Publisher::CallbackService {
 public:
  explicit PublisherService(PubsubCore* core) : core_(*core) {}

  Reactor* CreateTopic(Context* context, const v1::Topic* request, v1::Topic* response) override {
    return Answer(&core_, context, request, response, &PubsubCore::CreateTopic);
  }
  Reactor* UpdateTopic(Context* context, const v1::UpdateTopicRequest* request,
                       v1::Topic* response) override {
    return Answer(&core_, context, request, response, &PubsubCore::UpdateTopic);
  }
  Reactor* GetTopic(Context* context, const v1::GetTopicRequest* request,
                    v1::Topic* response) override {
    return Answer(&core_, context, request, response, &PubsubCore::GetTopic);
  }
  Reactor* ListTopics(Context* context, const v1::ListTopicsRequest* request,
                      v1::ListTopicsResponse* response) override {
    return Answer(&core_, context, request, response, &PubsubCore::ListTopics);
  }
  Reactor* ListTopicSubscriptions(Context* context,
                                  const v1::ListTopicSubscriptionsRequest* request,
                                  v1::ListTopicSubscriptionsResponse* response) override {
    return Answer(&core_, context, request, response, &PubsubCore::ListTopicSubscriptions);
  }
  Reactor* ListTopicSnapshots(Context* context, const v1::ListTopicSnapshotsRequest* request,
                              v1::ListTopicSnapshotsResponse* response) override {
    return Answer(&core_, context, request, response, &PubsubCore::ListTopicSnapshots);
  }
  Reactor* DeleteTopic(Context* context, const v1::DeleteTopicRequest* request,
                       PubsubCore::Empty* response) override {
    return Answer(&core_, context, request, response, &PubsubCore::DeleteTopic);
  }
  Reactor* DetachSubscription(Context* context, const v1::DetachSubscriptionRequest* request,
                              v1::DetachSubscriptionResponse* response) override {
    return Answer(&core_, context, request, response, &PubsubCore::DetachSubscription);
  }

  Reactor* Publish(Context* context, const v1::PublishRequest* request,
                   v1::PublishResponse* response) override {
    Reactor* reactor = context->DefaultReactor();
    core_.Publish(*request, response,
                  [reactor](const Status& status) { reactor->Finish(GrpcStatus(status)); });
    return reactor;
  }

 private:
  PubsubCore& core_;
};

class SubscriberService final : public v1::Subscriber::CallbackService {
 public:
  explicit SubscriberService(PubsubCore* core) : core_(*core) {}

  Reactor* CreateSubscription(Context* context, const v1::Subscription* request,
                              v1::Subscription* response) override {
    return Answer(&core_, context, request, response, &PubsubCore::CreateSubscription);
  }
  Reactor* GetSubscription(Context* context, const v1::GetSubscriptionRequest* request,
                           v1::Subscription* response) override {
    return Answer(&core_, context, request, response, &PubsubCore::GetSubscription);
  }
  Reactor* UpdateSubscription(Context* context, const v1::UpdateSubscriptionRequest* request,
                              v1::Subscription* response) override {
    return Answer(&core_, context, request, response, &PubsubCore::UpdateSubscription);
  }
  Reactor* ListSubscriptions(Context* context, const v1::ListSubscriptionsRequest* request,
                             v1::ListSubscriptionsResponse* response) override {
    return Answer(&core_, context, request, response, &PubsubCore::ListSubscriptions);
  }
  Reactor* DeleteSubscription(Context* context, const v1::DeleteSubscriptionRequest* request,
                              PubsubCore::Empty* response) override {
    return Answer(&core_, context, request, response, &PubsubCore::DeleteSubscription);
  }
  Reactor* ModifyPushConfig(Context* context, const v1::ModifyPushConfigRequest* request,
                            PubsubCore::Empty* response) override {
    return Answer(&core_, context, request, response, &PubsubCore::ModifyPushConfig);
  }
  Reactor* ModifyAckDeadline(Context* context, const v1::ModifyAckDeadlineRequest* request,
                             PubsubCore::Empty* response) override {
    return Answer(&core_, context, request, response, &PubsubCore::ModifyAckDeadline);
  }
  Reactor* Seek(Context* context, const v1::SeekRequest* request,
                v1::SeekResponse* response) override {
    return Answer(&core_, context, request, response, &PubsubCore::Seek);
  }
  Reactor* CreateSnapshot(Context* context, const v1::CreateSnapshotRequest* request,
                          v1::Snapshot* response) override {
    return Answer(&core_, context, request, response, &PubsubCore::CreateSnapshot);
  }
  Reactor* GetSnapshot(Context* context, const v1::GetSnapshotRequest* request,
                       v1::Snapshot* response) override {
    return Answer(&core_, context, request, response, &PubsubCore::GetSnapshot);
  }
  Reactor* UpdateSnapshot(Context* context, const v1::UpdateSnapshotRequest* request,
                          v1::Snapshot* response) override {
    return Answer(&core_, context, request, response, &PubsubCore::UpdateSnapshot);
  }
  Reactor* ListSnapshots(Context* context, const v1::ListSnapshotsRequest* request,
                         v1::ListSnapshotsResponse* response) override {
    return Answer(&core_, context, request, response, &PubsubCore::ListSnapshots);
  }
  Reactor* DeleteSnapshot(Context* context, const v1::DeleteSnapshotRequest* request,
                          PubsubCore::Empty* response) override {
    return Answer(&core_, context, request, response, &PubsubCore::DeleteSnapshot);
  }

  Reactor* Acknowledge(Context* context, const v1::AcknowledgeRequest* request,
                       PubsubCore::Empty*) override {
    Reactor* reactor = context->DefaultReactor();
    core_.Acknowledge(*request, [reactor](const Status& status,
                                          const std::vector<std::string>& refused) {
      reactor->Finish(status.ok() && !refused.empty() ? RefusedAcks(refused) : GrpcStatus(status));
    });
    return reactor;
  }
  Reactor* Pull(Context* context, const v1::PullRequest* request,
                v1::PullResponse* response) override {
    const auto reactor = std::make_shared<PullReactor>();
    reactor->Start(&core_, *request, PatienceOf(*context, *request), response);
    return reactor.get();
  }
  grpc::ServerBidiReactor<v1::StreamingPullRequest, v1::StreamingPullResponse>* StreamingPull(
      Context*) override {
    return StartStreamingPull(&core_);
  }

 private:
  PubsubCore& core_;
};

}  // namespace

class PubsubService::Implementation {
 public:
  explicit Implementation(store::MessageLog* log) : core_(log, &tasks_), push_(&core_) {
    core_.OnChanged([this](const std::string& subscription) { push_.Changed(subscription); });
  }
  // What is still to be done may refer to the rest.
  ~Implementation() { tasks_.Stop(); }

  void Register(grpc::ServerBuilder& builder) {
    builder.SetMaxReceiveMessageSize(kMostReceivedBytes);
    builder.RegisterService(&publisher_);
    builder.RegisterService(&subscriber_);
  }

  HttpHandler Rest() { return PubsubRest(&core_); }

 private:
  TaskThreads tasks_{kTaskThreads};
  PubsubCore core_;
  PushSender push_;
  PublisherService publisher_{&core_};
  SubscriberService subscriber_{&core_};
};

PubsubService::PubsubService(store::MessageLog* log)
    : implementation_(std::make_unique<Implementation>(log)) {}

PubsubService::~PubsubService() = default;

void PubsubService::Register(grpc::ServerBuilder& builder) { implementation_->Register(builder); }

HttpHandler PubsubService::Rest() { return implementation_->Rest(); }

}  // namespace joist::serve
