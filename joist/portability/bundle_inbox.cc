// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/portability/bundle_inbox.h"

#include <org/apache/beam/model/fn_execution/v1/beam_fn_api.pb.h>

#include <utility>

#include "joist/portability/quoted.h"

namespace joist::portability {
namespace {

// Of an SDK's error text: a traceback's beginning, and its end, where the cause is.
constexpr size_t kMostErrorBytes = 64 << 10;

std::string Bounded(const std::string& text) {
  if (text.size() <= kMostErrorBytes) return text;
  return text.substr(0, kMostErrorBytes / 2) + "\n…\n" +
         text.substr(text.size() - kMostErrorBytes / 2);
}

}  // namespace

BundleInbox::BundleInbox(std::string instruction_id, std::shared_ptr<const BundlePorts> ports,
                         StateHandler* state, std::shared_ptr<OutputMemory> output_memory)
    : instruction_id_(std::move(instruction_id)),
      ports_(std::move(ports)),
      state_(state),
      outputs_(std::move(output_memory)),
      is_port_ended_(ports_->outputs.size()),
      open_ports_(ports_->outputs.size()) {}

BundleInbox::~BundleInbox() = default;

bool BundleInbox::IsEnded() const {
  return !failure_.ok() || (response_ != nullptr && open_ports_ == 0);
}

void BundleInbox::FailLocked(Status status) {
  if (IsEnded()) return;
  failure_ = std::move(status);
  changed_.notify_all();
}

void BundleInbox::Fail(Status status) {
  const std::lock_guard lock(mutex_);
  FailLocked(std::move(status));
}

void BundleInbox::PutLocked(const std::string& transform_id, const std::string& timer_family_id,
                            std::string* bytes, bool is_last) {
  if (IsEnded()) return;
  const size_t port = FindPort(ports_->outputs, transform_id, timer_family_id);
  const bool is_known = port < is_port_ended_.size();
  if (!bytes->empty()) {
    if (!is_known || is_port_ended_[port]) {
      return FailLocked(
          Internal("the SDK worker has output " + std::to_string(bytes->size()) + " bytes " +
                   (is_known ? "after the end of" : "for") + " transform " + Quoted(transform_id) +
                   (timer_family_id.empty() ? "" : ", timer family " + Quoted(timer_family_id)) +
                   (is_known ? "" : ", which the bundle does not have") + " (instruction " +
                   instruction_id_ + ")"));
    }
    if (!is_abandoned_) {
      Status put = outputs_.Put({transform_id, timer_family_id, std::move(*bytes)});
      if (!put.ok()) return FailLocked(std::move(put));
    }
  }
  if (is_last && is_known && !is_port_ended_[port]) {
    is_port_ended_[port] = true;
    --open_ports_;
  }
  changed_.notify_all();
}

void BundleInbox::Put(const std::string& transform_id, const std::string& timer_family_id,
                      std::string* bytes, bool is_last) {
  const std::lock_guard lock(mutex_);
  last_sign_ = std::chrono::steady_clock::now();
  PutLocked(transform_id, timer_family_id, bytes, is_last);
}

void BundleInbox::AnswerBundle(fn::InstructionResponse* response) {
  is_answered_ = true;
  answered_at_ = last_sign_;
  if (!response->error().empty()) return FailLocked(Internal(Bounded(response->error())));
  if (response_ != nullptr || IsEnded()) return;  // A second answer says nothing.
  if (!response->has_process_bundle()) {
    return FailLocked(Internal("the SDK worker has answered the bundle with something else: " +
                               std::to_string(static_cast<int>(response->response_case())) +
                               " (instruction " + instruction_id_ + ")"));
  }
  fn::ProcessBundleResponse& answer = *response->mutable_process_bundle();
  if (answer.has_elements()) {
    // Then they are whole.
    for (fn::Elements_Timers& timers : *answer.mutable_elements()->mutable_timers()) {
      PutLocked(timers.transform_id(), timers.timer_family_id(), timers.mutable_timers(), false);
    }
    for (fn::Elements_Data& data : *answer.mutable_elements()->mutable_data()) {
      PutLocked(data.transform_id(), "", data.mutable_data(), false);
    }
    if (IsEnded()) return;
    open_ports_ = 0;
    answer.clear_elements();
  }
  response_.reset(response->release_process_bundle());
  changed_.notify_all();
}

void BundleInbox::Answer(fn::InstructionResponse* response) {
  const std::lock_guard lock(mutex_);
  last_sign_ = std::chrono::steady_clock::now();
  const std::string& id = response->instruction_id();
  if (id == instruction_id_) return AnswerBundle(response);
  if (id == progress_id_) {
    progress_id_.clear();
    if (response->has_process_bundle_progress()) {
      progress_.reset(response->release_process_bundle_progress());
    }
  } else if (id == split_.id && !split_.has_come) {
    split_.has_come = true;
    if (!response->error().empty()) {
      split_.status = Internal(Bounded(response->error()));
    } else if (response->has_process_bundle_split()) {
      split_.response.reset(response->release_process_bundle_split());
    }
    changed_.notify_all();
  }
}

void BundleInbox::HandleState(const fn::StateRequest& request, fn::StateResponse* response) {
  StateHandler* state;
  {
    const std::lock_guard lock(mutex_);
    if (state_ == nullptr || IsEnded()) {
      response->set_error("instruction " + instruction_id_ +
                          (IsEnded() ? " is over" : " has no state"));
      return;
    }
    state = state_;
    is_in_state_ = true;
  }
  if (const Status status = state->Handle(request, response); !status.ok()) {
    response->Clear();
    response->set_error(status.message());
  }
  const std::lock_guard lock(mutex_);
  is_in_state_ = false;
  last_sign_ = std::chrono::steady_clock::now();
  changed_.notify_all();
}

void BundleInbox::Sent(size_t bytes) {
  const std::lock_guard lock(mutex_);
  unsent_bytes_ -= bytes;
  last_sign_ = std::chrono::steady_clock::now();
  changed_.notify_all();
}

bool BundleInbox::Take(BundleOutput* output) {
  const std::lock_guard lock(mutex_);
  if (outputs_.empty()) return false;
  Result<BundleOutput> first = outputs_.Take();
  if (first.ok()) {
    *output = *std::move(first);
    return true;
  }
  // Also where all had come: it is not all there any more.
  outputs_.Clear();
  failure_ = first.status();
  changed_.notify_all();
  return false;
}

void BundleInbox::Wait(std::chrono::milliseconds timeout) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, timeout, [&] { return !outputs_.empty() || IsOver(); });
}

bool BundleInbox::is_over() const {
  const std::lock_guard lock(mutex_);
  return IsOver();
}

Result<const fn::ProcessBundleResponse*> BundleInbox::response() const {
  const std::lock_guard lock(mutex_);
  if (!failure_.ok()) return failure_;
  JOIST_CHECK(IsEnded());
  return response_.get();
}

Status BundleInbox::status() const {
  const std::lock_guard lock(mutex_);
  return failure_;
}

bool BundleInbox::is_answered() const {
  const std::lock_guard lock(mutex_);
  return is_answered_;
}

std::chrono::steady_clock::duration BundleInbox::silence() const {
  const std::lock_guard lock(mutex_);
  return std::chrono::steady_clock::now() - last_sign_;
}

std::chrono::steady_clock::duration BundleInbox::unended() const {
  const std::lock_guard lock(mutex_);
  if (!is_answered_ || IsEnded()) return {};
  return std::chrono::steady_clock::now() - answered_at_;
}

Status BundleInbox::WaitForRoom(size_t bytes, size_t limit, std::chrono::milliseconds timeout) {
  std::unique_lock lock(mutex_);
  const bool has_room =
      changed_.wait_for(lock, timeout, [&] { return unsent_bytes_ < limit || IsEnded(); });
  if (!has_room) return {StatusCode::kDeadlineExceeded, "the SDK worker takes no input"};
  JOIST_RETURN_IF_ERROR(failure_);
  unsent_bytes_ += bytes;
  return OkStatus();
}

void BundleInbox::OpenSplit(const std::string& split_id) {
  const std::lock_guard lock(mutex_);
  split_.id = split_id;
}

Status BundleInbox::WaitForSplit(fn::ProcessBundleSplitResponse* response,
                                 std::chrono::milliseconds timeout) {
  std::unique_lock lock(mutex_);
  // The answer may come after that of the bundle, which was split all the same.
  const bool has_come =
      changed_.wait_for(lock, timeout, [&] { return split_.has_come || !failure_.ok(); });
  const Split split = std::exchange(split_, {});
  response->Clear();
  if (!has_come) {
    return {StatusCode::kDeadlineExceeded,
            "the SDK worker has not answered a split of instruction " + instruction_id_};
  }
  if (split.response != nullptr) *response = std::move(*split.response);
  return split.status;
}

bool BundleInbox::OpenProgress(const std::string& progress_id) {
  const std::lock_guard lock(mutex_);
  if (!progress_id_.empty() || IsEnded()) return false;
  progress_id_ = progress_id;
  return true;
}

std::shared_ptr<const fn::ProcessBundleProgressResponse> BundleInbox::progress() const {
  const std::lock_guard lock(mutex_);
  return progress_;
}

void BundleInbox::Abandon() {
  std::unique_lock lock(mutex_);
  is_abandoned_ = true;
  state_ = nullptr;
  outputs_.Clear();
  changed_.wait(lock, [&] { return !is_in_state_; });
}

}  // namespace joist::portability
