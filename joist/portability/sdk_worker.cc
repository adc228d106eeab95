// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/portability/sdk_worker.h"

#include <org/apache/beam/model/fn_execution/v1/beam_provision_api.pb.h>

#include <algorithm>
#include <atomic>
#include <utility>

#include "joist/portability/deterministic_bytes.h"
#include "joist/portability/quoted.h"
#include "joist/portability/running_bundle.h"

namespace joist::portability {
namespace {

constexpr std::chrono::seconds kInfoTimeout{30};
constexpr size_t kMostMonitoringInfos = 100'000;
// Of a logged message, and of its trace.
constexpr size_t kMostLogBytes = 64 << 10;

// Of all workers: whatever is kept by instruction never meets another's.
std::string NextInstructionId() {
  static std::atomic<int64_t> last = 0;
  return "joist-" + std::to_string(++last);
}

std::string WithEndpoints(const std::string& provision_info, const std::string& endpoint) {
  fn::ProvisionInfo info;
  if (!info.ParseFromString(provision_info)) return provision_info;
  info.mutable_control_endpoint()->set_url(endpoint);
  info.mutable_logging_endpoint()->set_url(endpoint);
  info.mutable_status_endpoint()->set_url(endpoint);
  return info.SerializeAsString();
}

WorkerSetup WithEndpoints(WorkerSetup setup, const std::string& endpoint) {
  setup.provision_info = WithEndpoints(setup.provision_info, endpoint);
  return setup;
}

void Truncate(std::string* text) {
  if (text->size() <= kMostLogBytes) return;
  text->resize(kMostLogBytes);
  // Not in the middle of a character.
  while (!text->empty() && (text->back() & 0xC0) == 0x80) text->pop_back();
  if (!text->empty() && (text->back() & 0x80) != 0) text->pop_back();
  text->append("…");
}

}  // namespace

ServedWorker::ServedWorker(WorkerSetup setup, std::string endpoint, int most_message_bytes)
    : setup_(WithEndpoints(std::move(setup), endpoint)),
      endpoint_(std::move(endpoint)),
      most_message_bytes_(most_message_bytes),
      control_(std::make_shared<ControlStream>()),
      status_(std::make_shared<StatusStream>()) {
  // SDKs open the one without a name also where they use none but others.
  data_.push_back({.id = "", .stream = std::make_shared<DataStream>()});
  const int names = std::clamp(setup_.named_data_streams, 0, WorkerSetup::kMostDataStreams);
  for (int i = 0; i < names; ++i) {
    data_.push_back({.id = "data" + std::to_string(i), .stream = std::make_shared<DataStream>()});
  }
}

Status ServedWorker::WaitUntilConnected(std::chrono::milliseconds timeout) {
  std::unique_lock lock(mutex_);
  if (!changed_.wait_for(lock, timeout, [&] { return life_ != Life::kExpected; })) {
    return {StatusCode::kDeadlineExceeded, "SDK worker " + id() + " has not called within " +
                                               std::to_string(timeout.count()) +
                                               " ms; its own log may tell why"};
  }
  return end_;
}

bool ServedWorker::is_alive() const {
  const std::lock_guard lock(mutex_);
  return life_ == Life::kConnected && !HasLostData();
}

bool ServedWorker::HasLostData() const {
  return std::any_of(data_.begin(), data_.end(), [](const NamedStream& data) {
    return data.has_come && !data.stream->is_open();
  });
}

Status ServedWorker::DataEnded() const {
  return {StatusCode::kUnavailable,
          "SDK worker " + id() + " has ended its data stream, or sent more than " +
              std::to_string(most_message_bytes_) + " bytes in one message"};
}

void ServedWorker::AddDescriptor(const fn::ProcessBundleDescriptor& descriptor) {
  KnownDescriptor known{.message = descriptor, .ports = {}, .status = {}};
  BundlePorts::FillEndpoints(endpoint_, &known.message);
  auto ports = BundlePorts::Of(descriptor);
  known.status = ports.status();
  known.ports = std::make_shared<const BundlePorts>(ports.ok() ? *std::move(ports) : BundlePorts{});
  const std::lock_guard lock(mutex_);
  descriptors_.insert_or_assign(descriptor.id(), std::move(known));
}

Result<fn::ProcessBundleDescriptor> ServedWorker::Descriptor(const std::string& id) const {
  const std::lock_guard lock(mutex_);
  const auto known = descriptors_.find(id);
  if (known == descriptors_.end()) return NotFound("there is no bundle descriptor " + Quoted(id));
  return known->second.message;
}

std::unique_ptr<WorkerBundle> ServedWorker::MakeBundle(const std::string& descriptor_id,
                                                       StateHandler* state,
                                                       std::vector<std::string> cache_tokens) {
  const std::string id = NextInstructionId();
  fn::InstructionRequest request;
  request.set_instruction_id(id);
  fn::ProcessBundleRequest& bundle = *request.mutable_process_bundle();
  bundle.set_process_bundle_descriptor_id(descriptor_id);
  Status status;
  for (const std::string& token : cache_tokens) {
    if (!bundle.add_cache_tokens()->ParseFromString(token)) {
      status = InvalidArgument("a cache token of instruction " + id + " cannot be read");
    }
  }
  std::shared_ptr<BundleInbox> inbox;
  size_t stream = data_.size() == 1 ? 0 : 1;
  {
    const std::lock_guard lock(mutex_);
    for (size_t i = stream + 1; i < data_.size(); ++i) {
      if (data_[i].bundles < data_[stream].bundles) stream = i;
    }
    const auto known = descriptors_.find(descriptor_id);
    if (known == descriptors_.end()) {
      status = NotFound("there is no bundle descriptor " + descriptor_id);
    } else if (status.ok()) {
      status = known->second.status;
    }
    if (status.ok() && life_ == Life::kOver) status = end_;
    if (status.ok() && HasLostData()) status = DataEnded();
    inbox = std::make_shared<BundleInbox>(
        id,
        known == descriptors_.end() ? std::make_shared<const BundlePorts>() : known->second.ports,
        state, setup_.output_memory);
    if (status.ok()) {
      bundles_.emplace(id, KnownBundle{inbox, stream});
      ++data_[stream].bundles;
    }
  }
  bundle.set_data_stream_id(data_[stream].id);
  if (!status.ok()) inbox->Fail(std::move(status));
  return std::make_unique<RunningBundle>(shared_from_this(), stream, std::move(inbox),
                                         std::move(request), setup_.embeds_elements);
}

void ServedWorker::Finalize(const std::string& instruction_id) {
  fn::InstructionRequest request;
  request.set_instruction_id(NextInstructionId());
  request.mutable_finalize_bundle()->set_instruction_id(instruction_id);
  SendInstruction(std::move(request));
}

Result<std::string> ServedWorker::MonitoringInfo(const std::string& short_id) {
  fn::InstructionRequest request;
  request.set_instruction_id(NextInstructionId());
  request.mutable_monitoring_infos()->add_monitoring_info_id(short_id);
  std::unique_lock lock(mutex_);
  auto info = monitoring_infos_.find(short_id);
  if (info != monitoring_infos_.end()) return info->second;
  lock.unlock();
  SendInstruction(std::move(request));
  lock.lock();
  changed_.wait_for(lock, kInfoTimeout, [&] {
    info = monitoring_infos_.find(short_id);
    return info != monitoring_infos_.end() || life_ == Life::kOver;
  });
  if (info != monitoring_infos_.end()) return info->second;
  JOIST_RETURN_IF_ERROR(end_);
  return Status{StatusCode::kDeadlineExceeded,
                "SDK worker " + id() + " does not say what the metric " + Quoted(short_id) + " is"};
}

void ServedWorker::KeepMonitoringInfos(const fn::InstructionResponse& response) {
  const std::lock_guard lock(mutex_);
  for (const auto& [short_id, info] : response.monitoring_infos().monitoring_info()) {
    if (monitoring_infos_.size() == kMostMonitoringInfos) monitoring_infos_.clear();
    monitoring_infos_.insert_or_assign(short_id, DeterministicBytes(info));
  }
  changed_.notify_all();
}

void ServedWorker::Stop(const std::string& why) {
  End({StatusCode::kUnavailable, "SDK worker " + id() + " was stopped: " + why});
}

void ServedWorker::StopLogging() {
  const std::lock_guard lock(log_mutex_);
  is_logging_ = false;
}

void ServedWorker::End(Status status) {
  {
    const std::lock_guard lock(mutex_);
    if (life_ == Life::kOver) return;
    life_ = Life::kOver;
    end_ = status;
    changed_.notify_all();
  }
  FailBundles(status);
  // The end of its input ends what the worker still has in hand; what it was told before, to
  // finalize bundles for instance, it is told. The status stream is not ended: some SDKs open the
  // next one at once, for ever.
  for (const NamedStream& data : data_) data.stream->Abort();
  control_->Close();
}

void ServedWorker::FailBundles(const Status& status) {
  for (size_t i = 0; i < data_.size(); ++i) FailBundlesOf(i, status);
}

void ServedWorker::FailBundlesOf(size_t stream, const Status& status) {
  std::vector<std::shared_ptr<BundleInbox>> inboxes;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [id, bundle] : bundles_) {
      if (bundle.stream == stream) inboxes.push_back(bundle.inbox);
    }
  }
  for (const auto& inbox : inboxes) inbox->Fail(status);
}

ServedWorker::ControlStream::Reactor* ServedWorker::OpenControl() {
  {
    const std::lock_guard lock(mutex_);
    if (life_ != Life::kExpected) return nullptr;
    life_ = Life::kConnected;
    changed_.notify_all();
  }
  return control_->Open(
      [self = shared_from_this()](fn::InstructionResponse* response) {
        self->ReceiveAnswer(response);
      },
      [self = shared_from_this()] {
        self->End({StatusCode::kUnavailable, "SDK worker " + self->id() + " has gone away"});
      });
}

ServedWorker::DataStream::Reactor* ServedWorker::OpenData(const std::string& stream_id) {
  size_t i = 0;
  while (i < data_.size() && data_[i].id != stream_id) ++i;
  if (i == data_.size()) return nullptr;
  DataStream::Reactor* const stream = data_[i].stream->Open(
      [self = shared_from_this()](fn::Elements* elements) { self->ReceiveElements(elements); },
      [self = shared_from_this(), i] { self->FailBundlesOf(i, self->DataEnded()); });
  const std::lock_guard lock(mutex_);
  data_[i].has_come = data_[i].has_come || stream != nullptr;
  return stream;
}

ServedWorker::StatusStream::Reactor* ServedWorker::OpenStatus() {
  return status_->Open([self = shared_from_this()](
                           fn::WorkerStatusResponse* response) { self->ReceiveStatus(response); },
                       [] {});
}

void ServedWorker::ReceiveStatus(fn::WorkerStatusResponse* response) {
  const std::lock_guard lock(mutex_);
  if (response->id() != status_id_ || status_answer_) return;
  status_answer_ = std::move(
      *(response->error().empty() ? response->mutable_status_info() : response->mutable_error()));
  changed_.notify_all();
}

Result<std::string> ServedWorker::WorkerStatus(std::chrono::milliseconds timeout) {
  const std::lock_guard one_at_a_time(status_mutex_);
  if (!status_->is_open()) {
    return Status{StatusCode::kUnavailable, "SDK worker " + id() + " does not report its status"};
  }
  fn::WorkerStatusRequest request;
  request.set_id(NextInstructionId());
  std::unique_lock lock(mutex_);
  status_id_ = request.id();
  status_answer_.reset();
  lock.unlock();
  status_->Send(std::move(request));
  lock.lock();
  const bool has_come = changed_.wait_for(
      lock, timeout, [&] { return status_answer_.has_value() || life_ == Life::kOver; });
  status_id_.clear();
  if (status_answer_) return *std::exchange(status_answer_, std::nullopt);
  if (has_come) return end_;
  return Status{StatusCode::kDeadlineExceeded, "SDK worker " + id() +
                                                   " has not told its status within " +
                                                   std::to_string(timeout.count()) + " ms"};
}

std::shared_ptr<BundleInbox> ServedWorker::FindBundle(const std::string& instruction_id) const {
  const std::lock_guard lock(mutex_);
  const auto found = bundles_.find(instruction_id);
  return found == bundles_.end() ? nullptr : found->second.inbox;
}

// Ids are "joist-7", or "joist-7-2" of what belongs to "joist-7".
void ServedWorker::ReceiveAnswer(fn::InstructionResponse* response) {
  if (response->has_monitoring_infos()) return KeepMonitoringInfos(*response);
  const std::string& id = response->instruction_id();
  std::shared_ptr<BundleInbox> inbox = FindBundle(id);
  if (inbox == nullptr) inbox = FindBundle(id.substr(0, id.rfind('-')));
  if (inbox != nullptr) inbox->Answer(response);
}

void ServedWorker::ReceiveElements(fn::Elements* elements) {
  for (fn::Elements_Timers& timers : *elements->mutable_timers()) {
    if (const auto inbox = FindBundle(timers.instruction_id())) {
      inbox->Put(timers.transform_id(), timers.timer_family_id(), timers.mutable_timers(),
                 timers.is_last());
    }
  }
  for (fn::Elements_Data& data : *elements->mutable_data()) {
    if (const auto inbox = FindBundle(data.instruction_id())) {
      inbox->Put(data.transform_id(), "", data.mutable_data(), data.is_last());
    }
  }
}

void ServedWorker::HandleState(const fn::StateRequest& request, fn::StateResponse* response) {
  if (const auto inbox = FindBundle(request.instruction_id())) {
    inbox->HandleState(request, response);
  } else {
    response->set_error("there is no instruction " + Quoted(request.instruction_id()));
  }
  response->set_id(request.id());
}

void ServedWorker::Log(fn::LogEntry* entry) {
  Truncate(entry->mutable_message());
  Truncate(entry->mutable_trace());
  const std::lock_guard lock(log_mutex_);
  if (is_logging_ && setup_.log) setup_.log(*entry);
}

void ServedWorker::SendInstruction(fn::InstructionRequest request) {
  control_->Send(std::move(request));
}

void ServedWorker::SendElements(size_t stream, fn::Elements elements,
                                std::shared_ptr<BundleInbox> inbox, size_t bytes) {
  data_[stream].stream->Send(std::move(elements),
                             [inbox = std::move(inbox), bytes] { inbox->Sent(bytes); });
}

void ServedWorker::Forget(const std::string& instruction_id) {
  const std::lock_guard lock(mutex_);
  const auto found = bundles_.find(instruction_id);
  if (found == bundles_.end()) return;
  --data_[found->second.stream].bundles;
  bundles_.erase(found);
}

}  // namespace joist::portability
