// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/io/pubsub/publisher.h"

#include <chrono>
#include <deque>
#include <thread>
#include <utility>
#include <vector>

#include <google/pubsub/v1/pubsub.grpc.pb.h>
#include <grpcpp/channel.h>

#include "joist/io/google/service_channel.h"

namespace joist::pubsub {
namespace {

namespace api = ::google::pubsub::v1;

constexpr size_t kRequestsOnTheirWay = 4;
constexpr std::chrono::seconds kPublishTimeout(30);
constexpr int kAttempts = 5;

struct Call {
  api::PublishRequest request;
  api::PublishResponse response;
  std::unique_ptr<grpc::ClientContext> context;
  std::unique_ptr<grpc::ClientAsyncResponseReader<api::PublishResponse>> reader;
  grpc::Status status;
  bool is_done = false;
  int attempts = 0;
};

}  // namespace

struct Publisher::Impl {
  std::unique_ptr<api::Publisher::Stub> stub;
  std::string topic;
  grpc::CompletionQueue queue;
  api::PublishRequest request;
  size_t bytes = 0;
  std::deque<std::unique_ptr<Call>> calls;  ///< Those on their way, in the order of their messages.
  std::vector<std::string> ids;

  void Start(Call* call) {
    call->context = std::make_unique<grpc::ClientContext>();
    call->context->set_deadline(std::chrono::system_clock::now() + kPublishTimeout);
    call->response.Clear();
    call->is_done = false;
    ++call->attempts;
    call->reader = stub->AsyncPublish(call->context.get(), call->request, &queue);
    call->reader->Finish(&call->response, &call->status, call);
  }
  void Send() {
    if (request.messages().empty()) return;
    auto call = std::make_unique<Call>();
    request.set_topic(topic);
    call->request = std::exchange(request, {});
    bytes = 0;
    Start(call.get());
    calls.push_back(std::move(call));
  }
  void WaitForOne() {
    void* tag = nullptr;
    bool ok = false;
    queue.Next(&tag, &ok);
    static_cast<Call*>(tag)->is_done = true;
  }
  /// Takes the oldest call's answer.
  Status TakeOldest() {
    for (;;) {
      Call& call = *calls.front();
      while (!call.is_done) WaitForOne();
      if (call.status.ok() ||
          !google::MayBeTriedAgain(static_cast<StatusCode>(call.status.error_code())) ||
          call.attempts == kAttempts) {
        break;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(100 << call.attempts));
      Start(&call);
    }
    const std::unique_ptr<Call> call = std::move(calls.front());
    calls.pop_front();
    for (std::string& id : *call->response.mutable_message_ids()) ids.push_back(std::move(id));
    return google::FromGrpc(call->status, "cannot publish to " + topic);
  }
};

Publisher::Publisher(std::shared_ptr<grpc::Channel> channel, std::string topic)
    : impl_(std::make_unique<Impl>()) {
  impl_->stub = api::Publisher::NewStub(channel);
  impl_->topic = std::move(topic);
}

Publisher::~Publisher() {
  for (const std::unique_ptr<Call>& call : impl_->calls) call->context->TryCancel();
  for (const std::unique_ptr<Call>& call : impl_->calls) {
    while (!call->is_done) impl_->WaitForOne();
  }
  impl_->queue.Shutdown();
}

Status Publisher::Add(const Message& message) {
  api::PubsubMessage sent;
  sent.set_data(message.data);
  sent.set_ordering_key(message.ordering_key);
  for (const auto& [name, value] : message.attributes) (*sent.mutable_attributes())[name] = value;
  const size_t size = sent.ByteSizeLong() + 8;
  if (size > kBytesOfRequest) {
    return InvalidArgument("a message of " + std::to_string(size) + " bytes is too large for " +
                           impl_->topic + ", which takes " + std::to_string(kBytesOfRequest));
  }
  if (impl_->bytes + size > kBytesOfRequest ||
      static_cast<size_t>(impl_->request.messages().size()) == kMessagesOfRequest) {
    impl_->Send();
  }
  *impl_->request.add_messages() = std::move(sent);
  impl_->bytes += size;
  if (impl_->calls.size() < kRequestsOnTheirWay) return OkStatus();
  return impl_->TakeOldest();
}

Status Publisher::Finish(const std::function<void(const std::string&)>& published) {
  impl_->Send();
  while (!impl_->calls.empty()) JOIST_RETURN_IF_ERROR(impl_->TakeOldest());
  for (const std::string& id : std::exchange(impl_->ids, {})) published(id);
  return OkStatus();
}

}  // namespace joist::pubsub
