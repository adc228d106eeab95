// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/io/pubsub/subscriber.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

#include <google/pubsub/v1/pubsub.grpc.pb.h>
#include <grpcpp/channel.h>

#include "joist/io/google/service_channel.h"
#include "joist/io/pubsub/message_time.h"

namespace joist::pubsub {
namespace {

namespace api = ::google::pubsub::v1;
using Clock = std::chrono::steady_clock;

/// Acknowledgements of a request: with ids of up to 200 bytes within Google's limit of 512 KiB.
constexpr size_t kAcksOfRequest = 2'000;
constexpr std::chrono::seconds kTimeout(10);

/// Moves the strings out of `from`.
void Append(api::StreamingPullResponse* from, const std::string& timestamp_attribute,
            Received* to) {
  for (api::ReceivedMessage& received : *from->mutable_received_messages()) {
    api::PubsubMessage& sent = *received.mutable_message();
    Message& message = to->messages.emplace_back();
    message.data = std::move(*sent.mutable_data());
    message.ordering_key = std::move(*sent.mutable_ordering_key());
    message.message_id = std::move(*sent.mutable_message_id());
    message.publish_time = Timestamp::Millis(sent.publish_time().seconds() * 1000 +
                                             sent.publish_time().nanos() / 1'000'000);
    for (auto& [name, value] : *sent.mutable_attributes()) {
      message.attributes.emplace(name, std::move(value));
    }
    to->times.push_back(TimeOf(message, timestamp_attribute));
    to->ack_ids.push_back(std::move(*received.mutable_ack_id()));
  }
}

/// Whether the same call may succeed later.
bool MayPass(grpc::StatusCode code) {
  switch (code) {
    case grpc::StatusCode::NOT_FOUND:
    case grpc::StatusCode::PERMISSION_DENIED:
    case grpc::StatusCode::UNAUTHENTICATED:
    case grpc::StatusCode::INVALID_ARGUMENT:
    case grpc::StatusCode::UNIMPLEMENTED: return false;
    default: return true;
  }
}

}  // namespace

struct Subscriber::Impl {
  /// What came in one answer, or belongs to one claim.
  struct Leased {
    std::vector<std::string> ack_ids;
    Clock::time_point renewed = Clock::now();
  };
  struct Waiting {
    Received received;
    Timestamp oldest;
    Clock::time_point renewed = Clock::now();
  };

  std::unique_ptr<api::Subscriber::Stub> stub;
  SubscriberSettings settings;

  mutable std::mutex mutex;
  std::condition_variable changed;
  std::deque<Waiting> waiting;
  std::map<int64_t, Leased> held;  ///< By claim.
  std::vector<int64_t> to_acknowledge;
  std::vector<int64_t> confirmed;
  std::vector<std::string> to_return;
  std::unique_ptr<grpc::ClientContext> streaming;  ///< The streaming pull that runs.
  bool is_connected = false;
  bool stops = false;
  Status failure;

  std::thread receiver;
  std::thread acknowledger;

  void Receive();
  void ReceiveOnce(std::chrono::milliseconds* pause);
  void Serve();
  std::vector<std::string> ToRenew();
  template <class Request, class Call>
  grpc::Status InParts(const std::vector<std::string>& ack_ids, Request request, Call call) const;
};

void Subscriber::Impl::Receive() {
  std::chrono::milliseconds pause(100);
  for (;;) {
    ReceiveOnce(&pause);
    std::unique_lock lock(mutex);
    if (changed.wait_for(lock, pause, [this] { return stops || !failure.ok(); })) return;
  }
}

void Subscriber::Impl::ReceiveOnce(std::chrono::milliseconds* pause) {
  grpc::ClientContext* context;
  {
    const std::lock_guard lock(mutex);
    if (stops) return;
    streaming = std::make_unique<grpc::ClientContext>();
    context = streaming.get();
  }
  const auto stream = stub->StreamingPull(context);
  api::StreamingPullRequest request;
  request.set_subscription(settings.subscription);
  request.set_stream_ack_deadline_seconds(static_cast<int>(settings.lease.millis / 1000));
  request.set_max_outstanding_messages(settings.most_outstanding);
  request.set_max_outstanding_bytes(settings.most_bytes);
  if (stream->Write(request)) {
    stream->WaitForInitialMetadata();
    api::StreamingPullResponse answer;
    while (stream->Read(&answer)) {
      Waiting came;
      Append(&answer, settings.timestamp_attribute, &came.received);
      const std::lock_guard lock(mutex);
      is_connected = true;
      *pause = std::chrono::milliseconds(100);
      if (came.received.messages.empty()) continue;
      came.oldest = *std::min_element(came.received.times.begin(), came.received.times.end());
      waiting.push_back(std::move(came));
    }
  }
  const grpc::Status status = stream->Finish();
  const std::lock_guard lock(mutex);
  streaming = nullptr;
  is_connected = false;
  *pause = std::min(2 * *pause, std::chrono::milliseconds(5'000));
  if (!status.ok() && !MayPass(status.error_code()) && !stops) {
    failure = google::FromGrpc(status, "cannot pull from " + settings.subscription);
    if (failure.code() == StatusCode::kNotFound) {
      failure = Status(failure.code(), failure.message() +
                                           " Make it first, with `joist subscription create` or "
                                           "`gcloud pubsub subscriptions create`");
    }
  }
}

/// The leases of which a third has passed.
std::vector<std::string> Subscriber::Impl::ToRenew() {
  const auto now = Clock::now();
  const auto before = now - std::chrono::milliseconds(settings.lease.millis / 3);
  std::vector<std::string> due;
  for (auto& [claim, leased] : held) {
    if (leased.renewed > before) continue;
    leased.renewed = now;
    due.insert(due.end(), leased.ack_ids.begin(), leased.ack_ids.end());
  }
  for (Waiting& batch : waiting) {
    if (batch.renewed > before) break;
    batch.renewed = now;
    due.insert(due.end(), batch.received.ack_ids.begin(), batch.received.ack_ids.end());
  }
  return due;
}

template <class Request, class Call>
grpc::Status Subscriber::Impl::InParts(const std::vector<std::string>& ack_ids, Request request,
                                       Call call) const {
  request.set_subscription(settings.subscription);
  for (size_t begin = 0; begin < ack_ids.size(); begin += kAcksOfRequest) {
    request.clear_ack_ids();
    const size_t end = std::min(begin + kAcksOfRequest, ack_ids.size());
    for (size_t i = begin; i < end; ++i) request.add_ack_ids(ack_ids[i]);
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + kTimeout);
    ::google::protobuf::Empty answer;
    const grpc::Status status = call(&context, request, &answer);
    if (!status.ok()) return status;
  }
  return grpc::Status::OK;
}

void Subscriber::Impl::Serve() {
  const auto set_deadline = [this](const std::vector<std::string>& ack_ids, int seconds) {
    api::ModifyAckDeadlineRequest request;
    request.set_ack_deadline_seconds(seconds);
    // What fails here is delivered once more, which the ledger is there for.
    InParts(ack_ids, std::move(request), [this](auto* context, const auto& of, auto* answer) {
      return stub->ModifyAckDeadline(context, of, answer);
    }).ok();
  };
  std::unique_lock lock(mutex);
  for (;;) {
    changed.wait_for(lock, std::chrono::milliseconds(500),
                     [this] { return stops || !to_acknowledge.empty() || !to_return.empty(); });
    std::vector<std::string> ack_ids;
    const std::vector<int64_t> claims = std::exchange(to_acknowledge, {});
    for (const int64_t claim : claims) {
      const auto found = held.find(claim);
      if (found == held.end()) continue;
      ack_ids.insert(ack_ids.end(), found->second.ack_ids.begin(), found->second.ack_ids.end());
    }
    const std::vector<std::string> returned = std::exchange(to_return, {});
    const std::vector<std::string> renewed = ToRenew();
    const bool is_last = stops;
    lock.unlock();
    const bool acknowledged = InParts(ack_ids, api::AcknowledgeRequest(),
                                      [this](auto* context, const auto& request, auto* answer) {
                                        return stub->Acknowledge(context, request, answer);
                                      })
                                  .ok();
    set_deadline(returned, 0);
    if (!is_last) set_deadline(renewed, static_cast<int>(settings.lease.millis / 1000));
    lock.lock();
    if (is_last) return;
    if (acknowledged) {
      for (const int64_t claim : claims) held.erase(claim);
      confirmed.insert(confirmed.end(), claims.begin(), claims.end());
    } else {
      to_acknowledge.insert(to_acknowledge.end(), claims.begin(), claims.end());
      changed.wait_for(lock, std::chrono::milliseconds(200), [this] { return stops; });
    }
  }
}

Subscriber::Subscriber(std::shared_ptr<grpc::Channel> channel, SubscriberSettings settings)
    : impl_(std::make_shared<Impl>()) {
  impl_->stub = api::Subscriber::NewStub(channel);
  impl_->settings = std::move(settings);
  impl_->receiver = std::thread([impl = impl_.get()] { impl->Receive(); });
  impl_->acknowledger = std::thread([impl = impl_.get()] { impl->Serve(); });
}

Subscriber::~Subscriber() {
  ReturnAll();
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->stops = true;
    if (impl_->streaming != nullptr) impl_->streaming->TryCancel();
  }
  impl_->changed.notify_all();
  impl_->receiver.join();
  impl_->acknowledger.join();
}

Received Subscriber::Take(size_t most) {
  const std::lock_guard lock(impl_->mutex);
  Received taken;
  while (!impl_->waiting.empty() && taken.messages.size() < most) {
    Received& next = impl_->waiting.front().received;
    if (taken.messages.empty()) {
      taken = std::move(next);
    } else {
      std::move(next.messages.begin(), next.messages.end(), std::back_inserter(taken.messages));
      taken.times.insert(taken.times.end(), next.times.begin(), next.times.end());
      std::move(next.ack_ids.begin(), next.ack_ids.end(), std::back_inserter(taken.ack_ids));
    }
    impl_->waiting.pop_front();
  }
  return taken;
}

void Subscriber::PutBack(Received messages) {
  if (messages.messages.empty()) return;
  const Timestamp oldest = *std::min_element(messages.times.begin(), messages.times.end());
  const std::lock_guard lock(impl_->mutex);
  impl_->waiting.push_front({std::move(messages), oldest, Clock::now()});
}

void Subscriber::Hold(int64_t claim, std::vector<std::string> ack_ids) {
  const std::lock_guard lock(impl_->mutex);
  impl_->held[claim].ack_ids = std::move(ack_ids);
}

void Subscriber::Acknowledge(int64_t claim) {
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->to_acknowledge.push_back(claim);
  }
  impl_->changed.notify_all();
}

std::vector<int64_t> Subscriber::TakeConfirmed() {
  const std::lock_guard lock(impl_->mutex);
  return std::exchange(impl_->confirmed, {});
}

void Subscriber::ReturnAll() {
  {
    const std::lock_guard lock(impl_->mutex);
    Impl& impl = *impl_;
    const auto give_back = [&](const std::vector<std::string>& ack_ids) {
      impl.to_return.insert(impl.to_return.end(), ack_ids.begin(), ack_ids.end());
    };
    std::erase_if(impl.held, [&](const auto& claim) {
      const auto& acknowledged = impl.to_acknowledge;
      if (std::find(acknowledged.begin(), acknowledged.end(), claim.first) != acknowledged.end()) {
        return false;
      }
      give_back(claim.second.ack_ids);
      return true;
    });
    for (const Impl::Waiting& batch : impl.waiting) give_back(batch.received.ack_ids);
    impl.waiting.clear();
  }
  impl_->changed.notify_all();
}

std::optional<Timestamp> Subscriber::OldestWaiting() const {
  const std::lock_guard lock(impl_->mutex);
  std::optional<Timestamp> oldest;
  for (const Impl::Waiting& batch : impl_->waiting) {
    oldest = std::min(oldest.value_or(batch.oldest), batch.oldest);
  }
  return oldest;
}

bool Subscriber::is_connected() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->is_connected;
}

Status Subscriber::status() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->failure;
}

}  // namespace joist::pubsub
