// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Workers that die, say what makes no sense, or fail.

#include <gtest/gtest.h>
#include <org/apache/beam/model/fn_execution/v1/beam_fn_api.grpc.pb.h>

#include <chrono>
#include <string>
#include <thread>

#include "joist/portability/testing/fake_sdk.h"
#include "joist/portability/testing/served_sdk.h"

namespace joist::portability {
namespace {

using std::chrono::milliseconds;

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

}  // namespace
}  // namespace joist::portability
