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

const Counter seen("checkpointed_stream", "seen");
std::atomic<int> calls{0};
std::atomic<int> failures_left{0};

struct EndlessNumbers {
  static constexpr bool kIsBounded = false;
  OffsetRange InitialRestriction(int64_t n) const { return {0, n}; }
  void Process(int64_t, RestrictionTracker<OffsetRange>& tracker, Emit<int64_t> emit) const {
    for (int64_t i = 0; tracker.TryClaim(i); ++i) emit(i);
  }
};

/// One in two milliseconds.
struct SlowNumbers {
  static constexpr bool kIsBounded = false;
  OffsetRange InitialRestriction(int64_t n) const { return {0, n}; }
  ProcessContinuation Process(int64_t, RestrictionTracker<OffsetRange>& tracker,
                              Emit<int64_t> emit) const {
    const int64_t next = tracker.restriction().from;
    if (!tracker.TryClaim(next)) return ProcessContinuation::Stop();
    emit(next);
    return ProcessContinuation::Resume(Duration::Millis(2));
  }
};

struct OpaqueSum {
  struct Opaque {
    std::shared_ptr<int64_t> sum = std::make_shared<int64_t>(0);
  };
  using Accumulator = Opaque;
  Opaque CreateAccumulator() const { return {}; }
  void AddInput(Opaque& to, int64_t n) const { *to.sum += n; }
  void MergeAccumulators(Opaque& to, const Opaque& from) const { *to.sum += *from.sum; }
  int64_t ExtractOutput(const Opaque& of) const { return *of.sum; }
};

std::atomic<int> finalized{0};

/// One in two milliseconds until a bundle was finalized, or for ten seconds.
struct UntilFinalized {
  static constexpr bool kIsBounded = false;
  OffsetRange InitialRestriction(int64_t n) const { return {0, n}; }
  ProcessContinuation Process(int64_t, RestrictionTracker<OffsetRange>& tracker,
                              Emit<int64_t> emit) const {
    const OffsetRange range = tracker.restriction();
    const bool is_over = finalized > 0;
    if (!tracker.TryClaim(is_over ? range.to : range.from)) return ProcessContinuation::Stop();
    emit(range.from);
    return ProcessContinuation::Resume(Duration::Millis(2));
  }
};

struct Finalizes {
  void Process(int64_t, BundleFinalizer finalizer, Emit<int64_t>) const {
    ++calls;
    finalizer.AfterBundleCommit(Duration::Minutes(1), [] { ++finalized; });
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

TEST_F(CheckpointedStream, FinalizesBundlesThatACheckpointHas) {
  const auto run = [&](const std::string& interval) {
    calls = finalized = 0;
    const std::string directory = "--checkpoint_dir=" + directory_ + "/" + interval;
    const std::string option = "--checkpoint_interval=" + interval;
    const char* const arguments[] = {"job", directory.c_str(), option.c_str()};
    Pipeline p(3, arguments);
    p | Create<int64_t>({interval == "1h" ? 50 : 5000}) | ParDo(UntilFinalized()) |
        ParDo(Finalizes());
    return p.Run().WaitUntilFinish().status();
  };
  EXPECT_TRUE(run("1ms").ok());
  EXPECT_LT(calls, 5000) << "none was finalized while the stream ran";
  EXPECT_EQ(finalized, calls);
  EXPECT_TRUE(run("1h").ok());
  EXPECT_EQ(calls, 50) << "one was finalized without a checkpoint";
  EXPECT_EQ(finalized, 50) << "at the end there is one";
}

/// What comes while a checkpoint is written waits for the next one.
TEST_F(CheckpointedStream, FinalizesOnlyWhatTheCheckpointHas) {
  calls = finalized = 0;
  StepStats stats;
  OperatorContext context;
  context.step = "Finalizes";
  context.stats = &stats;
  context.is_stream = true;
  context.has_checkpoints = true;
  const auto op =
      MakeStep<ParDoStep<Finalizes, int64_t, ParDoForm::kEmit>>(Finalizes())->MakeOperator(context);
  const auto run_bundle = [&] {
    op->Start();
    ColumnBuffer<int64_t> column;
    column.writer().SetView(0, 7);
    static_cast<BatchReceiver<int64_t>*>(op->input(0))->Push({column.view(), 1, Meta()});
    op->Finish();
  };
  SavedState state;
  run_bundle();
  op->Save(&state);
  run_bundle();
  op->Committed();
  EXPECT_EQ(finalized, 1);
  op->Save(&state);
  op->Committed();
  EXPECT_EQ(finalized, 2);
}

TEST_F(CheckpointedStream, IsNothingForInputThatEnds) {
  const std::string option = "--checkpoint_dir=" + directory_;
  const char* const arguments[] = {"job", option.c_str()};
  Pipeline p(2, arguments);
  p | Create<int64_t>({1, 2, 3});
  testing::internal::CaptureStderr();
  EXPECT_TRUE(p.Run().WaitUntilFinish().status().ok());
  EXPECT_NE(testing::internal::GetCapturedStderr().find("--checkpoint_dir is for streams"),
            std::string::npos);
  EXPECT_FALSE(std::filesystem::exists(directory_));
}

TEST_F(CheckpointedStream, CountsEachElementOnceOverAllRuns) {
  const std::string option = "--checkpoint_dir=" + directory_;
  const char* const arguments[] = {"job", option.c_str(), "--checkpoint_interval=10ms"};
  std::atomic<int> failures{0};
  const auto run = [&] {
    Pipeline p(3, arguments);
    p | Create<int64_t>({100}) | ParDo(SlowNumbers()) |
        "Step" >> Map([&failures](int64_t n) {
          seen.Inc();
          if ((n == 50 || n == 80) && ++failures < 3) throw std::runtime_error("not this time");
          return n;
        });
    return p.Run().WaitUntilFinish();
  };
  EXPECT_EQ(run().metrics().CounterValue("checkpointed_stream", "seen"), 100);
  EXPECT_EQ(failures, 4) << "twice in vain";
  // Of a job that is done they are known still.
  EXPECT_EQ(run().metrics().CounterValue("checkpointed_stream", "seen"), 100);
}

TEST_F(CheckpointedStream, GivesUpWithTheStepThatFails) {
  calls = 0;
  failures_left = 100;
  const PipelineResult result = Run("Step");
  EXPECT_NE(result.status().message().find("step \"Step\""), std::string::npos);
  EXPECT_NE(result.status().message().find("not this time"), std::string::npos);
  EXPECT_EQ(calls, 4);
}

/// Fails with the same element in every run of the stream, however many checkpoints were made
/// before.
TEST_F(CheckpointedStream, GivesUpBehindCheckpoints) {
  const std::string option = "--checkpoint_dir=" + directory_;
  const char* const arguments[] = {"job", option.c_str(), "--checkpoint_interval=10ms"};
  Pipeline p(3, arguments);
  std::atomic<int> failures{0};
  p | Create<int64_t>({100}) | ParDo(SlowNumbers()) | "Step" >> Map([&failures](int64_t n) {
                                                        if (n == 50 && ++failures > 0)
                                                          throw std::runtime_error("never");
                                                        return n;
                                                      });
  const PipelineResult result = p.Run().WaitUntilFinish();
  EXPECT_NE(result.status().message().find("never"), std::string::npos);
  EXPECT_EQ(failures, 4);
}

TEST_F(CheckpointedStream, NamesATypeThatCannotBeSaved) {
  const std::string option = "--checkpoint_dir=" + directory_;
  const char* const arguments[] = {"job", option.c_str(), "--checkpoint_interval=1ms"};
  Pipeline p(3, arguments);
  p | Create<int64_t>({100}) | ParDo(SlowNumbers()) |
      "Windows" >> WindowInto(FixedWindows(Duration::Hours(1))) |
      "Sum" >> Combine::Globally(OpaqueSum());
  const Status status = p.Run().WaitUntilFinish().status();
  EXPECT_NE(status.message().find("Sum"), std::string::npos) << status.message();
  EXPECT_NE(status.message().find("Opaque"), std::string::npos) << status.message();
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
