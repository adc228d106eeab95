// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// FakeSdk: the streams of an SDK worker, and nothing behind them: tests say what it answers.

#ifndef JOIST_PORTABILITY_TESTING_FAKE_SDK_H_
#define JOIST_PORTABILITY_TESTING_FAKE_SDK_H_

#include <grpcpp/grpcpp.h>
#include <org/apache/beam/model/fn_execution/v1/beam_fn_api.grpc.pb.h>

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "joist/portability/beam_names.h"

namespace joist::portability {

// The SDK's side: what the streams bring is given to on_request and on_elements, by a thread each.
class FakeSdk {
 public:
  FakeSdk(const std::string& endpoint, std::string id, std::string data_stream_id = "")
      : id_(std::move(id)), data_stream_id_(std::move(data_stream_id)) {
    ::grpc::ChannelArguments arguments;
    arguments.SetMaxReceiveMessageSize(-1);
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    channel_ =
        ::grpc::CreateCustomChannel(endpoint, ::grpc::InsecureChannelCredentials(), arguments);
    control_stub_ = fn::BeamFnControl::NewStub(channel_);
    data_stub_ = fn::BeamFnData::NewStub(channel_);
  }
  ~FakeSdk() { Stop(); }

  void Stop() {
    Kill();
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }

  // Echoes elements and timers of every bundle, ends all that was ended, and answers.
  void Echo() {
    on_request = [this](const fn::InstructionRequest& request) {
      if (!request.has_process_bundle()) return;
      if (!request.process_bundle().has_elements()) return;
      fn::InstructionResponse response = AnswerTo(request.instruction_id());
      *response.mutable_process_bundle()->mutable_elements() =
          Echoed(request.process_bundle().elements());
      Answer(response);
    };
    on_elements = [this](const fn::Elements& elements) {
      std::map<std::string, bool> ended;
      for (const auto& data : elements.data()) ended[data.instruction_id()] |= data.is_last();
      Output(Echoed(elements));
      for (const auto& [id, is_last] : ended) {
        if (is_last) Answer(AnswerTo(id));
      }
    };
  }

  static fn::InstructionResponse AnswerTo(const std::string& instruction_id) {
    fn::InstructionResponse response;
    response.set_instruction_id(instruction_id);
    response.mutable_process_bundle();
    return response;
  }
  static fn::Elements Echoed(const fn::Elements& elements) {
    fn::Elements echoed = elements;
    for (auto& data : *echoed.mutable_data()) data.set_transform_id("sink");
    return echoed;
  }

  void Connect() {
    AddId(&control_context_);
    control_ = control_stub_->Control(&control_context_);
    threads_.emplace_back([this] {
      fn::InstructionRequest request;
      while (control_->Read(&request)) on_request(request);
      control_status = control_->Finish();
      has_ended = true;
    });
  }
  void ConnectData() {
    AddId(&data_context_);
    if (!data_stream_id_.empty()) data_context_.AddMetadata("data_stream_id", data_stream_id_);
    data_ = data_stub_->Data(&data_context_);
    threads_.emplace_back([this] {
      fn::Elements elements;
      while (data_->Read(&elements)) on_elements(elements);
      on_data_end();
    });
  }
  void Answer(const fn::InstructionResponse& response) {
    const std::lock_guard lock(control_mutex_);
    control_->Write(response);
  }
  void Output(const fn::Elements& elements) {
    const std::lock_guard lock(data_mutex_);
    data_->Write(elements);
  }
  void Output(const std::string& instruction_id, const std::string& transform_id,
              const std::string& bytes, bool is_last) {
    fn::Elements elements;
    fn::Elements_Data& data = *elements.add_data();
    data.set_instruction_id(instruction_id);
    data.set_transform_id(transform_id);
    data.set_data(bytes);
    data.set_is_last(is_last);
    Output(elements);
  }
  void Kill() {
    control_context_.TryCancel();
    data_context_.TryCancel();
  }
  void EndData() { data_context_.TryCancel(); }
  void AddId(::grpc::ClientContext* context) { context->AddMetadata("worker_id", id_); }
  const std::shared_ptr<::grpc::Channel>& channel() { return channel_; }

  std::function<void(const fn::InstructionRequest&)> on_request = [](const auto&) {};
  std::function<void(const fn::Elements&)> on_elements = [](const auto&) {};
  std::function<void()> on_data_end = [] {};
  ::grpc::Status control_status;
  std::atomic<bool> has_ended = false;

 private:
  const std::string id_;
  const std::string data_stream_id_;
  std::shared_ptr<::grpc::Channel> channel_;
  std::unique_ptr<fn::BeamFnControl::Stub> control_stub_;
  std::unique_ptr<fn::BeamFnData::Stub> data_stub_;
  ::grpc::ClientContext control_context_;
  ::grpc::ClientContext data_context_;
  std::unique_ptr<::grpc::ClientReaderWriter<fn::InstructionResponse, fn::InstructionRequest>>
      control_;
  std::unique_ptr<::grpc::ClientReaderWriter<fn::Elements, fn::Elements>> data_;
  std::mutex control_mutex_;
  std::mutex data_mutex_;
  std::vector<std::thread> threads_;
};

// source -> pardo (timer families "soon" and "late") -> sink.
inline fn::ProcessBundleDescriptor Descriptor() {
  fn::ProcessBundleDescriptor descriptor;
  descriptor.set_id("stage");
  auto& transforms = *descriptor.mutable_transforms();
  transforms["source"].mutable_spec()->set_urn("beam:runner:source:v1");
  transforms["sink"].mutable_spec()->set_urn("beam:runner:sink:v1");
  pipeline::ParDoPayload payload;
  (*payload.mutable_timer_family_specs())["soon"];
  (*payload.mutable_timer_family_specs())["late"];
  transforms["pardo"].mutable_spec()->set_urn("beam:transform:pardo:v1");
  transforms["pardo"].mutable_spec()->set_payload(payload.SerializeAsString());
  return descriptor;
}

}  // namespace joist::portability

#endif  // JOIST_PORTABILITY_TESTING_FAKE_SDK_H_
