// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/portability/running_bundle.h"

#include <utility>

#include "joist/portability/quoted.h"

namespace joist::portability {
namespace {

/// How often a worker that is waited for is asked how far it is, for how long it may answer nothing
/// at all, and how long what it has output may take to come when it has said that it is done.
constexpr std::chrono::seconds kBetweenLooks{5};
constexpr std::chrono::seconds kLongestSilence{60};
constexpr std::chrono::seconds kLongestRest{20};

// What makes a message worth sending.
constexpr size_t kMessageBytes = 1 << 20;
// More than this is not on its way to the worker for one bundle, but for one message.
constexpr size_t kMostUnsentBytes = 4 << 20;
// A message must stay below protobuf's 2 GiB.
constexpr size_t kMostMessageBytes = (size_t{2} << 30) - (1 << 20);

}  // namespace

RunningBundle::RunningBundle(std::shared_ptr<ServedWorker> worker, size_t stream,
                             std::shared_ptr<BundleInbox> inbox, fn::InstructionRequest request,
                             bool embeds_elements)
    : worker_(std::move(worker)),
      stream_(stream),
      inbox_(std::move(inbox)),
      request_(std::move(request)),
      gathered_(inbox_->ports().inputs.size()) {
  if (!embeds_elements && inbox_->status().ok()) SendRequest();
}

RunningBundle::~RunningBundle() {
  worker_->Forget(instruction_id());
  inbox_->Abandon();
  // There is no way to call a bundle off: it is let come to its end.
  if (!is_requested_ || has_sent_ends_ || inbox_->is_answered()) return;
  fn::Elements ends;
  AddEnds(&ends);
  worker_->SendElements(stream_, std::move(ends), inbox_, 0);
}

void RunningBundle::SendRequest() {
  is_requested_ = true;
  worker_->SendInstruction(std::move(request_));
}

Status RunningBundle::Gather(std::string_view transform_id, std::string_view timer_family_id,
                             std::string_view bytes) {
  JOIST_RETURN_IF_ERROR(inbox_->status());
  const size_t port = FindPort(inbox_->ports().inputs, transform_id, timer_family_id);
  if (port == gathered_.size() || has_ended_input_) {
    return InvalidArgument("instruction " + instruction_id() + " takes no input for transform " +
                           Quoted(transform_id) + ", timer family " + Quoted(timer_family_id) +
                           (has_ended_input_ ? ": its input has ended" : ""));
  }
  if (bytes.size() > kMostMessageBytes) {
    return {StatusCode::kResourceExhausted, "an element for transform " + Quoted(transform_id) +
                                                " has " + std::to_string(bytes.size()) +
                                                " bytes; a message to an SDK worker holds " +
                                                std::to_string(kMostMessageBytes)};
  }
  if (gathered_bytes_ + bytes.size() > kMostMessageBytes) JOIST_RETURN_IF_ERROR(Flush());
  gathered_[port].append(bytes);
  gathered_bytes_ += bytes.size();
  return gathered_bytes_ >= kMessageBytes ? Flush() : OkStatus();
}

Status RunningBundle::Send(std::string_view transform_id, std::string_view bytes) {
  return Gather(transform_id, "", bytes);
}

Status RunningBundle::SendTimers(std::string_view transform_id, std::string_view timer_family_id,
                                 std::string_view bytes) {
  return Gather(transform_id, timer_family_id, bytes);
}

fn::Elements RunningBundle::TakeGathered() {
  fn::Elements elements;
  for (size_t i = 0; i < gathered_.size(); ++i) {
    if (gathered_[i].empty()) continue;
    const BundlePort& port = inbox_->ports().inputs[i];
    if (port.timer_family_id.empty()) {
      fn::Elements_Data& data = *elements.add_data();
      data.set_instruction_id(instruction_id());
      data.set_transform_id(port.transform_id);
      data.set_data(std::exchange(gathered_[i], {}));
    } else {
      fn::Elements_Timers& timers = *elements.add_timers();
      timers.set_instruction_id(instruction_id());
      timers.set_transform_id(port.transform_id);
      timers.set_timer_family_id(port.timer_family_id);
      timers.set_timers(std::exchange(gathered_[i], {}));
    }
  }
  gathered_bytes_ = 0;
  return elements;
}

// Each end is a part of its own: some SDKs look at no bytes that come with one. All are in the last
// message: others count them, and stop listening at a number that is not always right.
void RunningBundle::AddEnds(fn::Elements* elements) const {
  for (const BundlePort& port : inbox_->ports().inputs) {
    if (port.timer_family_id.empty()) {
      fn::Elements_Data& data = *elements->add_data();
      data.set_instruction_id(instruction_id());
      data.set_transform_id(port.transform_id);
      data.set_is_last(true);
    } else {
      fn::Elements_Timers& timers = *elements->add_timers();
      timers.set_instruction_id(instruction_id());
      timers.set_transform_id(port.transform_id);
      timers.set_timer_family_id(port.timer_family_id);
      timers.set_is_last(true);
    }
  }
}

Status RunningBundle::WaitForRoom(size_t bytes) {
  while (true) {
    Status status = inbox_->WaitForRoom(bytes, kMostUnsentBytes, kBetweenLooks);
    if (status.code() != StatusCode::kDeadlineExceeded) return status;
    LookAfterWorker();
  }
}

void RunningBundle::Wait(std::chrono::milliseconds timeout) {
  inbox_->Wait(timeout);
  LookAfterWorker();
}

void RunningBundle::LookAfterWorker() {
  const auto now = std::chrono::steady_clock::now();
  if (now - last_look_ < kBetweenLooks) return;
  last_look_ = now;
  if (inbox_->silence() > kLongestSilence) {
    worker_->Stop("it has not even said how far it is for " +
                  std::to_string(kLongestSilence.count()) + " s");
  } else if (inbox_->unended() > kLongestRest) {
    inbox_->Fail(Internal("the SDK worker has answered the bundle and, " +
                          std::to_string(kLongestRest.count()) +
                          " s later, not ended its output (instruction " + instruction_id() + ")"));
  } else if (is_requested_) {
    AskForProgress();
  }
}

Status RunningBundle::Flush() {
  JOIST_RETURN_IF_ERROR(inbox_->status());
  if (!is_requested_) SendRequest();
  const size_t bytes = gathered_bytes_;
  if (bytes == 0) return OkStatus();
  JOIST_RETURN_IF_ERROR(WaitForRoom(bytes));
  worker_->SendElements(stream_, TakeGathered(), inbox_, bytes);
  return OkStatus();
}

Status RunningBundle::EndInput() {
  JOIST_RETURN_IF_ERROR(inbox_->status());
  if (std::exchange(has_ended_input_, true)) return OkStatus();
  const size_t bytes = gathered_bytes_;
  fn::Elements elements;
  if (!is_requested_) {
    elements = TakeGathered();
    AddEnds(&elements);
    *request_.mutable_process_bundle()->mutable_elements() = std::move(elements);
    has_sent_ends_ = true;
    SendRequest();
    return OkStatus();
  }
  JOIST_RETURN_IF_ERROR(WaitForRoom(bytes));
  elements = TakeGathered();
  AddEnds(&elements);
  has_sent_ends_ = true;
  worker_->SendElements(stream_, std::move(elements), inbox_, bytes);
  return OkStatus();
}

std::string RunningBundle::NextId() { return instruction_id() + "-" + std::to_string(++next_id_); }

Status RunningBundle::Split(const fn::ProcessBundleSplitRequest& request,
                            fn::ProcessBundleSplitResponse* response,
                            std::chrono::milliseconds timeout) {
  response->Clear();
  if (!is_requested_) return OkStatus();
  fn::InstructionRequest instruction;
  instruction.set_instruction_id(NextId());
  *instruction.mutable_process_bundle_split() = request;
  instruction.mutable_process_bundle_split()->set_instruction_id(instruction_id());
  inbox_->OpenSplit(instruction.instruction_id());
  worker_->SendInstruction(std::move(instruction));
  return inbox_->WaitForSplit(response, timeout);
}

void RunningBundle::AskForProgress() {
  if (!is_requested_) return;
  fn::InstructionRequest instruction;
  instruction.set_instruction_id(NextId());
  instruction.mutable_process_bundle_progress()->set_instruction_id(instruction_id());
  if (!inbox_->OpenProgress(instruction.instruction_id())) return;
  worker_->SendInstruction(std::move(instruction));
}

}  // namespace joist::portability
