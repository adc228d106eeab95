// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <stdexcept>
#include <string>

#include "joist/joist.h"
#include "joist/model/offset_range.h"

namespace joist {
namespace {

std::atomic<int> calls{0};
std::atomic<int> failures_left{0};

struct EndlessNumbers {
  static constexpr bool kIsBounded = false;
  OffsetRange InitialRestriction(int64_t n) const { return {0, n}; }
  void Process(int64_t, RestrictionTracker<OffsetRange>& tracker, Emit<int64_t> emit) const {
    for (int64_t i = 0; tracker.TryClaim(i); ++i) emit(i);
  }
};

class CheckpointedStream : public testing::Test {
 protected:
  void SetUp() override { std::filesystem::remove_all(directory_); }
  void TearDown() override { std::filesystem::remove_all(directory_); }
  PipelineResult Run(const std::string& name) {
    const std::string option = "--checkpoint_dir=" + directory_;
    const char* const arguments[] = {"job", option.c_str()};
    Pipeline p(2, arguments);
    p | Create<int64_t>({7}) | ParDo(EndlessNumbers()) |
        name >> Map([](int64_t n) {
          if (n != 5) return n;
          ++calls;
          if (failures_left-- > 0) throw std::runtime_error("not this time");
          return n;
        });
    return p.Run().WaitUntilFinish();
  }

  const std::string directory_ =
      testing::TempDir() + "joist_checkpointed_stream_" + std::to_string(getpid());
};

TEST_F(CheckpointedStream, TriesAgainWhatFails) {
  calls = 0;
  failures_left = 2;
  const PipelineResult result = Run("Step");
  EXPECT_TRUE(result.status().ok()) << result.status().message();
  EXPECT_EQ(calls, 3);
}

TEST_F(CheckpointedStream, GivesUpWithTheStepThatFails) {
  calls = 0;
  failures_left = 100;
  const PipelineResult result = Run("Step");
  EXPECT_NE(result.status().message().find("step \"Step\""), std::string::npos);
  EXPECT_NE(result.status().message().find("not this time"), std::string::npos);
  EXPECT_EQ(calls, 4);
}

TEST_F(CheckpointedStream, RefusesAnotherPipeline) {
  failures_left = 0;
  EXPECT_TRUE(Run("Step").status().ok());
  const Status status = Run("Other").status();
  EXPECT_NE(status.message().find("are those of another pipeline"), std::string::npos)
      << status.message();
}

}  // namespace
}  // namespace joist
