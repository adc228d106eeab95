// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// State requests of bundles.

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <org/apache/beam/model/fn_execution/v1/beam_fn_api.grpc.pb.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "joist/portability/fn_server.h"
#include "joist/portability/testing/fake_sdk.h"
#include "joist/portability/testing/served_sdk.h"

namespace joist::portability {
namespace {

using std::chrono::milliseconds;

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

}  // namespace
}  // namespace joist::portability
