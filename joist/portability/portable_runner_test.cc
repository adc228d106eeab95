// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Whole jobs on an SDK worker of a few lines: bundles there and back, workers that die,
// restrictions that are worked on bit by bit, state.

#include "joist/portability/portable_runner.h"

#include <google/protobuf/struct.pb.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <org/apache/beam/model/fn_execution/v1/beam_fn_api.grpc.pb.h>
#include <org/apache/beam/model/pipeline/v1/metrics.pb.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <functional>
#include <future>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "joist/model/coder.h"
#include "joist/portability/components_builder.h"
#include "joist/portability/runner_coders.h"
#include "joist/portability/testing/state_requests.h"
#include "joist/portability/urns.h"
#include "joist/portability/window_codec.h"

namespace joist::portability {
namespace {

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

class Listener final : public JobListener {
 public:
  void Message(Importance, std::string_view) override {}
  void Metrics(std::vector<std::string> attempted, std::vector<std::string> committed) override {
    const std::lock_guard lock(mutex_);
    attempted_ = std::move(attempted);
    committed_ = std::move(committed);
  }
  /// Of the only counter.
  int64_t committed() const {
    const std::lock_guard lock(mutex_);
    EXPECT_EQ(committed_.size(), 1U);
    EXPECT_EQ(attempted_.size(), 1U);
    pipeline::MonitoringInfo info;
    if (committed_.empty() || !info.ParseFromString(committed_[0])) return -1;
    ByteReader in(info.payload());
    int64_t number = -1;
    EXPECT_TRUE(Coder<int64_t>::Decode(&in, &number, /*nested=*/true));
    return number;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> attempted_, committed_;
};

/// Pipeline options: one.
std::string WithOption(const std::string& name, const std::string& value) {
  ::google::protobuf::Struct options;
  (*options.mutable_fields())[name].set_string_value(value);
  return options.SerializeAsString();
}

/// A KV of byte strings.
std::string Pair(const std::string& key, const std::string& value) {
  return Nested(key) + Nested(value);
}

class PortableRunnerTest : public testing::Test {
 protected:
  PortableRunnerTest() {
    ComponentsBuilder builder(components());
    bytes_ = builder.AddCoder(MakeCoderSpec(kBytesCoder));
    kv_ = builder.AddCoder(
        MakeCoderSpec(kKvCoder, {MakeCoderSpec(kBytesCoder), MakeCoderSpec(kBytesCoder)}));
    groups_ = builder.AddCoder(MakeCoderSpec(
        kKvCoder,
        {MakeCoderSpec(kBytesCoder), MakeCoderSpec(kIterableCoder, {MakeCoderSpec(kBytesCoder)})}));
    windowing_ = *builder.AddWindowing({});
    (*components()->mutable_environments())["sdk"].set_urn("my:environment");
  }

  pipeline::Components* components() { return pipeline_->mutable_components(); }
  /// Reads the collection of `from`, and makes that of its own id.
  pipeline::PTransform& Put(const std::string& id, std::string_view urn, const std::string& from,
                            const std::string& coder) {
    pipeline_->add_root_transform_ids(id);
    pipeline::PCollection& made = (*components()->mutable_pcollections())[id];
    made.set_unique_name(id);
    made.set_coder_id(coder);
    made.set_windowing_strategy_id(windowing_);
    made.set_is_bounded(pipeline::IsBounded::BOUNDED);
    pipeline::PTransform& transform = (*components()->mutable_transforms())[id];
    transform.set_unique_name(id);
    transform.mutable_spec()->set_urn(std::string(urn));
    if (!from.empty()) (*transform.mutable_inputs())["i"] = from;
    (*transform.mutable_outputs())["o"] = id;
    return transform;
  }
  void ParDo(const std::string& id, const std::string& from, const std::string& coder,
             const std::function<void(Call*)>& function,
             const pipeline::ParDoPayload& payload = {}) {
    pipeline::PTransform& transform = Put(id, kParDoUrn, from, coder);
    transform.set_environment_id("sdk");
    transform.mutable_spec()->set_payload(payload.SerializeAsString());
    sdk_.functions[id] = function;
  }
  /// What comes of `from` is in recorded().
  void Record(const std::string& from) { ParDo("record", from, bytes_, {}); }

  SubmittedJob Job() const {
    SubmittedJob job;
    job.id = "job";
    job.graph = pipeline_;
    job.options = options_.SerializeAsString();
    return job;
  }
  Status Check() { return MakePortableRunner(settings_, &starter_)->Check(Job()); }
  JobOutcome Run() {
    const auto runner = MakePortableRunner(settings_, &starter_);
    const Status checked = runner->Check(Job());
    EXPECT_TRUE(checked.ok()) << checked.message();
    return runner->Run(Job(), &listener_, requests_);
  }
  void RunToEnd() {
    const JobOutcome outcome = Run();
    EXPECT_EQ(outcome.state, JobState::kDone) << outcome.status.message();
  }
  std::vector<std::string> recorded() {
    std::sort(sdk_.recorded.begin(), sdk_.recorded.end());
    return sdk_.recorded;
  }

  std::shared_ptr<pipeline::Pipeline> pipeline_ = std::make_shared<pipeline::Pipeline>();
  std::string bytes_, kv_, groups_, windowing_;
  TinySdk sdk_;
  TinyStarter starter_{&sdk_};
  PortableRunnerSettings settings_ = {.memory = int64_t{64} << 20, .threads = 2};
  Listener listener_;
  JobRequests requests_;
  ::google::protobuf::Struct options_;
};

std::string Group(const std::string& key, std::vector<std::string> values) {
  std::string bytes = Nested(key);
  PutBigEndian32(static_cast<uint32_t>(values.size()), &bytes);
  for (const std::string& value : values) bytes += Nested(value);
  return bytes;
}

TEST_F(PortableRunnerTest, BundlesThereAndBack) {
  Put("impulse", kImpulseUrn, "", bytes_);
  ParDo("words", "impulse", kv_, [](Call* call) {
    EXPECT_EQ(call->value, Nested(""));
    call->outputs = {Pair("a", "1"), Pair("b", "2"), Pair("a", "1")};
  });
  Put("group", kGroupByKeyUrn, "words", groups_);
  Record("group");
  RunToEnd();
  EXPECT_EQ(recorded(), (std::vector<std::string>{Group("a", {"1", "1"}), Group("b", {"2"})}));
  EXPECT_EQ(listener_.committed(), 3);
  EXPECT_EQ(sdk_.started, 1);
}

TEST_F(PortableRunnerTest, AStageIsToldOfItsOwnCodersAlone) {
  for (const char* id : {"used", "unused"}) {
    (*components()->mutable_coders())[id].mutable_spec()->set_urn("my:coder");
    (*components()->mutable_coders())[id].mutable_spec()->set_payload(id);
  }
  Put("impulse", kImpulseUrn, "", bytes_);
  ParDo("words", "impulse", "used", [](Call* call) { call->outputs = {Nested("x")}; });
  Record("words");
  RunToEnd();
  EXPECT_EQ(sdk_.coders.count("used"), 1U);
  EXPECT_EQ(sdk_.coders.count("unused"), 0U);
}

TEST_F(PortableRunnerTest, AGroupByKeyWhoseOutputHasOtherCodersIsRefused) {
  Put("impulse", kImpulseUrn, "", bytes_);
  ParDo("words", "impulse", kv_, [](Call*) {});
  Put("group", kGroupByKeyUrn, "words", kv_);
  const Status refused = Check();
  EXPECT_EQ(refused.code(), StatusCode::kInvalidArgument);
  EXPECT_TRUE(refused.message().starts_with("step \"group\" groups by key, and the coder of its "))
      << refused.message();
}

// More than the job's memory, and than what its workers may have waiting.
TEST_F(PortableRunnerTest, AnElementMayBeLarge) {
  constexpr size_t kBytes = 200 << 20;
  Put("impulse", kImpulseUrn, "", bytes_);
  ParDo("words", "impulse", kv_,
        [](Call* call) { call->outputs = {Pair("a", std::string(kBytes, 'x'))}; });
  Put("group", kGroupByKeyUrn, "words", groups_);
  std::atomic<size_t> bytes = 0;
  ParDo("measure", "group", bytes_, [&](Call* call) { bytes += call->value.size(); });
  RunToEnd();
  EXPECT_EQ(bytes, Group("a", {std::string(kBytes, 'x')}).size());
}

// What it had output is not there twice.
TEST_F(PortableRunnerTest, AWorkerThatDiesInABundleIsReplaced) {
  Put("impulse", kImpulseUrn, "", bytes_);
  std::atomic<int> calls = 0;
  ParDo("words", "impulse", kv_, [&](Call* call) {
    call->outputs = {Pair("a", "1"), Pair("b", "2")};
    call->dies = calls.fetch_add(1) == 0;
  });
  Put("group", kGroupByKeyUrn, "words", groups_);
  Record("group");
  RunToEnd();
  EXPECT_EQ(recorded(), (std::vector<std::string>{Group("a", {"1"}), Group("b", {"2"})}));
  EXPECT_EQ(calls, 2);
  EXPECT_EQ(sdk_.started, 2);
  EXPECT_EQ(listener_.committed(), 3);
}

// Three deaths are three attempts of each share that they hit, and four would be too many.
TEST_F(PortableRunnerTest, AWorkersDeathIsOneAttempt) {
  sdk_.dying = std::chrono::milliseconds(100);
  settings_.threads = 8;
  constexpr int kElements = 1000;
  Put("impulse", kImpulseUrn, "", bytes_);
  ParDo("words", "impulse", bytes_, [&](Call* call) {
    for (int i = 0; i < kElements; ++i) call->outputs.push_back(Nested(std::to_string(i)));
  });
  Put("shuffle", kReshuffleUrn, "words", bytes_);
  std::set<int> died;
  ParDo("work", "shuffle", bytes_, [&](Call* call) {
    call->outputs = {call->value};
    const std::lock_guard lock(sdk_.mutex);
    call->dies = sdk_.started <= 3 && died.insert(sdk_.started).second;
  });
  Record("work");
  RunToEnd();
  // A bundle that has ended in a worker which dies before the runner hears of it comes again.
  const std::set<std::string> once(sdk_.recorded.begin(), sdk_.recorded.end());
  EXPECT_EQ(once.size(), static_cast<size_t>(kElements));
  EXPECT_EQ(sdk_.started, 4);
}

TEST_F(PortableRunnerTest, ABundleThatFailsIsTriedAgain) {
  Put("impulse", kImpulseUrn, "", bytes_);
  std::atomic<int> calls = 0;
  ParDo("words", "impulse", bytes_, [&](Call* call) {
    call->outputs = {Nested("x")};
    if (calls.fetch_add(1) == 0) call->error = "not now";
  });
  Put("shuffle", kReshuffleUrn, "words", bytes_);
  Record("shuffle");
  RunToEnd();
  EXPECT_EQ(recorded(), std::vector<std::string>{Nested("x")});
  EXPECT_EQ(calls, 2);
  EXPECT_EQ(sdk_.started, 1);
}

TEST_F(PortableRunnerTest, AFunctionThatNeverWorksFailsTheJob) {
  Put("impulse", kImpulseUrn, "", bytes_);
  ParDo("words", "impulse", bytes_, [](Call* call) { call->error = "it is broken"; });
  const JobOutcome outcome = Run();
  EXPECT_EQ(outcome.state, JobState::kFailed);
  EXPECT_NE(outcome.status.message().find("step \"words\""), std::string::npos)
      << outcome.status.message();
  EXPECT_NE(outcome.status.message().find("it is broken"), std::string::npos);
}

TEST_F(PortableRunnerTest, SideInputsInWindowsThatOnlyTheSdkKnowsAreRefused) {
  Put("impulse", kImpulseUrn, "", bytes_);
  ParDo("side", "impulse", bytes_, {});
  pipeline::ParDoPayload payload;
  (*payload.mutable_side_inputs())["s"].mutable_access_pattern()->set_urn(
      std::string(kIterableSideInputUrn));
  ParDo("look", "impulse", bytes_, {}, payload);
  (*components()->mutable_transforms()->at("look").mutable_inputs())["s"] = "side";
  EXPECT_TRUE(Check().ok()) << Check().message();

  auto& strategies = *components()->mutable_windowing_strategies();
  strategies["own"] = strategies[windowing_];
  strategies["own"].mutable_window_fn()->set_urn("my:windows");
  strategies["own"].set_window_coder_id(
      ComponentsBuilder(components()).AddCoder(MakeCoderSpec("my:window")));
  components()->mutable_pcollections()->at("side").set_windowing_strategy_id("own");
  EXPECT_EQ(Check().code(), StatusCode::kUnimplemented);
  EXPECT_EQ(Check().message(),
            "step \"look\" reads side input \"s\" (beam:side_input:iterable:v1) in windows of "
            "WindowFn(my:windows): Joist cannot tell which of them belongs to a window of the main "
            "input");
}

/// A splittable function that counts down from "3".
class Countdown : public PortableRunnerTest {
 protected:
  void PutRead(const std::function<void(Call*, int)>& process) {
    Put("impulse", kImpulseUrn, "", bytes_);
    pipeline::ParDoPayload payload;
    payload.set_restriction_coder_id(bytes_);
    ParDo(
        "read", "impulse", bytes_,
        [process](Call* call) {
          // KV<KV<element, restriction>, size>
          ByteReader in(call->value);
          std::string_view element, restriction;
          ASSERT_TRUE(in.TakeBytes(&element, true) && in.TakeBytes(&restriction, true));
          process(call, std::stoi(std::string(restriction)));
        },
        payload);
    sdk_.functions["read/PairWithRestriction"] = [](Call* call) {
      call->outputs = {call->value + Nested("3")};
    };
    sdk_.functions["read/SplitAndSize"] = [](Call* call) {
      call->outputs = {call->value + Sized()};
    };
    Record("read");
  }
  static std::string Sized() {
    std::string size;
    Coder<double>::Encode(1.0, &size, /*nested=*/true);
    return size;
  }
  static std::string Restriction(int left) { return Pair("", std::to_string(left)) + Sized(); }
};

TEST_F(Countdown, WhatIsLeftComesAgain) {
  PutRead([](Call* call, int left) {
    call->outputs = {Nested(std::to_string(left))};
    if (left > 1) call->rest = {Restriction(left - 1)};
  });
  RunToEnd();
  EXPECT_EQ(recorded(), (std::vector<std::string>{Nested("1"), Nested("2"), Nested("3")}));
}

// It never ends by itself but for the last.
TEST_F(Countdown, AStreamsBundlesAreSplit) {
  PutRead([](Call* call, int left) {
    call->outputs = {Nested(std::to_string(left))};
    if (left > 1) call->rest_at_split = Restriction(left - 1);
  });
  for (const char* id : {"read", "record"}) {
    components()->mutable_pcollections()->at(id).set_is_bounded(pipeline::IsBounded::UNBOUNDED);
  }
  RunToEnd();
  EXPECT_EQ(recorded(), (std::vector<std::string>{Nested("1"), Nested("2"), Nested("3")}));
  EXPECT_EQ(sdk_.splits, 2);
}

TEST_F(Countdown, OfTwoStreamsWithOneFolderTheSecondIsRefused) {
  std::promise<void> begun, released;
  PutRead([&](Call* call, int left) {
    begun.set_value();
    released.get_future().wait();
    call->outputs = {Nested(std::to_string(left))};
  });
  for (const char* id : {"read", "record"}) {
    components()->mutable_pcollections()->at(id).set_is_bounded(pipeline::IsBounded::UNBOUNDED);
  }
  const std::filesystem::path folder =
      std::filesystem::temp_directory_path() / ("joist_streams_" + std::to_string(getpid()));
  settings_.state_directory = folder;
  const auto runner = MakePortableRunner(settings_, &starter_);
  SubmittedJob first = Job();
  first.name = "count";
  SubmittedJob second = first;
  second.id = "job-2";
  const JobRequests requests;
  auto outcome =
      std::async(std::launch::async, [&] { return runner->Run(first, &listener_, requests); });
  begun.get_future().wait();
  const Status refused = runner->Check(second);
  EXPECT_EQ(refused.code(), StatusCode::kFailedPrecondition);
  EXPECT_TRUE(refused.message().starts_with("the job job runs and has its checkpoints in "))
      << refused.message();
  // It may have been prepared before the first was run.
  EXPECT_EQ(runner->Run(second, &listener_, requests).status.message(), refused.message());
  second.options = WithOption("beam:option:job_name:v1", "another");
  EXPECT_EQ(runner->Check(second), OkStatus());
  released.set_value();
  EXPECT_EQ(outcome.get().state, JobState::kDone);
  EXPECT_TRUE(std::filesystem::is_directory(folder / "count"));
  second.options.clear();
  EXPECT_EQ(runner->Check(second), OkStatus());
  std::filesystem::remove_all(folder);
}

TEST_F(PortableRunnerTest, OptionsBeyondTheServersLimitsAreRefused) {
  Put("impulse", kImpulseUrn, "", bytes_);
  Record("impulse");
  settings_.max_workers = 3;
  const auto check = [&](const std::string& option, const std::string& value) {
    SubmittedJob job = Job();
    job.options = WithOption(option, value);
    return MakePortableRunner(settings_, &starter_)->Check(job);
  };
  EXPECT_EQ(check("sdk_worker_parallelism", "3"), OkStatus());
  EXPECT_EQ(check("sdk_worker_parallelism", "0"), OkStatus());
  EXPECT_EQ(check("sdk_worker_parallelism", "4").message(),
            "the pipeline option sdk_worker_parallelism is 4; it is a whole number from 0 to 3 "
            "(--max_workers of the server)");
  EXPECT_FALSE(check("checkpoint_interval", "0").ok());
  EXPECT_EQ(check("checkpoint_dir", "counts").code(), StatusCode::kFailedPrecondition);
  settings_.state_directory = "/nowhere/state";
  EXPECT_EQ(check("checkpoint_dir", "counts"), OkStatus());
  EXPECT_EQ(check("checkpoint_dir", "/tmp/counts").code(), StatusCode::kInvalidArgument);
}

/// One that goes on until it is split, down to the last. A negative restriction is one number
/// alone.
class SharedCountdown : public Countdown {
 protected:
  SharedCountdown() {
    sdk_.kept_fraction = 0.5;
    (*options_.mutable_fields())["sdk_worker_parallelism"].set_number_value(2);
  }
  void PutRead() {
    Countdown::PutRead([this](Call* call, int left) {
      const std::lock_guard lock(sdk_.mutex);
      begun_.push_back(left);
      call->outputs = {Nested(std::to_string(std::abs(left)))};
      if (left <= 1) return;
      if (is_quick_) {
        for (int i = 1; i < left; ++i) call->outputs.push_back(Nested(std::to_string(i)));
        return;
      }
      call->rest_at_split = Restriction(left - 1);
      call->kept_at_split = Restriction(-left);
    });
  }
  void ExpectAll() {
    RunToEnd();
    EXPECT_EQ(recorded(), (std::vector<std::string>{Nested("1"), Nested("2"), Nested("3")}));
  }
  std::vector<int> begun_;
  std::atomic<bool> is_quick_ = false;  ///< From now on it waits for nothing.
};

TEST_F(SharedCountdown, WhoHasNothingToDoGetsAPart) {
  PutRead();
  ExpectAll();
  EXPECT_EQ(sdk_.splits, 2);
  EXPECT_EQ(begun_, (std::vector<int>{3, 2, 1}));
}

// Whoever has the other part has it for good: the second attempt is at what was kept.
TEST_F(SharedCountdown, WhatWasGivenAwayIsNotTriedAgain) {
  sdk_.at_split = [this] { return sdk_.splits == 1 ? AtSplit::kSplitsAndFails : AtSplit::kSplits; };
  PutRead();
  ExpectAll();
  EXPECT_EQ(sdk_.splits, 2);
  std::sort(begun_.begin(), begun_.end());
  EXPECT_EQ(begun_, (std::vector<int>{-3, 1, 2, 3}));
  EXPECT_EQ(sdk_.started, 2);  // Whoever has it has another worker.
}

TEST_F(SharedCountdown, AWorkerMayKeepAll) {
  sdk_.at_split = [this] { return sdk_.splits < 3 ? AtSplit::kRefuses : AtSplit::kSplits; };
  PutRead();
  ExpectAll();
  EXPECT_EQ(sdk_.splits, 4);
  EXPECT_EQ(begun_, (std::vector<int>{3, 2, 1}));
}

// Nobody knows whether it has: it begins anew, and is not asked again.
TEST_F(SharedCountdown, AWorkerMayBeUnableToSplit) {
  AtSplit how = AtSplit::kError;
  sdk_.at_split = [&] {
    is_quick_ = true;
    return how;
  };
  PutRead();
  ExpectAll();
  how = AtSplit::kNonsense;
  is_quick_ = false;
  sdk_.recorded.clear();
  ExpectAll();
  EXPECT_EQ(sdk_.splits, 2);
  EXPECT_EQ(begun_, (std::vector<int>{3, 3, 3, 3}));
}

/// A stream of splittable functions that give the numbers of ranges, one in a bundle; that of 20
/// asks for a drain. What comes out is "ELEMENT NUMBER".
class Drain : public PortableRunnerTest {
 protected:
  static constexpr int kDrainsAt = 20;
  static constexpr int kNoEnd = 1'000'000'000;

  struct Range {
    std::string element;
    int from = 0;
    int to = 0;
    std::string Encoded() const {
      std::string size;
      Coder<double>::Encode(1.0, &size, /*nested=*/true);
      return Nested(element) + Nested(std::to_string(from)) + Nested(std::to_string(to)) + size;
    }
  };
  static Range RangeOf(const Call& call) {
    ByteReader in(call.value);
    std::string_view element, from, to;
    EXPECT_TRUE(in.TakeBytes(&element, true) && in.TakeBytes(&from, true) &&
                in.TakeBytes(&to, true));
    return {std::string(element), std::stoi(std::string(from)), std::stoi(std::string(to))};
  }
  static std::string Number(const std::string& element, int number) {
    return Nested(element + " " + std::to_string(number));
  }

  Drain() { Put("impulse", kImpulseUrn, "", bytes_); }

  /// `cut` is given a range and how it is cut, and may leave it as it is.
  void PutRanges(const std::string& id, const std::string& from, int end,
                 const std::function<void(Range*)>& cut) {
    pipeline::ParDoPayload payload;
    payload.set_restriction_coder_id(kv_);
    ParDo(
        id, from, bytes_,
        [this, id](Call* call) {
          Range range = RangeOf(*call);
          call->outputs = {Number(range.element, range.from)};
          if (id == "read" && range.from == kDrainsAt) requests_.drain = true;
          if (++range.from < range.to) call->rest = {range.Encoded()};
        },
        payload);
    sdk_.functions[id + "/PairWithRestriction"] = [end](Call* call) {
      call->outputs = {call->value + Nested("0") + Nested(std::to_string(end))};
    };
    sdk_.functions[id + "/SplitAndSize"] = [](Call* call) {
      std::string size;
      Coder<double>::Encode(1.0, &size, /*nested=*/true);
      call->outputs = {call->value + size};
    };
    sdk_.functions[id + "/Truncate"] = [cut](Call* call) {
      Range range = RangeOf(*call);
      cut(&range);
      if (range.from < range.to) call->outputs = {range.Encoded()};
    };
    components()->mutable_pcollections()->at(id).set_is_bounded(pipeline::IsBounded::UNBOUNDED);
  }
  void CanTruncate() {
    components()->mutable_environments()->at("sdk").add_capabilities(std::string(kTruncateUrn));
  }
  static std::vector<std::string> Numbers(const std::string& element, int to) {
    std::vector<std::string> numbers;
    for (int number = 0; number < to; ++number) numbers.push_back(Number(element, number));
    std::sort(numbers.begin(), numbers.end());
    return numbers;
  }
};

TEST_F(Drain, EndsWhatHasNoEnd) {
  std::atomic<int> cuts = 0;
  int at = 0;
  PutRanges("read", "impulse", kNoEnd, [&](Range* range) {
    ++cuts;
    at = range->to = range->from;
  });
  CanTruncate();
  Record("read");
  RunToEnd();
  EXPECT_GT(at, kDrainsAt);
  EXPECT_EQ(recorded(), Numbers("", at));
  EXPECT_EQ(cuts, 1);
}

TEST_F(Drain, DoesWhatTheFunctionSaysIsToBeDoneStill) {
  std::atomic<int> cuts = 0;
  int end = 0;
  PutRanges("read", "impulse", kNoEnd, [&](Range* range) {
    ++cuts;
    end = range->to = range->from + 15;
  });
  CanTruncate();
  Record("read");
  RunToEnd();
  EXPECT_EQ(recorded(), Numbers("", end));
  EXPECT_EQ(cuts, 1);  // What is cut is not cut again.
}

TEST_F(Drain, AnSdkThatCutsNothingGoesOnToItsEnd) {
  PutRanges("read", "impulse", 30, [](Range*) { FAIL(); });
  Record("read");
  RunToEnd();
  EXPECT_EQ(recorded(), Numbers("", 30));
}

// Also where it goes on from a checkpoint.
TEST_F(Drain, WhatStillComesIsCutToo) {
  constexpr int kEnd = 200;
  const std::filesystem::path folder =
      std::filesystem::temp_directory_path() / ("joist_drain_" + std::to_string(getpid()));
  settings_.state_directory = folder;
  (*options_.mutable_fields())["checkpoint_dir"].set_string_value("drain");
  (*options_.mutable_fields())["checkpoint_interval"].set_number_value(1);
  PutRanges("read", "impulse", kNoEnd, [](Range* range) { range->to = kEnd; });
  std::set<std::string> cut;
  PutRanges("each", "read", 2, [&](Range* range) { cut.insert(range->element); });
  CanTruncate();
  Record("each");

  // It fails when there is a checkpoint that was begun when the drain was.
  int failed_at = 0;
  std::optional<std::set<std::string>> before;  // When the drain began.
  std::set<std::string> checkpoints;
  sdk_.functions["read"] = [&, read = sdk_.functions["read"]](Call* call) {
    read(call);
    if (!requests_.drain || failed_at > 0) return;
    std::set<std::string> names;
    for (const auto& file : std::filesystem::directory_iterator(folder / "drain")) {
      const std::string name = file.path().filename();
      if (name.starts_with("checkpoint")) names.insert(name);
    }
    if (!before.has_value()) before = names;
    for (const std::string& name : names) {
      if (!before->contains(name)) checkpoints.insert(name);
    }
    if (checkpoints.size() < 8) return std::this_thread::sleep_for(std::chrono::milliseconds(20));
    failed_at = RangeOf(*call).from;
    call->error = "not now";
  };
  RunToEnd();
  std::filesystem::remove_all(folder);

  EXPECT_GT(failed_at, kDrainsAt);
  std::set<std::string> expected;
  for (int number = 0; number < kEnd; ++number) {
    const std::string element = " " + std::to_string(number);
    expected.insert({Number(element, 0), Number(element, 1)});
    if (number <= failed_at) continue;
    EXPECT_TRUE(cut.contains(element)) << element;
  }
  EXPECT_EQ(std::set<std::string>(sdk_.recorded.begin(), sdk_.recorded.end()), expected);
}

TEST_F(PortableRunnerTest, FunctionsKeepWhatIsTheirs) {
  Put("impulse", kImpulseUrn, "", bytes_);
  ParDo("words", "impulse", kv_, [](Call* call) {
    call->outputs = {Pair("a", "1"), Pair("b", "2"), Pair("a", "3"), Pair("b", "4")};
  });
  pipeline::ParDoPayload payload;
  (*payload.mutable_state_specs())["seen"].mutable_bag_spec()->set_element_coder_id(bytes_);
  ParDo(
      "keep", "words", kv_,
      [](Call* call) {
        ByteReader in(call->value);
        std::string_view key, value;
        ASSERT_TRUE(in.TakeBytes(&key, true) && in.TakeBytes(&value, true));
        fn::StateKey state;
        auto* const bag = state.mutable_bag_user_state();
        bag->set_transform_id("keep");
        bag->set_user_state_id("seen");
        bag->set_key(Nested(key));
        call->worker->State(call->instruction, AppendTo(state, Nested(value)));
        const std::string all = call->worker->State(call->instruction, GetOf(state)).get().data();
        const std::vector<std::string> texts = TextsOf(all);
        if (texts.size() == 2) call->outputs = {Pair(std::string(key), texts[0] + texts[1])};
      },
      payload);
  Record("keep");
  RunToEnd();
  for (std::string& pair : sdk_.recorded) {
    // In whatever order they came.
    if (pair == Pair("a", "31")) pair = Pair("a", "13");
    if (pair == Pair("b", "42")) pair = Pair("b", "24");
  }
  EXPECT_EQ(recorded(), (std::vector<std::string>{Pair("a", "13"), Pair("b", "24")}));
}

}  // namespace
}  // namespace joist::portability
