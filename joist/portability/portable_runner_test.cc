// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Whole jobs on an SDK worker of a few lines: bundles there and back, workers that die, state.

#include "joist/portability/portable_runner.h"

#include <gtest/gtest.h>
#include <org/apache/beam/model/fn_execution/v1/beam_fn_api.grpc.pb.h>
#include <org/apache/beam/model/pipeline/v1/beam_runner_api.pb.h>

#include <atomic>
#include <chrono>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "joist/portability/components_builder.h"
#include "joist/portability/testing/portable_job.h"
#include "joist/portability/testing/state_requests.h"
#include "joist/portability/testing/tiny_sdk.h"
#include "joist/portability/urns.h"

namespace joist::portability {
namespace {

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
  // A bundle that has ended in a worker which dies before the runner hears of it comes again, but
  // counts once.
  const std::set<std::string> once(sdk_.recorded.begin(), sdk_.recorded.end());
  EXPECT_EQ(once.size(), static_cast<size_t>(kElements));
  EXPECT_EQ(listener_.committed(), 1 + 2 * kElements);  // Of three functions.
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
