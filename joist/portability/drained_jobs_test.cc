// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Streams that are drained: sources end, and restrictions are cut.

#include <gtest/gtest.h>
#include <org/apache/beam/model/pipeline/v1/beam_runner_api.pb.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "joist/model/coder.h"
#include "joist/portability/testing/portable_job.h"
#include "joist/portability/testing/state_requests.h"
#include "joist/portability/testing/tiny_sdk.h"
#include "joist/portability/urns.h"

namespace joist::portability {
namespace {

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

}  // namespace
}  // namespace joist::portability
