// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/serve/pubsub/streaming_pull.h"

#include <algorithm>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "joist/serve/pubsub/grpc_status.h"

namespace joist::serve {
namespace {

using store::kMicrosPerSecond;

constexpr size_t kMostMessagesOfResponse = 1000;
// Below what clients take by default, 4 MiB; a single message may be longer.
constexpr size_t kMostBytesOfResponse = 2 << 20;
constexpr int kLeastDeadline = 10;
constexpr int kMostDeadline = 600;
// Confirmations that a client does not read.
constexpr size_t kMostConfirmations = 1000;

class PullStream final
    : public grpc::ServerBidiReactor<v1::StreamingPullRequest, v1::StreamingPullResponse>,
      public std::enable_shared_from_this<PullStream> {
 public:
  explicit PullStream(PubsubCore* core) : core_(*core) {}

  void Start() {
    self_ = shared_from_this();
    waiter_ = std::make_shared<const std::function<void()>>([weak = weak_from_this()] {
      if (const auto stream = weak.lock()) stream->PostPump();
    });
    const std::lock_guard lock(mutex_);
    StartRead(&request_);
  }

  void OnReadDone(bool ok) override {
    const std::lock_guard lock(mutex_);
    if (!ok) return End(grpc::Status::OK);  // The client has closed its side.
    const Status status = is_begun_ ? Continue() : Begin();
    if (!status.ok()) return End(GrpcStatus(status));
    if (!is_ended_) StartRead(&request_);
  }

  void OnWriteDone(bool ok) override {
    const std::lock_guard lock(mutex_);
    is_writing_ = false;
    if (!ok) return End(grpc::Status::CANCELLED);
    PostPump();
  }

  void OnCancel() override {
    const std::lock_guard lock(mutex_);
    End(grpc::Status::CANCELLED);
  }

  void OnDone() override { self_.reset(); }

 private:
  void PostPump() {
    core_.tasks().Post([weak = weak_from_this()] {
      if (const auto stream = weak.lock()) stream->Pump();
    });
  }

  void End(const grpc::Status& status) {
    if (std::exchange(is_ended_, true)) return;
    waiter_.reset();
    Finish(status);
  }

  Status Begin() {
    subscription_ = request_.subscription();
    auto description = core_.log().GetSubscription(subscription_);
    if (!description.ok()) return description.status();
    const int seconds = request_.stream_ack_deadline_seconds();
    if (seconds < kLeastDeadline || seconds > kMostDeadline) {
      return InvalidArgument("stream_ack_deadline_seconds is " + std::to_string(seconds) +
                             "; it must be 10 to 600");
    }
    if (!request_.ack_ids().empty() || !request_.modify_deadline_ack_ids().empty()) {
      return InvalidArgument("the first request of a stream has no ack ids");
    }
    most_messages_ =
        request_.max_outstanding_messages() > 0 ? request_.max_outstanding_messages() : INT64_MAX;
    most_bytes_ =
        request_.max_outstanding_bytes() > 0 ? request_.max_outstanding_bytes() : INT64_MAX;
    limits_.ack_deadline_micros = seconds * kMicrosPerSecond;
    limits_.holder = std::make_shared<store::Outstanding>();
    const store::SubscriptionSettings& settings = description.value().settings;
    is_exactly_once_ = settings.is_exactly_once;
    is_ordered_ = settings.is_ordered;
    has_dead_letters_ = !settings.dead_letter_topic.empty();
    is_begun_ = true;
    PostPump();
    return OkStatus();
  }

  Status Continue() {
    if (!request_.subscription().empty() && request_.subscription() != subscription_) {
      return InvalidArgument("only the first request of a stream names its subscription");
    }
    if (const int seconds = request_.stream_ack_deadline_seconds(); seconds != 0) {
      if (seconds < kLeastDeadline || seconds > kMostDeadline) {
        return InvalidArgument("stream_ack_deadline_seconds is " + std::to_string(seconds) +
                               "; it must be 10 to 600");
      }
      limits_.ack_deadline_micros = seconds * kMicrosPerSecond;
    }
    JOIST_RETURN_IF_ERROR(ModifyDeadlines());
    return Acknowledge();
  }

  Status ModifyDeadlines() {
    if (request_.modify_deadline_ack_ids_size() != request_.modify_deadline_seconds_size()) {
      return InvalidArgument(
          "modify_deadline_ack_ids and modify_deadline_seconds differ in length");
    }
    v1::StreamingPullResponse confirmation;
    auto& confirmed = *confirmation.mutable_modify_ack_deadline_confirmation();
    // Those with the same deadline together.
    for (int begin = 0; begin < request_.modify_deadline_ack_ids_size();) {
      const int seconds = request_.modify_deadline_seconds(begin);
      if (seconds < 0 || seconds > kMostDeadline) {
        return InvalidArgument("modify_deadline_seconds has " + std::to_string(seconds) +
                               "; it must be 0 to 600");
      }
      std::vector<store::AckId> ids;
      int end = begin;
      for (; end < request_.modify_deadline_ack_ids_size() &&
             request_.modify_deadline_seconds(end) == seconds;
           ++end) {
        if (const auto id = ParseAckId(request_.modify_deadline_ack_ids(end))) {
          ids.push_back(*id);
          confirmed.add_ack_ids(request_.modify_deadline_ack_ids(end));
        } else {
          confirmed.add_invalid_ack_ids(request_.modify_deadline_ack_ids(end));
        }
      }
      JOIST_ASSIGN_OR_RETURN(
          const auto refused,
          core_.log().ModifyAckDeadline(subscription_, ids, seconds * kMicrosPerSecond));
      for (const store::AckId& id : refused) Refuse(AckIdText(id), &confirmed);
      begin = end;
    }
    if (is_exactly_once_ && request_.modify_deadline_ack_ids_size() > 0) {
      return Confirm(std::move(confirmation));
    }
    return OkStatus();
  }

  template <class Confirmed>
  static void Refuse(const std::string& id, Confirmed* confirmed) {
    auto& good = *confirmed->mutable_ack_ids();
    const auto found = std::find(good.begin(), good.end(), id);
    if (found != good.end()) good.erase(found);
    confirmed->add_invalid_ack_ids(id);
  }

  Status Acknowledge() {
    if (request_.ack_ids().empty()) return OkStatus();
    v1::AcknowledgeRequest request;
    request.set_subscription(subscription_);
    request.mutable_ack_ids()->Swap(request_.mutable_ack_ids());
    if (!is_exactly_once_) {
      Status result;
      // Answered at once, as nothing is waited for.
      core_.Acknowledge(request, [&](Status status, const auto&) { result = std::move(status); });
      return result;
    }
    core_.Acknowledge(request, [weak = weak_from_this(), ids = request.ack_ids()](
                                   const Status& status, const std::vector<std::string>& refused) {
      const auto stream = weak.lock();
      if (stream == nullptr) return;
      v1::StreamingPullResponse confirmation;
      auto& confirmed = *confirmation.mutable_acknowledge_confirmation();
      if (status.ok()) {
        *confirmed.mutable_ack_ids() = ids;
        for (const std::string& id : refused) Refuse(id, &confirmed);
      } else {
        *confirmed.mutable_temporary_failed_ack_ids() = ids;
      }
      const std::lock_guard lock(stream->mutex_);
      const Status queued = stream->Confirm(std::move(confirmation));
      if (!queued.ok()) stream->End(GrpcStatus(queued));
    });
    return OkStatus();
  }

  Status Confirm(v1::StreamingPullResponse confirmation) {
    if (confirmations_.size() >= kMostConfirmations) {
      return {StatusCode::kResourceExhausted, "the client does not read its confirmations"};
    }
    confirmations_.push_back(std::move(confirmation));
    PostPump();
    return OkStatus();
  }

  /// Sends the next response, if there is something and none is on its way.
  void Pump() {
    const std::lock_guard lock(mutex_);
    if (is_ended_ || is_writing_) return;
    response_.Clear();
    if (!confirmations_.empty()) {
      response_ = std::move(confirmations_.front());
      confirmations_.pop_front();
    } else if (!TakeMessages()) {
      return;
    }
    auto& properties = *response_.mutable_subscription_properties();
    properties.set_exactly_once_delivery_enabled(is_exactly_once_);
    properties.set_message_ordering_enabled(is_ordered_);
    is_writing_ = true;
    StartWrite(&response_);
  }

  bool TakeMessages() {
    if (!HasRoom()) {
      if (const Status status = core_.log().Wait(subscription_, waiter_); !status.ok()) {
        End(GrpcStatus(status));
        return false;
      }
      // Something may have been acknowledged before it waited.
      if (!HasRoom()) return false;
    }
    const int64_t messages = most_messages_ - limits_.holder->messages;
    const int64_t bytes = most_bytes_ - limits_.holder->bytes;
    limits_.messages = static_cast<size_t>(std::min<int64_t>(messages, kMostMessagesOfResponse));
    limits_.bytes = static_cast<size_t>(std::min<int64_t>(bytes, kMostBytesOfResponse));
    const auto pulled = core_.log().Pull(subscription_, limits_, waiter_);
    if (!pulled.ok()) {
      End(GrpcStatus(pulled.status()));
      return false;
    }
    PubsubCore::AddMessages(pulled.value(), has_dead_letters_,
                            response_.mutable_received_messages());
    return !pulled.value().messages.empty();
  }

  bool HasRoom() const {
    return limits_.holder->messages < most_messages_ && limits_.holder->bytes < most_bytes_;
  }

  PubsubCore& core_;
  std::shared_ptr<PullStream> self_;  // Until OnDone.
  // Recursive, since gRPC may call back out of StartRead, StartWrite and Finish.
  std::recursive_mutex mutex_;
  v1::StreamingPullRequest request_;
  v1::StreamingPullResponse response_;
  std::deque<v1::StreamingPullResponse> confirmations_;
  store::Waiter waiter_;
  std::string subscription_;
  store::PullLimits limits_;
  int64_t most_messages_ = 0;
  int64_t most_bytes_ = 0;
  bool is_begun_ = false;
  bool is_writing_ = false;
  bool is_ended_ = false;
  bool is_exactly_once_ = false;
  bool is_ordered_ = false;
  bool has_dead_letters_ = false;
};

}  // namespace

grpc::ServerBidiReactor<v1::StreamingPullRequest, v1::StreamingPullResponse>* StartStreamingPull(
    PubsubCore* core) {
  const auto stream = std::make_shared<PullStream>(core);
  stream->Start();
  return stream.get();
}

}  // namespace joist::serve
