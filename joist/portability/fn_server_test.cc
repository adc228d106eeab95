// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/portability/fn_server.h"

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <org/apache/beam/model/fn_execution/v1/beam_fn_api.grpc.pb.h>
#include <org/apache/beam/model/fn_execution/v1/beam_provision_api.grpc.pb.h>

#include <atomic>
#include <fstream>
#include <functional>
#include <map>
#include <mutex>
#include <thread>

#include "joist/portability/output_queue.h"

namespace joist::portability {
namespace {

using std::chrono::milliseconds;
constexpr milliseconds kLong{30'000};

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
fn::ProcessBundleDescriptor Descriptor() {
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

class FnServerTest : public testing::Test {
 protected:
  FnServerTest() {
    auto server = FnServer::Start("localhost", 0);
    EXPECT_TRUE(server.ok()) << server.status().message();
    server_ = *std::move(server);
  }

  void Expect(WorkerSetup setup = {}) {
    setup.id = "w1";
    worker_ = server_->Expect(std::move(setup));
    worker_->AddDescriptor(Descriptor());
    sdk_ = std::make_unique<FakeSdk>(server_->endpoint(), "w1");
  }
  void Connect() {
    sdk_->Connect();
    sdk_->ConnectData();
    ASSERT_EQ(worker_->WaitUntilConnected(kLong), OkStatus());
  }
  // All output by "transform family"; the bundle's end is in `response`.
  static std::map<std::string, std::string> Drain(WorkerBundle* bundle) {
    std::map<std::string, std::string> all;
    const auto deadline = std::chrono::steady_clock::now() + kLong;
    while (true) {
      BundleOutput output;
      const bool is_done = bundle->is_done();
      while (bundle->TryTake(&output)) {
        all[output.transform_id + " " + output.timer_family_id] += output.bytes;
      }
      if (is_done) return all;
      if (std::chrono::steady_clock::now() > deadline) {
        ADD_FAILURE() << "the bundle does not end";
        return all;
      }
      bundle->Wait(milliseconds(100));
    }
  }
  static bool Until(const std::function<bool()>& condition) {
    const auto deadline = std::chrono::steady_clock::now() + kLong;
    while (!condition()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      std::this_thread::sleep_for(milliseconds(2));
    }
    return true;
  }

  // For tests whose SDK's functions refer to what they declare before this.
  class SdkEnd {
   public:
    explicit SdkEnd(FnServerTest* test) : test_(*test) {}
    ~SdkEnd() { test_.sdk_->Stop(); }

   private:
    FnServerTest& test_;
  };

  std::unique_ptr<FnServer> server_;
  std::shared_ptr<SdkWorker> worker_;
  std::unique_ptr<FakeSdk> sdk_;
};

TEST_F(FnServerTest, ABundleThereAndBack) {
  Expect();
  sdk_->Echo();
  Connect();
  auto bundle = worker_->MakeBundle("stage", nullptr);
  ASSERT_EQ(bundle->Send("source", "one "), OkStatus());
  ASSERT_EQ(bundle->SendTimers("pardo", "late", "a timer"), OkStatus());
  ASSERT_EQ(bundle->Flush(), OkStatus());
  ASSERT_EQ(bundle->Send("source", "two"), OkStatus());
  ASSERT_EQ(bundle->EndInput(), OkStatus());
  const std::map<std::string, std::string> expected = {{"sink ", "one two"},
                                                       {"pardo late", "a timer"}};
  EXPECT_EQ(Drain(bundle.get()), expected);
  EXPECT_TRUE(bundle->response().ok());
}

TEST_F(FnServerTest, SmallBundlesTravelInTheirInstructions) {
  Expect({.embeds_elements = true});
  std::atomic<int> embedded = 0;
  std::atomic<int> streamed = 0;
  const SdkEnd sdk_end(this);
  sdk_->Echo();
  sdk_->on_request = [&, echo = sdk_->on_request](const fn::InstructionRequest& request) {
    if (request.process_bundle().has_elements()) ++embedded;
    echo(request);
  };
  sdk_->on_elements = [&, echo = sdk_->on_elements](const fn::Elements& elements) {
    ++streamed;
    echo(elements);
  };
  Connect();
  auto bundle = worker_->MakeBundle("stage", nullptr);
  ASSERT_EQ(bundle->Send("source", "small"), OkStatus());
  ASSERT_EQ(bundle->SendTimers("pardo", "soon", "tick"), OkStatus());
  fn::ProcessBundleSplitResponse split;
  EXPECT_EQ(bundle->Split({}, &split, kLong), OkStatus());  // It has not begun.
  ASSERT_EQ(bundle->EndInput(), OkStatus());
  const std::map<std::string, std::string> expected = {{"sink ", "small"}, {"pardo soon", "tick"}};
  EXPECT_EQ(Drain(bundle.get()), expected);
  ASSERT_TRUE(bundle->response().ok());
  EXPECT_FALSE((*bundle->response())->has_elements());
  EXPECT_EQ(embedded, 1);
  EXPECT_EQ(streamed, 0);

  bundle = worker_->MakeBundle("stage", nullptr);
  const std::string large(3 << 20, 'x');
  ASSERT_EQ(bundle->Send("source", large), OkStatus());
  ASSERT_EQ(bundle->EndInput(), OkStatus());
  EXPECT_EQ(Drain(bundle.get())["sink "], large);
  EXPECT_EQ(embedded, 1);
  EXPECT_GE(streamed, 1);
}

// SDKs open it when a bundle needs it.
TEST_F(FnServerTest, TheDataStreamMayComeLateAndAgain) {
  Expect();
  sdk_->Echo();
  sdk_->Connect();
  ASSERT_EQ(worker_->WaitUntilConnected(kLong), OkStatus());
  auto bundle = worker_->MakeBundle("stage", nullptr);
  ASSERT_EQ(bundle->Send("source", "early"), OkStatus());
  ASSERT_EQ(bundle->EndInput(), OkStatus());
  sdk_->ConnectData();
  EXPECT_EQ(Drain(bundle.get())["sink "], "early");

  bundle = worker_->MakeBundle("stage", nullptr);
  sdk_->EndData();
  Drain(bundle.get());
  EXPECT_EQ(bundle->response().status().code(), StatusCode::kUnavailable);
  EXPECT_FALSE(worker_->is_alive());

  FakeSdk again(server_->endpoint(), "w1");
  again.on_elements = [&](const fn::Elements& elements) {
    again.Output(FakeSdk::Echoed(elements));
    sdk_->Answer(FakeSdk::AnswerTo(elements.data(0).instruction_id()));
  };
  again.ConnectData();
  // The bundle meets the new stream, or the end of the old one, as a retry would.
  ASSERT_TRUE(Until([&] {
    auto retried = worker_->MakeBundle("stage", nullptr);
    (void)retried->Send("source", "late");
    (void)retried->EndInput();
    return Drain(retried.get())["sink "] == "late";
  }));
  EXPECT_TRUE(worker_->is_alive());
}

// The first part of a message may be ended with no bytes for a port; some SDKs look at none that
// come with the end.
TEST_F(FnServerTest, EndsAreInTheLastMessageOnTheirOwn) {
  Expect();
  std::mutex mutex;
  std::vector<fn::Elements> messages;
  const SdkEnd sdk_end(this);
  sdk_->on_elements = [&](const fn::Elements& elements) {
    const std::lock_guard lock(mutex);
    messages.push_back(elements);
  };
  Connect();
  auto bundle = worker_->MakeBundle("stage", nullptr);
  ASSERT_EQ(bundle->Send("source", "a"), OkStatus());
  ASSERT_EQ(bundle->Flush(), OkStatus());
  ASSERT_EQ(bundle->Send("source", "b"), OkStatus());
  ASSERT_EQ(bundle->EndInput(), OkStatus());
  ASSERT_TRUE(Until([&] {
    const std::lock_guard lock(mutex);
    return messages.size() == 2;
  }));
  ASSERT_EQ(messages[0].data_size(), 1);
  EXPECT_FALSE(messages[0].data(0).is_last());
  ASSERT_EQ(messages[1].data_size(), 2);
  EXPECT_EQ(messages[1].data(0).data(), "b");
  EXPECT_FALSE(messages[1].data(0).is_last());
  EXPECT_EQ(messages[1].data(1).data(), "");
  EXPECT_TRUE(messages[1].data(1).is_last());
  ASSERT_EQ(messages[1].timers_size(), 2);
  EXPECT_TRUE(messages[1].timers(0).is_last() && messages[1].timers(1).is_last());
}

TEST_F(FnServerTest, ABundleIsDoneWhenItsAnswerAndAllItsOutputAreThere) {
  Expect();
  Connect();
  auto bundle = worker_->MakeBundle("stage", nullptr);
  const std::string& id = bundle->instruction_id();
  ASSERT_EQ(bundle->EndInput(), OkStatus());
  sdk_->Answer(FakeSdk::AnswerTo(id));
  sdk_->Output(id, "sink", "x", true);
  bundle->Wait(kLong);
  BundleOutput output;
  ASSERT_TRUE(bundle->TryTake(&output));
  bundle->Wait(milliseconds(20));
  EXPECT_FALSE(bundle->is_done());  // Of the two timer families' ends there is none.
  fn::Elements ends;
  for (const char* family : {"soon", "late"}) {
    fn::Elements_Timers& timers = *ends.add_timers();
    timers.set_instruction_id(id);
    timers.set_transform_id("pardo");
    timers.set_timer_family_id(family);
    timers.set_is_last(true);
  }
  sdk_->Output(ends);
  EXPECT_TRUE(Drain(bundle.get()).empty());
  EXPECT_TRUE(bundle->response().ok());
}

class FakeState final : public StateHandler {
 public:
  Status Handle(const fn::StateRequest& request, fn::StateResponse* response) override {
    ++calls;
    std::this_thread::sleep_for(pause);
    is_over = true;
    if (request.has_clear()) return InvalidArgument("nothing can be cleared");
    response->mutable_get()->set_data("value of " + request.state_key().bag_user_state().key());
    return OkStatus();
  }
  std::atomic<int> calls = 0;
  std::atomic<bool> is_over = false;
  milliseconds pause{0};
};

class StateCall {
 public:
  explicit StateCall(FakeSdk* sdk) : stub_(fn::BeamFnState::NewStub(sdk->channel())) {
    sdk->AddId(&context_);
    stream_ = stub_->State(&context_);
  }
  ~StateCall() { context_.TryCancel(); }
  void Ask(const std::string& id, const std::string& instruction_id, bool clears = false) {
    fn::StateRequest request;
    request.set_id(id);
    request.set_instruction_id(instruction_id);
    request.mutable_state_key()->mutable_bag_user_state()->set_key("k");
    clears ? (void)request.mutable_clear() : (void)request.mutable_get();
    stream_->Write(request);
  }
  fn::StateResponse Read() {
    fn::StateResponse response;
    EXPECT_TRUE(stream_->Read(&response));
    return response;
  }

 private:
  std::unique_ptr<fn::BeamFnState::Stub> stub_;
  ::grpc::ClientContext context_;
  std::unique_ptr<::grpc::ClientReaderWriter<fn::StateRequest, fn::StateResponse>> stream_;
};

TEST_F(FnServerTest, AnswersStateOfBundlesAtWorkOnly) {
  Expect();
  sdk_->Echo();
  Connect();
  FakeState state;
  auto bundle = worker_->MakeBundle("stage", &state);
  auto stateless = worker_->MakeBundle("stage", nullptr);
  StateCall call(sdk_.get());
  call.Ask("1", bundle->instruction_id());
  call.Ask("2", bundle->instruction_id(), true);
  call.Ask("3", "nobody");
  call.Ask("4", stateless->instruction_id());
  fn::StateResponse response = call.Read();
  EXPECT_EQ(response.id(), "1");
  EXPECT_EQ(response.get().data(), "value of k");
  response = call.Read();
  EXPECT_EQ(response.id(), "2");
  EXPECT_EQ(response.error(), "nothing can be cleared");
  response = call.Read();
  EXPECT_EQ(response.id(), "3");
  EXPECT_NE(response.error().find("nobody"), std::string::npos);
  EXPECT_NE(call.Read().error(), "");
  ASSERT_EQ(bundle->EndInput(), OkStatus());
  Drain(bundle.get());
  call.Ask("5", bundle->instruction_id());
  EXPECT_NE(call.Read().error().find("is over"), std::string::npos);
  const std::string id = bundle->instruction_id();
  bundle.reset();
  call.Ask("6", id);
  EXPECT_EQ(call.Read().error(), "there is no instruction \"" + id + "\"");
  EXPECT_EQ(state.calls, 2);
}

TEST_F(FnServerTest, ABundleIsNotGivenUpInTheMiddleOfAStateCall) {
  Expect();
  Connect();
  FakeState state;
  state.pause = milliseconds(100);
  auto bundle = worker_->MakeBundle("stage", &state);
  StateCall call(sdk_.get());
  call.Ask("1", bundle->instruction_id());
  ASSERT_TRUE(Until([&] { return state.calls == 1; }));
  bundle.reset();
  EXPECT_TRUE(state.is_over);
}

TEST_F(FnServerTest, CacheTokensTravelAlong) {
  Expect();
  std::mutex mutex;
  fn::InstructionRequest seen;
  const SdkEnd sdk_end(this);
  sdk_->on_request = [&](const fn::InstructionRequest& request) {
    const std::lock_guard lock(mutex);
    seen = request;
  };
  Connect();
  fn::ProcessBundleRequest::CacheToken token;
  token.mutable_user_state();
  token.set_token("t7");
  const auto bundle = worker_->MakeBundle("stage", nullptr, {token.SerializeAsString()});
  ASSERT_TRUE(Until([&] {
    const std::lock_guard lock(mutex);
    return seen.instruction_id() == bundle->instruction_id();
  }));
  ASSERT_EQ(seen.process_bundle().cache_tokens_size(), 1);
  EXPECT_EQ(seen.process_bundle().cache_tokens(0).token(), "t7");
  const auto broken = worker_->MakeBundle("stage", nullptr, {"\xff"});
  EXPECT_EQ(broken->response().status().code(), StatusCode::kInvalidArgument);
}

TEST_F(FnServerTest, SplitsAndProgress) {
  Expect();
  std::atomic<bool> is_mute = false;
  const SdkEnd sdk_end(this);
  sdk_->on_request = [&](const fn::InstructionRequest& request) {
    fn::InstructionResponse response;
    response.set_instruction_id(request.instruction_id());
    if (request.has_process_bundle_split() && !is_mute) {
      const auto& desired = request.process_bundle_split().desired_splits().at("source");
      if (desired.fraction_of_remainder() > 1) {
        response.set_error("no such fraction");
      } else {
        response.mutable_process_bundle_split()->add_channel_splits()->set_last_primary_element(41);
      }
      sdk_->Answer(response);
      sdk_->Answer(response);  // Twice.
    } else if (request.has_process_bundle_progress()) {
      (*response.mutable_process_bundle_progress()->mutable_monitoring_data())["a"] = "7";
      sdk_->Answer(response);
    }
  };
  Connect();
  auto bundle = worker_->MakeBundle("stage", nullptr);
  fn::ProcessBundleSplitRequest request;
  (*request.mutable_desired_splits())["source"].set_fraction_of_remainder(0.5);
  fn::ProcessBundleSplitResponse response;
  for (int i = 0; i < 3; ++i) {
    ASSERT_EQ(bundle->Split(request, &response, kLong), OkStatus());
    ASSERT_EQ(response.channel_splits_size(), 1);
    EXPECT_EQ(response.channel_splits(0).last_primary_element(), 41);
  }
  EXPECT_EQ(bundle->progress(), nullptr);
  bundle->AskForProgress();
  ASSERT_TRUE(Until([&] { return bundle->progress() != nullptr; }));
  EXPECT_EQ(bundle->progress()->monitoring_data().at("a"), "7");

  (*request.mutable_desired_splits())["source"].set_fraction_of_remainder(2);
  EXPECT_EQ(bundle->Split(request, &response, kLong), Internal("no such fraction"));
  is_mute = true;
  EXPECT_EQ(bundle->Split(request, &response, milliseconds(20)).code(),
            StatusCode::kDeadlineExceeded);
  std::thread ending([&] {
    std::this_thread::sleep_for(milliseconds(20));
    fn::InstructionResponse failure;
    failure.set_instruction_id(bundle->instruction_id());
    failure.set_error("over");
    sdk_->Answer(failure);
  });
  EXPECT_EQ(bundle->Split(request, &response, kLong), OkStatus());
  EXPECT_EQ(response.channel_splits_size(), 0);
  ending.join();
}

// A worker may tell of a split when it has told of the bundle's end.
TEST_F(FnServerTest, ASplitIsHeardOfAfterTheBundle) {
  Expect();
  const SdkEnd sdk_end(this);
  sdk_->on_request = [&](const fn::InstructionRequest& request) {
    if (!request.has_process_bundle_split()) return;
    fn::InstructionResponse done;
    done.set_instruction_id(request.process_bundle_split().instruction_id());
    done.mutable_process_bundle()->mutable_elements();
    sdk_->Answer(done);
    std::this_thread::sleep_for(milliseconds(20));
    fn::InstructionResponse response;
    response.set_instruction_id(request.instruction_id());
    response.mutable_process_bundle_split()->add_residual_roots();
    sdk_->Answer(response);
  };
  Connect();
  auto bundle = worker_->MakeBundle("stage", nullptr);
  fn::ProcessBundleSplitResponse response;
  EXPECT_EQ(bundle->Split({}, &response, kLong), OkStatus());
  EXPECT_EQ(response.residual_roots_size(), 1);
  EXPECT_TRUE(bundle->is_done());
}

TEST_F(FnServerTest, TheSdksErrorIsTheBundles) {
  Expect();
  const std::string traceback = "Traceback:\n" + std::string(60'000, 'x') + "\nValueError: 7";
  const SdkEnd sdk_end(this);
  sdk_->on_request = [&](const fn::InstructionRequest& request) {
    fn::InstructionResponse response;
    response.set_instruction_id(request.instruction_id());
    response.set_error(traceback);
    sdk_->Answer(response);
  };
  Connect();
  auto bundle = worker_->MakeBundle("stage", nullptr);
  Drain(bundle.get());
  EXPECT_EQ(bundle->response().status(), Internal(traceback));
  EXPECT_EQ(bundle->Send("source", "x"), Internal(traceback));
  EXPECT_EQ(bundle->Flush(), Internal(traceback));
  EXPECT_EQ(bundle->EndInput(), Internal(traceback));
}

TEST_F(FnServerTest, OfALongErrorBothEndsAreKept) {
  Expect();
  sdk_->on_request = [&](const fn::InstructionRequest& request) {
    fn::InstructionResponse response;
    response.set_instruction_id(request.instruction_id());
    response.set_error("Traceback:" + std::string(10 << 20, 'x') + "ValueError: 7");
    sdk_->Answer(response);
  };
  Connect();
  auto bundle = worker_->MakeBundle("stage", nullptr);
  Drain(bundle.get());
  const std::string message = bundle->response().status().message();
  EXPECT_LT(message.size(), 66'000U);
  EXPECT_TRUE(message.starts_with("Traceback:"));
  EXPECT_TRUE(message.ends_with("ValueError: 7"));
}

TEST_F(FnServerTest, AWorkerDiesInTheMiddleOfBundles) {
  Expect();
  sdk_->on_elements = [](const auto&) {};
  Connect();
  auto one = worker_->MakeBundle("stage", nullptr);
  auto two = worker_->MakeBundle("stage", nullptr);
  ASSERT_EQ(one->Send("source", "x"), OkStatus());
  ASSERT_EQ(one->Flush(), OkStatus());
  sdk_->Kill();
  Drain(one.get());
  Drain(two.get());
  EXPECT_EQ(one->response().status().code(), StatusCode::kUnavailable);
  EXPECT_EQ(two->response().status().code(), StatusCode::kUnavailable);
  ASSERT_TRUE(Until([&] { return !worker_->is_alive(); }));
  EXPECT_EQ(worker_->MakeBundle("stage", nullptr)->response().status().code(),
            StatusCode::kUnavailable);
  ASSERT_TRUE(
      Until([&] { return worker_->WaitUntilConnected(kLong).code() == StatusCode::kUnavailable; }));
  EXPECT_EQ(worker_->MonitoringInfo("a").status().code(), StatusCode::kUnavailable);
}

// It takes no data: Send waits, and is woken by the worker's end.
TEST_F(FnServerTest, WhoWaitsForRoomHearsOfTheEnd) {
  Expect();
  sdk_->Connect();
  ASSERT_EQ(worker_->WaitUntilConnected(kLong), OkStatus());
  auto bundle = worker_->MakeBundle("stage", nullptr);
  std::thread ending([&] {
    std::this_thread::sleep_for(milliseconds(50));
    worker_->Stop("it takes too long");
  });
  const std::string block(1 << 20, 'x');
  Status status;
  int sent = 0;
  for (; status.ok() && sent < 1000; ++sent) status = bundle->Send("source", block);
  ending.join();
  EXPECT_EQ(status.code(), StatusCode::kUnavailable);
  EXPECT_NE(status.message().find("it takes too long"), std::string::npos);
  EXPECT_LT(sent, 10);
}

TEST_F(FnServerTest, GarbageFailsItsBundleOrIsDropped) {
  Expect();
  Connect();
  sdk_->Output("nobody", "sink", "x", true);
  sdk_->Answer(FakeSdk::AnswerTo("nobody"));
  sdk_->Answer(FakeSdk::AnswerTo(""));
  sdk_->Answer({});

  auto bundle = worker_->MakeBundle("stage", nullptr);
  sdk_->Output(bundle->instruction_id(), "else\n\x1b[2Jwhere", "xyz", false);
  Drain(bundle.get());
  EXPECT_EQ(bundle->response().status().code(), StatusCode::kInternal);
  EXPECT_NE(bundle->response().status().message().find("3 bytes for transform \"else ?[2Jwhere\""),
            std::string::npos);

  bundle = worker_->MakeBundle("stage", nullptr);
  sdk_->Output(bundle->instruction_id(), "sink", "x", true);
  sdk_->Output(bundle->instruction_id(), "sink", "y", true);
  Drain(bundle.get());
  EXPECT_NE(bundle->response().status().message().find("after the end"), std::string::npos);

  bundle = worker_->MakeBundle("stage", nullptr);
  fn::InstructionResponse odd;
  odd.set_instruction_id(bundle->instruction_id());
  odd.mutable_finalize_bundle();
  sdk_->Answer(odd);
  Drain(bundle.get());
  EXPECT_EQ(bundle->response().status().code(), StatusCode::kInternal);

  bundle = worker_->MakeBundle("stage", nullptr);
  fn::InstructionResponse whole = FakeSdk::AnswerTo(bundle->instruction_id());
  whole.mutable_process_bundle()->mutable_elements();
  whole.mutable_process_bundle()->set_requires_finalization(true);
  sdk_->Answer(whole);
  Drain(bundle.get());
  sdk_->Answer(FakeSdk::AnswerTo(bundle->instruction_id()));  // Again, and otherwise.
  sdk_->Output(bundle->instruction_id(), "sink", "late", true);
  std::this_thread::sleep_for(milliseconds(20));
  ASSERT_TRUE(bundle->response().ok());
  EXPECT_TRUE((*bundle->response())->requires_finalization());
  BundleOutput none;
  EXPECT_FALSE(bundle->TryTake(&none));
}

TEST_F(FnServerTest, OneWorkerForAnId) {
  Expect();
  Connect();
  FakeSdk second(server_->endpoint(), "w1");
  second.Connect();
  FakeSdk stranger(server_->endpoint(), "w2");
  stranger.Connect();
  ASSERT_TRUE(Until([&] { return second.has_ended && stranger.has_ended; }));
  EXPECT_EQ(second.control_status.error_code(), ::grpc::StatusCode::ALREADY_EXISTS);
  EXPECT_EQ(stranger.control_status.error_code(), ::grpc::StatusCode::NOT_FOUND);
  EXPECT_TRUE(worker_->is_alive());
  EXPECT_EQ(server_->Expect({.id = "w1"})->WaitUntilConnected(kLong).code(),
            StatusCode::kAlreadyExists);
}

TEST_F(FnServerTest, ThereIsAMostOfWorkers) {
  std::vector<std::shared_ptr<SdkWorker>> workers;
  for (int i = 0; i < 1000; ++i) {
    workers.push_back(server_->Expect({.id = "many" + std::to_string(i)}));
  }
  EXPECT_EQ(server_->Expect({.id = "more"})->WaitUntilConnected(kLong).code(),
            StatusCode::kResourceExhausted);
  workers.pop_back();
  EXPECT_EQ(server_->Expect({.id = "more"})->WaitUntilConnected(milliseconds(1)).code(),
            StatusCode::kDeadlineExceeded);
}

TEST_F(FnServerTest, TwoBundlesInFlight) {
  Expect();
  sdk_->Echo();
  Connect();
  auto one = worker_->MakeBundle("stage", nullptr);
  auto two = worker_->MakeBundle("stage", nullptr);
  std::string expected;
  for (int i = 0; i < 100; ++i) {
    const std::string element = std::to_string(i) + " ";
    expected += element;
    ASSERT_EQ(one->Send("source", element), OkStatus());
    ASSERT_EQ(two->Send("source", "b" + element), OkStatus());
    ASSERT_EQ(one->Flush(), OkStatus());
    ASSERT_EQ(two->Flush(), OkStatus());
  }
  ASSERT_EQ(two->EndInput(), OkStatus());
  EXPECT_EQ(Drain(two.get())["sink "].size(), expected.size() + 100);
  EXPECT_FALSE(one->is_done());
  ASSERT_EQ(one->EndInput(), OkStatus());
  EXPECT_EQ(Drain(one.get())["sink "], expected);
}

TEST_F(FnServerTest, ABundleGivenUpIsEndedAndForgotten) {
  Expect();
  std::atomic<int> ends = 0;
  const SdkEnd sdk_end(this);
  sdk_->Echo();
  sdk_->on_elements = [&, echo = sdk_->on_elements](const fn::Elements& elements) {
    for (const auto& data : elements.data()) ends += data.is_last() ? 1 : 0;
    echo(elements);
  };
  Connect();
  auto bundle = worker_->MakeBundle("stage", nullptr);
  ASSERT_EQ(bundle->Send("source", "x"), OkStatus());
  ASSERT_EQ(bundle->Flush(), OkStatus());
  bundle.reset();
  EXPECT_TRUE(Until([&] { return ends == 1; }));
  // One that the server gave up for its output, while the SDK waits for more.
  bundle = worker_->MakeBundle("stage", nullptr);
  sdk_->Output(bundle->instruction_id(), "elsewhere", "x", false);
  Drain(bundle.get());
  bundle.reset();
  EXPECT_TRUE(Until([&] { return ends == 2; }));

  bundle = worker_->MakeBundle("stage", nullptr);
  ASSERT_EQ(bundle->Send("source", "next"), OkStatus());
  ASSERT_EQ(bundle->EndInput(), OkStatus());
  EXPECT_EQ(Drain(bundle.get())["sink "], "next");
}

size_t ResidentBytes() {
  std::ifstream file("/proc/self/statm");
  size_t size = 0;
  size_t resident = 0;
  file >> size >> resident;
  return resident * 4096;
}

// Input is sent while all the output of it comes back and nobody takes it. What no memory is left
// for is on disk.
TEST_F(FnServerTest, NobodyWaitsForWhoTakesOutputSlowly) {
  Expect({.output_memory = std::make_shared<OutputMemory>(8 << 20, testing::TempDir())});
  sdk_->Echo();
  Connect();
  auto bundle = worker_->MakeBundle("stage", nullptr);
  constexpr size_t kBytes = 800 << 20;
  constexpr size_t kBlock = 100'000;
  const size_t before = ResidentBytes();
  size_t sent = 0;
  for (; sent < kBytes; sent += kBlock) {
    const auto letter = static_cast<char>('a' + sent / kBlock % 26);
    ASSERT_EQ(bundle->Send("source", std::string(kBlock, letter)), OkStatus());
  }
  ASSERT_EQ(bundle->EndInput(), OkStatus());
  ASSERT_TRUE(Until([&] { return bundle->is_done(); }));
  EXPECT_LT(ResidentBytes(), before + (500 << 20));
  size_t taken = 0;
  for (BundleOutput output; bundle->TryTake(&output);) {
    for (size_t i = 0; i < output.bytes.size(); i += kBlock, taken += kBlock) {
      ASSERT_EQ(output.bytes[i], static_cast<char>('a' + taken / kBlock % 26));
    }
  }
  EXPECT_EQ(taken, sent);
  EXPECT_TRUE(bundle->response().ok());
}

TEST_F(FnServerTest, OutputThatHasNoRoomAnywhereFailsItsBundle) {
  Expect({.output_memory = std::make_shared<OutputMemory>(1000, "/nowhere/at/all")});
  sdk_->Echo();
  Connect();
  auto bundle = worker_->MakeBundle("stage", nullptr);
  ASSERT_EQ(bundle->Send("source", std::string(100'000, 'x')), OkStatus());
  ASSERT_EQ(bundle->EndInput(), OkStatus());
  Drain(bundle.get());
  EXPECT_NE(bundle->response().status().message().find("exceeds the memory for it"),
            std::string::npos);
  bundle = worker_->MakeBundle("stage", nullptr);
  ASSERT_EQ(bundle->Send("source", "little"), OkStatus());
  ASSERT_EQ(bundle->EndInput(), OkStatus());
  EXPECT_EQ(Drain(bundle.get())["sink "], "little");
}

TEST_F(FnServerTest, TenThousandBundlesLeaveNothing) {
  Expect();
  sdk_->Echo();
  Connect();
  const std::string block(10'000, 'x');
  size_t before = 0;
  for (int i = 0; i < 10'000; ++i) {
    if (i == 2000) before = ResidentBytes();
    auto bundle = worker_->MakeBundle("stage", nullptr);
    ASSERT_EQ(bundle->Send("source", block), OkStatus());
    bundle->AskForProgress();
    ASSERT_EQ(bundle->EndInput(), OkStatus());
    if (i % 3 == 0) continue;  // Given up.
    ASSERT_EQ(Drain(bundle.get())["sink "].size(), block.size());
    worker_->Finalize(bundle->instruction_id());
  }
  // 80 MB have come and gone.
  EXPECT_LT(ResidentBytes(), before + (16 << 20));
}

TEST_F(FnServerTest, FinalizesAndAsksWhatMetricsAre) {
  Expect();
  std::mutex mutex;
  std::string finalized;
  int asked = 0;
  const SdkEnd sdk_end(this);
  sdk_->on_request = [&](const fn::InstructionRequest& request) {
    const std::lock_guard lock(mutex);
    if (request.has_finalize_bundle()) finalized = request.finalize_bundle().instruction_id();
    if (!request.has_monitoring_infos()) return;
    ++asked;
    fn::InstructionResponse response;
    response.set_instruction_id(request.instruction_id());
    auto& infos = *response.mutable_monitoring_infos()->mutable_monitoring_info();
    infos[request.monitoring_infos().monitoring_info_id(0)].set_urn("beam:metric:x");
    sdk_->Answer(response);
  };
  Connect();
  for (int i = 0; i < 2; ++i) {
    const auto info = worker_->MonitoringInfo("a1");
    ASSERT_TRUE(info.ok()) << info.status().message();
    pipeline::MonitoringInfo parsed;
    ASSERT_TRUE(parsed.ParseFromString(*info));
    EXPECT_EQ(parsed.urn(), "beam:metric:x");
  }
  // What was said before the end still arrives, and the end is no error.
  for (int i = 0; i < 1000; ++i) worker_->Finalize("bundle " + std::to_string(i));
  worker_->Stop("all is done");
  ASSERT_TRUE(Until([&] { return sdk_->has_ended.load(); }));
  EXPECT_EQ(sdk_->control_status.error_code(), ::grpc::StatusCode::OK);
  EXPECT_EQ(finalized, "bundle 999");
  EXPECT_EQ(asked, 1);
}

TEST_F(FnServerTest, TellsAWorkerWhatItNeedsToStart) {
  fn::ProvisionInfo info;
  info.set_retrieval_token("token");
  std::mutex mutex;
  std::vector<fn::LogEntry> logged;
  Expect({.provision_info = info.SerializeAsString(), .log = [&](const fn::LogEntry& entry) {
            const std::lock_guard lock(mutex);
            logged.push_back(entry);
          }});
  {
    const auto stub = fn::ProvisionService::NewStub(sdk_->channel());
    ::grpc::ClientContext context;
    sdk_->AddId(&context);
    fn::GetProvisionInfoResponse response;
    ASSERT_TRUE(stub->GetProvisionInfo(&context, {}, &response).ok());
    EXPECT_EQ(response.info().retrieval_token(), "token");
    EXPECT_EQ(response.info().control_endpoint().url(), server_->endpoint());
    EXPECT_EQ(response.info().status_endpoint().url(), server_->endpoint());
    EXPECT_EQ(response.info().logging_endpoint().url(), server_->endpoint());
    ::grpc::ClientContext anonymous;
    EXPECT_EQ(stub->GetProvisionInfo(&anonymous, {}, &response).error_code(),
              ::grpc::StatusCode::NOT_FOUND);
  }
  {
    const auto stub = fn::BeamFnControl::NewStub(sdk_->channel());
    fn::GetProcessBundleDescriptorRequest request;
    request.set_process_bundle_descriptor_id("stage");
    fn::ProcessBundleDescriptor descriptor;
    ::grpc::ClientContext context;
    sdk_->AddId(&context);
    ASSERT_TRUE(stub->GetProcessBundleDescriptor(&context, request, &descriptor).ok());
    EXPECT_EQ(descriptor.state_api_service_descriptor().url(), server_->endpoint());
    EXPECT_EQ(descriptor.timer_api_service_descriptor().url(), server_->endpoint());
    fn::RemoteGrpcPort port;
    ASSERT_TRUE(port.ParseFromString(descriptor.transforms().at("sink").spec().payload()));
    EXPECT_EQ(port.api_service_descriptor().url(), server_->endpoint());
    request.set_process_bundle_descriptor_id("other");
    ::grpc::ClientContext again;
    sdk_->AddId(&again);
    EXPECT_EQ(stub->GetProcessBundleDescriptor(&again, request, &descriptor).error_code(),
              ::grpc::StatusCode::NOT_FOUND);
  }
  const auto stub = fn::BeamFnLogging::NewStub(sdk_->channel());
  ::grpc::ClientContext context;
  sdk_->AddId(&context);
  const auto stream = stub->Logging(&context);
  fn::LogEntry_List entries;
  entries.add_log_entries()->set_message("short");
  std::string line;
  for (int i = 0; i < 100'000; ++i) line += "ü";
  entries.add_log_entries()->set_message("a" + line);
  stream->Write(entries);
  stream->WritesDone();
  EXPECT_TRUE(stream->Finish().ok());
  const std::lock_guard lock(mutex);
  ASSERT_EQ(logged.size(), 2U);
  EXPECT_EQ(logged[0].message(), "short");
  EXPECT_LT(logged[1].message().size(), 66'000U);
  EXPECT_TRUE(logged[1].message().ends_with("ü…"));
}

TEST_F(FnServerTest, BundlesAreSpreadOverNamedStreams) {
  Expect({.named_data_streams = 2});
  std::mutex mutex;
  std::map<std::string, std::string> stream_of;
  // The other stream of the same worker.
  FakeSdk other(server_->endpoint(), "w1", "data1");
  const SdkEnd sdk_end(this);
  sdk_ = std::make_unique<FakeSdk>(server_->endpoint(), "w1", "data0");
  sdk_->Echo();
  sdk_->on_request = [&](const fn::InstructionRequest& request) {
    const std::lock_guard lock(mutex);
    stream_of[request.instruction_id()] = request.process_bundle().data_stream_id();
  };
  other.on_elements = [&](const fn::Elements& elements) {
    other.Output(FakeSdk::Echoed(elements));
    sdk_->Answer(FakeSdk::AnswerTo(elements.data(0).instruction_id()));
  };
  Connect();
  other.ConnectData();
  // Python's SDK opens this one, too.
  std::atomic<bool> is_refused = false;
  FakeSdk unnamed(server_->endpoint(), "w1");
  unnamed.on_data_end = [&] { is_refused = true; };
  unnamed.ConnectData();
  auto one = worker_->MakeBundle("stage", nullptr);
  auto two = worker_->MakeBundle("stage", nullptr);
  for (const auto& bundle : {one.get(), two.get()}) {
    ASSERT_EQ(bundle->Send("source", "x"), OkStatus());
    ASSERT_EQ(bundle->EndInput(), OkStatus());
    EXPECT_EQ(Drain(bundle)["sink "], "x");
  }
  // Elements may overtake the instruction, which goes by another stream.
  EXPECT_TRUE(Until([&] {
    const std::lock_guard lock(mutex);
    return stream_of[one->instruction_id()] == "data0" &&
           stream_of[two->instruction_id()] == "data1";
  }));
  EXPECT_FALSE(is_refused);
  // The end of one stream is not the end of the other's bundles.
  one.reset();
  one = worker_->MakeBundle("stage", nullptr);
  two.reset();
  two = worker_->MakeBundle("stage", nullptr);
  other.Kill();
  Drain(two.get());
  EXPECT_EQ(two->response().status().code(), StatusCode::kUnavailable);
  EXPECT_FALSE(one->is_done());
  ASSERT_EQ(one->EndInput(), OkStatus());
  Drain(one.get());
  EXPECT_TRUE(one->response().ok());
}

TEST_F(FnServerTest, AsksAWorkerHowItIs) {
  Expect();
  EXPECT_EQ(worker_->WorkerStatus(kLong).status().code(), StatusCode::kUnavailable);
  const auto stub = fn::BeamFnWorkerStatus::NewStub(sdk_->channel());
  ::grpc::ClientContext context;
  sdk_->AddId(&context);
  const auto stream = stub->WorkerStatus(&context);
  std::thread sdk([&] {
    fn::WorkerStatusRequest request;
    ASSERT_TRUE(stream->Read(&request));
    fn::WorkerStatusResponse response;
    response.set_id("nothing");
    response.set_status_info("nobody asked");
    stream->Write(response);
    response.set_id(request.id());
    response.set_status_info("well");
    stream->Write(response);
    ASSERT_TRUE(stream->Read(&request));
    response.set_id(request.id());
    response.set_error("unwell");
    stream->Write(response);
    stream->Read(&request);
  });
  auto status = worker_->WorkerStatus(kLong);
  EXPECT_TRUE(Until([&] { return status.ok() || (status = worker_->WorkerStatus(kLong)).ok(); }));
  EXPECT_EQ(*status, "well");
  EXPECT_EQ(*worker_->WorkerStatus(kLong), "unwell");
  EXPECT_EQ(worker_->WorkerStatus(milliseconds(20)).status().code(), StatusCode::kDeadlineExceeded);
  context.TryCancel();
  sdk.join();
}

TEST_F(FnServerTest, InputThatIsNoneIsRefused) {
  Expect();
  Connect();
  EXPECT_EQ(worker_->MakeBundle("unknown", nullptr)->response().status().code(),
            StatusCode::kNotFound);
  auto bundle = worker_->MakeBundle("stage", nullptr);
  EXPECT_EQ(bundle->Send("sink", "x").code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(bundle->SendTimers("pardo", "never", "x").code(), StatusCode::kInvalidArgument);
  ASSERT_EQ(bundle->EndInput(), OkStatus());
  EXPECT_EQ(bundle->Send("source", "x").code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(bundle->EndInput(), OkStatus());
}

TEST_F(FnServerTest, TheServerEndsWhileABundleIsAtWork) {
  Expect();
  Connect();
  auto bundle = worker_->MakeBundle("stage", nullptr);
  ASSERT_EQ(bundle->Send("source", "x"), OkStatus());
  server_.reset();
  EXPECT_TRUE(bundle->is_done());
  EXPECT_EQ(bundle->response().status().code(), StatusCode::kUnavailable);
  EXPECT_EQ(bundle->EndInput().code(), StatusCode::kUnavailable);
}

TEST(FnServerStartTest, AMessageOfAWorkerHasALimit) {
  constexpr int kMost = 1 << 20;
  const auto server = FnServer::Start("localhost", 0, kMost);
  ASSERT_TRUE(server.ok());
  const auto worker = (*server)->Expect({.id = "w1"});
  worker->AddDescriptor(Descriptor());
  FakeSdk sdk((*server)->endpoint(), "w1");
  sdk.Connect();
  sdk.ConnectData();
  ASSERT_EQ(worker->WaitUntilConnected(kLong), OkStatus());
  const auto bundle = worker->MakeBundle("stage", nullptr);
  sdk.Output(bundle->instruction_id(), "sink", std::string(kMost - 1000, 'x'), false);
  BundleOutput output;
  while (!bundle->TryTake(&output) && !bundle->is_done()) bundle->Wait(kLong);
  EXPECT_EQ(output.bytes.size(), static_cast<size_t>(kMost - 1000));
  sdk.Output(bundle->instruction_id(), "sink", std::string(kMost + 1000, 'x'), false);
  while (!bundle->is_done()) bundle->Wait(kLong);
  EXPECT_EQ(bundle->response().status().code(), StatusCode::kUnavailable);
  EXPECT_NE(
      bundle->response().status().message().find("or sent more than 1048576 bytes in one message"),
      std::string::npos);
}

TEST(FnServerStartTest, AnAddressThatIsTakenIsRefused) {
  const auto server = FnServer::Start("localhost", 0);
  ASSERT_TRUE(server.ok());
  const std::string& endpoint = (*server)->endpoint();
  const int port = std::stoi(endpoint.substr(endpoint.find(':') + 1));
  EXPECT_EQ(FnServer::Start("localhost", port).status().code(), StatusCode::kUnavailable);
}

}  // namespace
}  // namespace joist::portability
