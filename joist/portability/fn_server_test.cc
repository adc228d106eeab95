// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Bundles there and back, and what is asked of them on the way.

#include "joist/portability/fn_server.h"

#include <gtest/gtest.h>
#include <org/apache/beam/model/fn_execution/v1/beam_fn_api.grpc.pb.h>

#include <atomic>
#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "joist/portability/testing/fake_sdk.h"
#include "joist/portability/testing/served_sdk.h"

namespace joist::portability {
namespace {

using std::chrono::milliseconds;

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

}  // namespace
}  // namespace joist::portability
