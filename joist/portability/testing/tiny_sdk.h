// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// TinySdk: SDK workers of a few lines, which run functions of tests over the Fn API.

#ifndef JOIST_PORTABILITY_TESTING_TINY_SDK_H_
#define JOIST_PORTABILITY_TESTING_TINY_SDK_H_

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <org/apache/beam/model/fn_execution/v1/beam_fn_api.grpc.pb.h>
#include <org/apache/beam/model/pipeline/v1/beam_runner_api.pb.h>
#include <org/apache/beam/model/pipeline/v1/metrics.pb.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "joist/model/coder.h"
#include "joist/portability/job_runner.h"
#include "joist/portability/urns.h"
#include "joist/portability/window_codec.h"

namespace joist::portability {

class TinyWorker;

/// One element in the hands of a function. All are in the global window.
struct Call {
  TinyWorker* worker;
  std::string instruction;
  std::string transform;
  std::string value;  ///< Encoded.
  std::vector<std::string> outputs = {};
  std::vector<std::string> rest = {};  ///< Values that are to come again.
  bool dies = false;                   ///< The worker, after the outputs.
  std::string rest_at_split = {};      ///< Not empty: works on until it is split, and gives this.
  std::string kept_at_split = {};      ///< What it has done by then; empty: it does not say.
  std::string error = {};              ///< Of the bundle.
};

/// What a worker says when it is to split a bundle that waits for that.
enum class AtSplit { kSplits, kSplitsAndFails, kRefuses, kError, kNonsense };

/// What all workers of a test know.
struct TinySdk {
  std::map<std::string, std::function<void(Call*)>> functions;  ///< By transform.
  std::mutex mutex;
  std::vector<std::string> recorded;  ///< What Record was called with in bundles that ended well.
  std::function<AtSplit()> at_split = [] { return AtSplit::kSplits; };
  double kept_fraction = 0;      ///< That they are asked for.
  std::set<std::string> coders;  ///< That workers were told of.
  int started = 0;
  int splits = 0;
  std::chrono::milliseconds dying{0};  ///< From the end of a worker's data to its end.
};

/// An SDK worker: executes ParDos by their ids, with one output each.
class TinyWorker final : public StartedWorker {
 public:
  TinyWorker(TinySdk* sdk, const std::string& id, const std::string& endpoint)
      : sdk_(*sdk), worker_id_(id) {
    ::grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    arguments.SetMaxReceiveMessageSize(-1);
    const auto channel =
        ::grpc::CreateCustomChannel(endpoint, ::grpc::InsecureChannelCredentials(), arguments);
    control_stub_ = fn::BeamFnControl::NewStub(channel);
    data_stub_ = fn::BeamFnData::NewStub(channel);
    state_stub_ = fn::BeamFnState::NewStub(channel);
    for (::grpc::ClientContext* context : {&control_context_, &data_context_, &state_context_}) {
      context->AddMetadata("worker_id", id);
    }
    data_ = data_stub_->Data(&data_context_);
    control_ = control_stub_->Control(&control_context_);
    threads_.emplace_back([this] {
      fn::InstructionRequest request;
      while (control_->Read(&request)) Take(request);
    });
    threads_.emplace_back([this] {
      fn::Elements elements;
      while (data_->Read(&elements)) Take(elements);
    });
  }
  ~TinyWorker() override {
    Die();
    for (std::thread& thread : threads_) thread.join();
  }
  Status status() const override { return OkStatus(); }

  /// Of a function that keeps something.
  fn::StateResponse State(const std::string& instruction, fn::StateRequest request) {
    if (state_ == nullptr) state_ = state_stub_->State(&state_context_);
    request.set_id("request " + std::to_string(++state_requests_));
    request.set_instruction_id(instruction);
    fn::StateResponse response;
    if (!state_->Write(request) || !state_->Read(&response)) response.set_error("no answer");
    EXPECT_EQ(response.error(), "");
    return response;
  }

 private:
  struct Bundle {
    std::string descriptor;
    std::string input;
    bool has_all = false;
    /// What was done and is left of a restriction: until the bundle is split.
    std::vector<std::pair<std::string, std::string>> waiting;
    std::vector<std::string> recorded = {};
    std::map<std::string, std::string> sinks = {};
    fn::ProcessBundleResponse response = {};
    int64_t elements = 0;
  };

  void Die() {
    data_context_.TryCancel();
    std::this_thread::sleep_for(sdk_.dying);
    control_context_.TryCancel();
    state_context_.TryCancel();
  }

  void Take(const fn::InstructionRequest& request) {
    const std::lock_guard lock(mutex_);
    fn::InstructionResponse response;
    response.set_instruction_id(request.instruction_id());
    if (request.has_process_bundle()) {
      bundles_[request.instruction_id()].descriptor =
          request.process_bundle().process_bundle_descriptor_id();
      return RunIfComplete(request.instruction_id());
    }
    if (request.has_process_bundle_split()) {
      const std::string& id = request.process_bundle_split().instruction_id();
      auto* const split = response.mutable_process_bundle_split();
      const auto found = bundles_.find(id);
      if (found == bundles_.end()) {
        control_->Write(response);
        return;
      }
      const auto& wanted = request.process_bundle_split().desired_splits();
      ASSERT_EQ(wanted.size(), 1U);
      EXPECT_EQ(wanted.begin()->second.fraction_of_remainder(), sdk_.kept_fraction);
      {
        const std::lock_guard sdk_lock(sdk_.mutex);
        ++sdk_.splits;
      }
      const AtSplit how = found->second.waiting.empty() ? AtSplit::kRefuses : sdk_.at_split();
      if (how == AtSplit::kError) response.set_error("it cannot be split");
      if (how == AtSplit::kNonsense) split->add_channel_splits()->set_first_residual_element(-7);
      if (how != AtSplit::kSplits && how != AtSplit::kSplitsAndFails) {
        control_->Write(response);
        return;
      }
      for (const auto& [kept, rest] : std::exchange(found->second.waiting, {})) {
        Fill("read", rest, split->add_residual_roots());
        if (kept.empty()) continue;
        fn::DelayedBundleApplication primary;
        Fill("read", kept, &primary);
        *split->add_primary_roots() = primary.application();
        // It is the only element.
        split->add_channel_splits()->set_transform_id(wanted.begin()->first);
        split->mutable_channel_splits(0)->set_last_primary_element(-1);
        split->mutable_channel_splits(0)->set_first_residual_element(1);
      }
      control_->Write(response);
      if (how == AtSplit::kSplits) return End(id);
      // Somebody is to have taken the rest by then.
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
      return Fail(id, "not now");
    }
    if (request.has_process_bundle_progress()) response.mutable_process_bundle_progress();
    if (request.has_finalize_bundle()) response.mutable_finalize_bundle();
    control_->Write(response);
  }
  void Take(const fn::Elements& elements) {
    const std::lock_guard lock(mutex_);
    std::set<std::string> ids;
    for (const auto& data : elements.data()) {
      Bundle& bundle = bundles_[data.instruction_id()];
      bundle.input += data.data();
      bundle.has_all |= data.is_last();
      ids.insert(data.instruction_id());
    }
    for (const std::string& id : ids) RunIfComplete(id);
  }

  static std::string Header() {
    std::string header;
    const Window global = Window::Global();
    ThrowIfError(WindowCodec::ForGlobal().EncodeHeader(Timestamp::Millis(0), {&global, 1},
                                                       PaneInfo::NoFiring(), &header));
    return header;
  }
  static void Fill(const std::string& transform, const std::string& value,
                   fn::DelayedBundleApplication* root) {
    root->mutable_application()->set_transform_id(transform);
    root->mutable_application()->set_input_id("i");
    root->mutable_application()->set_element(Header() + value);
  }

  const fn::ProcessBundleDescriptor& DescriptorOf(const std::string& id) {
    const auto found = descriptors_.find(id);
    if (found != descriptors_.end()) return found->second;
    ::grpc::ClientContext context;
    context.AddMetadata("worker_id", worker_id_);
    fn::GetProcessBundleDescriptorRequest request;
    request.set_process_bundle_descriptor_id(id);
    const ::grpc::Status status =
        control_stub_->GetProcessBundleDescriptor(&context, request, &descriptors_[id]);
    EXPECT_TRUE(status.ok()) << status.error_message();
    const std::lock_guard sdk_lock(sdk_.mutex);
    for (const auto& [name, coder] : descriptors_[id].coders()) sdk_.coders.insert(name);
    return descriptors_[id];
  }

  void RunIfComplete(const std::string& id) {
    Bundle& bundle = bundles_[id];
    if (!bundle.has_all || bundle.descriptor.empty()) return;
    const fn::ProcessBundleDescriptor& descriptor = DescriptorOf(bundle.descriptor);
    std::string from;
    for (const auto& [name, transform] : descriptor.transforms()) {
      if (transform.spec().urn() == kDataSourceUrn) {
        from = transform.outputs().begin()->second;
      } else if (transform.spec().urn() == kDataSinkUrn) {
        bundle.sinks[name];
      }
    }
    const std::string& coder_id = descriptor.pcollections().at(from).coder_id();
    pipeline::Components components;
    *components.mutable_coders() = descriptor.coders();
    const WireCoder coder = RunnerCoders(&components).Wire(coder_id).value();
    ByteReader in(bundle.input);
    WindowedHeader header;
    while (in.remaining() > 0) {
      const bool has_header = WindowCodec::ForGlobal().TakeHeader(&in, &header);
      const size_t begin = in.position();
      if (!has_header || !coder.Skip(&in)) {
        ADD_FAILURE() << "the runner has sent what is no element: " << in.error();
        return Die();
      }
      if (!HandOn(id, from, bundle.input.substr(begin, in.position() - begin), descriptor,
                  &bundle)) {
        return;
      }
    }
    if (bundle.waiting.empty()) End(id);
  }

  /// False where the bundle is over by that.
  bool HandOn(const std::string& id, const std::string& collection, const std::string& value,
              const fn::ProcessBundleDescriptor& descriptor, Bundle* bundle) {
    for (const auto& [name, transform] : descriptor.transforms()) {
      const bool reads = std::any_of(transform.inputs().begin(), transform.inputs().end(),
                                     [&](const auto& in) { return in.second == collection; });
      if (!reads) continue;
      if (transform.spec().urn() == kDataSinkUrn) {
        bundle->sinks[name] += Header() + value;
        continue;
      }
      ++bundle->elements;
      Call call{this, id, name, value};
      if (name == "record") {
        bundle->recorded.push_back(value);
      } else {
        const bool cuts = transform.spec().urn() == kTruncateUrn;
        sdk_.functions.at(cuts ? name + "/Truncate" : name)(&call);
      }
      for (const std::string& output : call.outputs) {
        const std::string& to = transform.outputs().begin()->second;
        if (!HandOn(id, to, output, descriptor, bundle)) return false;
      }
      for (const std::string& rest : call.rest) {
        Fill(name, rest, bundle->response.add_residual_roots());
      }
      if (!call.rest_at_split.empty()) {
        bundle->waiting.emplace_back(call.kept_at_split, call.rest_at_split);
      }
      if (call.dies) {
        Output(id, *bundle, /*is_last=*/false);
        Die();
        return false;
      }
      if (!call.error.empty()) {
        Fail(id, call.error);
        return false;
      }
    }
    return true;
  }

  void Fail(const std::string& id, const std::string& error) {
    fn::InstructionResponse response;
    response.set_instruction_id(id);
    response.set_error(error);
    bundles_.erase(id);
    control_->Write(response);
  }

  void Output(const std::string& id, const Bundle& bundle, bool is_last) {
    fn::Elements elements;
    for (const auto& [sink, bytes] : bundle.sinks) {
      fn::Elements_Data& data = *elements.add_data();
      data.set_instruction_id(id);
      data.set_transform_id(sink);
      data.set_data(bytes);
      data.set_is_last(is_last);
    }
    if (elements.data_size() > 0) data_->Write(elements);
  }

  void End(const std::string& id) {
    Bundle& bundle = bundles_.at(id);
    Output(id, bundle, /*is_last=*/true);
    {
      const std::lock_guard sdk_lock(sdk_.mutex);
      sdk_.recorded.insert(sdk_.recorded.end(), bundle.recorded.begin(), bundle.recorded.end());
    }
    pipeline::MonitoringInfo& info = *bundle.response.add_monitoring_infos();
    info.set_urn("my:elements");
    info.set_type("beam:metrics:sum_int64:v1");
    Coder<int64_t>::Encode(bundle.elements, info.mutable_payload(), /*nested=*/true);
    fn::InstructionResponse response;
    response.set_instruction_id(id);
    *response.mutable_process_bundle() = std::move(bundle.response);
    bundles_.erase(id);
    control_->Write(response);
  }

  TinySdk& sdk_;
  const std::string worker_id_;
  std::unique_ptr<fn::BeamFnControl::Stub> control_stub_;
  std::unique_ptr<fn::BeamFnData::Stub> data_stub_;
  std::unique_ptr<fn::BeamFnState::Stub> state_stub_;
  ::grpc::ClientContext control_context_, data_context_, state_context_;
  std::unique_ptr<::grpc::ClientReaderWriter<fn::InstructionResponse, fn::InstructionRequest>>
      control_;
  std::unique_ptr<::grpc::ClientReaderWriter<fn::Elements, fn::Elements>> data_;
  std::unique_ptr<::grpc::ClientReaderWriter<fn::StateRequest, fn::StateResponse>> state_;
  std::mutex mutex_;
  std::map<std::string, Bundle> bundles_;  ///< By instruction.
  std::map<std::string, fn::ProcessBundleDescriptor> descriptors_;
  int state_requests_ = 0;
  std::vector<std::thread> threads_;
};

class TinyStarter final : public WorkerStarter {
 public:
  explicit TinyStarter(TinySdk* sdk) : sdk_(sdk) {}
  Status Check(const pipeline::Environment&) const override { return OkStatus(); }
  Result<std::unique_ptr<StartedWorker>> Start(const pipeline::Environment&, const std::string& id,
                                               const std::string& endpoint) override {
    {
      const std::lock_guard lock(sdk_->mutex);
      ++sdk_->started;
    }
    return std::unique_ptr<StartedWorker>(new TinyWorker(sdk_, id, endpoint));
  }

 private:
  TinySdk* const sdk_;
};

}  // namespace joist::portability

#endif  // JOIST_PORTABILITY_TESTING_TINY_SDK_H_
