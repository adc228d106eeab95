// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Splittable functions in whole jobs: what is left comes again, is split off, and is shared.

#include <gtest/gtest.h>
#include <org/apache/beam/model/pipeline/v1/beam_runner_api.pb.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <functional>
#include <future>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "joist/model/coder.h"
#include "joist/portability/portable_runner.h"
#include "joist/portability/testing/portable_job.h"
#include "joist/portability/testing/state_requests.h"
#include "joist/portability/testing/tiny_sdk.h"
#include "joist/portability/urns.h"

namespace joist::portability {
namespace {

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

}  // namespace
}  // namespace joist::portability
