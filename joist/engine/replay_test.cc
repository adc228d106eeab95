// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// What fails is kept, and fails again when it is replayed, with the same state, clocks and side
// inputs.

#include "joist/engine/replay.h"

#include <gtest/gtest.h>

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <mutex>
#include <random>
#include <set>
#include <stdexcept>
#include <string>
#include <tuple>
#include <vector>

#include "joist/joist.h"
#include "joist/model/offset_range.h"
#include "joist/sdk/testing/test_stream.h"

namespace joist {
namespace {

using Pair = KV<int64_t, int64_t>;

/// What functions have seen since this was cleared: key, value, and the sum before. To be read when
/// no pipeline runs.
std::vector<std::tuple<int64_t, int64_t, int64_t>> calls_seen;

/// Adds to it; from any thread.
void See(int64_t key, int64_t value, int64_t before) {
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  calls_seen.emplace_back(key, value, before);
}

/// Whether functions fail: a fault that has been mended does not.
std::atomic<bool> is_mended{false};

void Throw(const std::string& what) {
  if (!is_mended) throw std::runtime_error(what);
}

/// Sums by key. -1 sets a timer; from 1,000 on it fails, and so does the timer.
struct Summed {
  struct Sum {};
  struct Later {};
  void Process(const Pair& n, ValueState<int64_t, Sum> sum, EventTimer<Later> later,
               Emit<Pair> emit) const {
    const int64_t before = sum.ReadOr(0);
    See(n.key, n.value, before);
    if (n.value == -1) return later.Set(Timestamp::Seconds(60));
    sum.Write(before + n.value);
    if (n.value >= 1000) Throw("sum " + std::to_string(before + n.value));
    emit(Pair{n.key, before + n.value});
  }
  void OnTimer(Later, TimerKey<int64_t> key, ValueState<int64_t, Sum> sum, Emit<Pair>) const {
    See(*key, -2, sum.ReadOr(0));
    if (*key == 2) Throw("timer of 2 at " + std::to_string(sum.ReadOr(0)));
  }
};

/// A thousand letters for each element.
struct LongTexts {
  struct Text {};
  void Process(const Pair& n, ValueState<std::string, Text> text, Emit<Pair>) const {
    const std::string now = text.ReadOr("");
    if (n.value == 1000) Throw("length " + std::to_string(now.size()));
    text.Write(now + std::string(1000, 'x'));
  }
};

struct SumOfBundle {
  int64_t sum = -1;
  void StartBundle() { sum = 0; }
  void Process(int64_t n, Emit<int64_t> emit) {
    sum += n;
    emit(n);
  }
  void FinishBundle(Emit<int64_t>) const { Throw("sum of the bundle: " + std::to_string(sum)); }
};

template <bool kHasEnd>
struct Claims {
  static constexpr bool kIsBounded = kHasEnd;
  OffsetRange InitialRestriction(int64_t n) const { return {0, n}; }
  void Process(int64_t, RestrictionTracker<OffsetRange>& tracker, Emit<int64_t> emit) const {
    for (int64_t i = 0; tracker.TryClaim(i); ++i) {
      if (i == 7) Throw("claimed 7");
      emit(i);
    }
  }
};

class ReplayTest : public testing::Test {
 protected:
  using Build = std::function<void(Pipeline&)>;

  void SetUp() override {
    std::filesystem::remove_all(directory_);
    is_mended = false;
    calls_seen.clear();
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  /// The error of the job, which must fail.
  std::string Run(const Build& build, const std::string& options) const {
    std::vector<std::string> texts = {"job", "--max_num_workers=1"};
    for (size_t begin = 0; begin < options.size(); begin = options.find(' ', begin) + 1) {
      texts.push_back(options.substr(begin, options.find(' ', begin) - begin));
      if (options.find(' ', begin) == std::string::npos) break;
    }
    std::vector<const char*> argv;
    for (const std::string& text : texts) argv.push_back(text.c_str());
    Pipeline p(static_cast<int>(argv.size()), argv.data());
    build(p);
    const PipelineResult result = p.Run().WaitUntilFinish();
    EXPECT_FALSE(result.status().ok());
    return result.status().message();
  }
  /// And what it has kept.
  KeptFailure RunAndRead(const Build& build, const std::string& options,
                         const std::string& folder) const {
    const std::string error = Run(build, options);
    const std::string kept = "; kept: joist replay " + folder + "/failure-000001";
    EXPECT_TRUE(error.ends_with(kept)) << error;
    const Result<KeptFailure> failure = ReadKeptFailure(folder + "/failure-000001");
    EXPECT_TRUE(failure.ok()) << failure.status().message();
    if (!failure.ok()) return {};
    EXPECT_EQ(failure->error + kept, error);
    return *failure;
  }
  KeptFailure FailBatch(const Build& build) const {
    return RunAndRead(build, "--keep_failures=" + directory_, directory_);
  }
  KeptFailure FailStream(const Build& build, const std::string& options = "") const {
    return RunAndRead(build,
                      "--checkpoint_dir=" + directory_ + " --checkpoint_interval=1ms" + options,
                      directory_ + "/failures");
  }
  static Result<ReplayOutcome> ReplayIn(const Build& build, const KeptFailure& failure) {
    calls_seen.clear();
    Pipeline p;
    build(p);
    return Replay(p.graph(), failure);
  }
  static void ExpectSame(const Build& build, const KeptFailure& failure) {
    const Result<ReplayOutcome> outcome = ReplayIn(build, failure);
    ASSERT_TRUE(outcome.ok()) << outcome.status().message();
    EXPECT_EQ(outcome->error.value_or("none"), failure.error);
    EXPECT_EQ(ReplayExitOf(failure, *outcome), kReplayFailedSame);
  }

  const std::string directory_ = testing::TempDir() + "joist_replay_" + std::to_string(getpid());
};

/// A bundle of three elements for each of two keys, fifty times; `last` comes then.
TestStream<Pair> Bundles(std::vector<TimestampedValue<Pair>> last) {
  TestStream<Pair> stream;
  for (int64_t b = 1; b <= 50; ++b) {
    stream = std::move(stream).AddElements({{Pair{1, b}, Timestamp::Seconds(1)},
                                            {Pair{2, 2 * b}, Timestamp::Seconds(1)},
                                            {Pair{1, b}, Timestamp::Seconds(1)}});
  }
  return std::move(stream).AddElements(last).AdvanceWatermarkToInfinity();
}

TEST_F(ReplayTest, AStreamsBundleHasTheStateOfItsBeginning) {
  for (const char* const lanes : {"", " --max_num_workers=2"}) {
    const auto build = [](Pipeline& p) {
      const Timestamp at = Timestamp::Seconds(1);
      p | Bundles({{Pair{1, 3}, at}, {Pair{3, 5}, at}, {Pair{1, 1000}, at}, {Pair{1, 9}, at}}) |
          "Sum" >> ParDo(Summed());
    };
    const KeptFailure failure = FailStream(build, lanes);
    EXPECT_EQ(failure.step, "Sum");
    // 2 * (1 + … + 50), and what came in the bundle.
    EXPECT_EQ(failure.error, "step \"Sum\": sum 3553 (element: {1: 1000})");
    EXPECT_EQ(failure.element, "{1: 1000}");
    EXPECT_EQ(failure.attempts, 4);
    EXPECT_TRUE(failure.is_stream);
    EXPECT_LE(failure.bundle.elements, 4U);
    EXPECT_EQ(failure.bundle.key_count, 1U) << "key 3 had no state, 2 was not in it";
    ExpectSame(build, failure);
    std::erase_if(calls_seen, [](const auto& call) { return std::get<0>(call) != 1; });
    EXPECT_EQ(calls_seen, (decltype(calls_seen){{1, 3, 2550}, {1, 1000, 2553}}));
    is_mended = true;
    const Result<ReplayOutcome> outcome = ReplayIn(build, failure);
    EXPECT_EQ(ReplayExitOf(failure, *outcome), kReplayPassed);
    EXPECT_EQ(outcome->outputs[0].count, failure.bundle.elements);
    EXPECT_TRUE(std::count(outcome->outputs[0].first.begin(), outcome->outputs[0].first.end(),
                           "{1: 3562}") == 1);
    SetUp();
  }
}

TEST_F(ReplayTest, OfTheLaneThatFailed) {
  std::set<std::string> errors;
  for (int64_t key = 1; key <= 4; ++key) {
    const auto build = [key](Pipeline& p) {
      std::vector<TimestampedValue<Pair>> all;
      for (int64_t other = 1; other <= 4; ++other) {
        all.push_back({Pair{other, other == key ? 1000 : other}, Timestamp::Seconds(1)});
      }
      p | Bundles(all) | "Sum" >> ParDo(Summed());
    };
    const KeptFailure failure = FailStream(build, " --max_num_workers=3");
    errors.insert(failure.error);
    ExpectSame(build, failure);
    SetUp();
  }
  EXPECT_EQ(errors.size(), 4U);
}

TEST_F(ReplayTest, ATimerFiresAgain) {
  const auto build = [](Pipeline& p) {
    p | Bundles({{Pair{1, -1}, Timestamp::Seconds(1)}, {Pair{2, -1}, Timestamp::Seconds(1)}}) |
        "Sum" >> ParDo(Summed());
  };
  const decltype(calls_seen) fired = {{1, -2, 2550}, {2, -2, 2550}};
  const KeptFailure failure = FailStream(build);
  EXPECT_EQ(failure.error, "step \"Sum\": timer of 2 at 2550 (element: timer of key 2)");
  EXPECT_EQ(failure.bundle.elements, 0U) << "they were set in a bundle before";
  // Each attempt goes on from a checkpoint of before or after they were set.
  for (const auto& call : fired) {
    EXPECT_EQ(std::count(calls_seen.begin(), calls_seen.end(), call), failure.attempts)
        << "once in each attempt, recorded or not";
  }
  ExpectSame(build, failure);
  EXPECT_EQ(calls_seen, fired);
  is_mended = true;
  EXPECT_FALSE(ReplayIn(build, failure)->error.has_value());
}

TEST_F(ReplayTest, StateThatWasOnDisk) {
  const auto build = [](Pipeline& p) {
    TestStream<Pair> stream;
    for (int64_t b = 0; b < 30; ++b) {
      std::vector<TimestampedValue<Pair>> some;
      for (int64_t i = 0; i < 1000; ++i) {
        some.push_back({Pair{1000 * b + i, 1}, Timestamp::Seconds(1)});
      }
      stream = std::move(stream).AddElements(some);
    }
    p | std::move(stream).AddElements({{Pair{3, 1000}, Timestamp::Seconds(1)}}) |
        "Text" >> ParDo(LongTexts());
  };
  const KeptFailure failure = FailStream(build, " --memory=8MB");
  EXPECT_NE(failure.error.find("length 1000"), std::string::npos) << failure.error;
  EXPECT_TRUE(std::any_of(
      std::filesystem::directory_iterator(directory_), std::filesystem::directory_iterator(),
      [](const auto& entry) { return entry.path().filename().string().starts_with("cold-"); }));
  EXPECT_EQ(failure.bundle.key_count, 1U);
  ExpectSame(build, failure);
}

TEST_F(ReplayTest, OfBoundedInput) {
  const auto build = [](Pipeline& p) {
    std::vector<int64_t> numbers(5000);
    for (size_t i = 0; i < numbers.size(); ++i) numbers[i] = static_cast<int64_t>(i);
    p | Create(numbers) | "Map" >> Map([](int64_t n) {
                            if (n == 3210) Throw("not this one");
                            return std::to_string(n);
                          });
  };
  const KeptFailure failure = FailBatch(build);
  EXPECT_EQ(failure.error, "step \"Map\": not this one (element: 3210)");
  EXPECT_FALSE(failure.is_stream);
  EXPECT_GT(failure.bundle.elements, 0U);
  ExpectSame(build, failure);
  is_mended = true;
  const Result<ReplayOutcome> outcome = ReplayIn(build, failure);
  EXPECT_EQ(outcome->outputs[0].count, failure.bundle.elements);
  const std::string text = DescribeReplay(failure, *outcome);
  EXPECT_TRUE(text.starts_with("output: " + std::to_string(failure.bundle.elements) +
                               " elements, the first \""))
      << text;
  EXPECT_TRUE(text.ends_with("did not fail\n")) << text;
}

TEST_F(ReplayTest, StateOfBoundedInput) {
  const auto build = [](Pipeline& p) {
    p | Create<Pair>({{1, 2}, {1, 3}, {2, 7}, {2, 1000}}) | "Sum" >> ParDo(Summed());
  };
  const KeptFailure failure = FailBatch(build);
  EXPECT_EQ(failure.step, "Sum");
  ExpectSame(build, failure);
}

TEST_F(ReplayTest, ABundlesBeginningAndEnd) {
  const auto build = [](Pipeline& p) {
    std::vector<int64_t> numbers(3000, 2);
    p | Create(numbers) | "Sum" >> ParDo(SumOfBundle());
  };
  const KeptFailure failure = FailBatch(build);
  EXPECT_EQ(failure.error,
            "step \"Sum\": sum of the bundle: " + std::to_string(2 * failure.bundle.elements));
  ExpectSame(build, failure);
}

TEST_F(ReplayTest, SplittableFunctions) {
  const auto bounded = [](Pipeline& p) {
    p | Create<int64_t>({10}) | "Claim" >> ParDo(Claims<true>());
  };
  const KeptFailure failure = FailBatch(bounded);
  EXPECT_NE(failure.error.find("claimed 7"), std::string::npos) << failure.error;
  ExpectSame(bounded, failure);

  SetUp();
  const auto endless = [](Pipeline& p) {
    p | Create<int64_t>({int64_t{1} << 60}) | "Claim" >> ParDo(Claims<false>());
  };
  const KeptFailure of_stream = FailStream(endless);
  ExpectSame(endless, of_stream);
  is_mended = true;
  const Result<ReplayOutcome> outcome = ReplayIn(endless, of_stream);
  ASSERT_TRUE(outcome.ok()) << outcome.status().message();
  EXPECT_EQ(outcome->error.value_or("none"), "none") << "what has no end is cut";
  EXPECT_GT(outcome->outputs[0].count, 1000U);
}

TEST_F(ReplayTest, SideInputsOfAStream) {
  const auto build = [](Pipeline& p) {
    auto side = p | "Side" >> Create<int64_t>({30, 40});
    auto main = p | "Main" >> TestStream<int64_t>()
                                  .AddElements({{1, Timestamp::Seconds(1)}})
                                  .AddElements({{2, Timestamp::Seconds(1)}})
                                  .AdvanceWatermarkToInfinity();
    main | "Look" >> Map(
                         [](int64_t n, SideInput<IterableView<int64_t>> side) {
                           int64_t sum = n;
                           for (const int64_t of : *side) sum += of;
                           if (n == 2) Throw("with the side input " + std::to_string(sum));
                           return sum;
                         },
                         AsIterable(side));
  };
  const KeptFailure failure = FailStream(build);
  EXPECT_EQ(failure.error, "step \"Look\": with the side input 72 (element: 2)");
  EXPECT_EQ(failure.bundle.side_inputs.size(), 1U);
  ExpectSame(build, failure);
}

TEST_F(ReplayTest, ElementsThatWaitedForASideInput) {
  const auto build = [](Pipeline& p) {
    const auto minutes = WindowInto(FixedWindows(Duration::Seconds(60)));
    auto side = p |
                "Side" >> TestStream<int64_t>()
                              .AddElements({{30, Timestamp::Seconds(1)}})
                              .AdvanceWatermarkTo(Timestamp::Seconds(50))
                              .AdvanceWatermarkTo(Timestamp::Seconds(100)) |
                "SideMinutes" >> minutes;
    auto main = p |
                "Main" >> TestStream<int64_t>()
                              .AddElements({{2, Timestamp::Seconds(1)}})
                              .AdvanceWatermarkTo(Timestamp::Seconds(2))
                              .AdvanceWatermarkTo(Timestamp::Seconds(3)) |
                "Minutes" >> minutes;
    main | "Look" >> Map(
                         [](int64_t n, SideInput<int64_t> side) {
                           Throw("with the side input " + std::to_string(*side));
                           return n;
                         },
                         AsSingleton(side));
  };
  const KeptFailure failure = FailStream(build);
  EXPECT_EQ(failure.error, "step \"Look\": with the side input 30 (element: 2)");
  EXPECT_EQ(failure.bundle.elements, 0U) << "it came in a bundle before";
  ExpectSame(build, failure);
}

TEST_F(ReplayTest, WhatIsLateIsLateAgain) {
  const auto build = [](Pipeline& p) {
    p |
        TestStream<Pair>()
            .AddElements({{Pair{1, 1}, Timestamp::Seconds(1)}})
            .AdvanceWatermarkTo(Timestamp::Seconds(100))
            .AddElements(
                {{Pair{1, 2}, Timestamp::Seconds(1)}, {Pair{1, 1000}, Timestamp::Seconds(200)}}) |
        WindowInto(FixedWindows(Duration::Seconds(60))) | "Sum" >> ParDo(Summed());
  };
  const KeptFailure failure = FailStream(build);
  EXPECT_EQ(failure.bundle.elements, 2U);
  ExpectSame(build, failure);
  EXPECT_EQ(calls_seen, (decltype(calls_seen){{1, 1000, 0}}));
}

TEST_F(ReplayTest, SlicesOfSlidingWindows) {
  const auto build = [](Pipeline& p) {
    p |
        TestStream<int64_t>()
            .AddElements({{1, Timestamp::Seconds(1)}, {2, Timestamp::Seconds(31)}})
            .AdvanceWatermarkToInfinity() |
        WindowInto(SlidingWindows(Duration::Seconds(60), Duration::Seconds(20))) |
        "Look" >> Map([](int64_t n, Window window) {
          if (n == 2) Throw(window.ToString());
          return n;
        });
  };
  const KeptFailure failure = FailStream(build);
  EXPECT_EQ(failure.bundle.elements, 2U) << "slices, not windows";
  ExpectSame(build, failure);
}

TEST_F(ReplayTest, WhatCannotBeKeptIsSaid) {
  const auto told = [&](const Build& build) {
    testing::internal::CaptureStderr();
    const std::string error = Run(build, "--keep_failures=" + directory_);
    EXPECT_EQ(error.find("kept"), std::string::npos) << error;
    EXPECT_FALSE(std::filesystem::exists(directory_));
    return testing::internal::GetCapturedStderr();
  };
  EXPECT_EQ(told([](Pipeline& p) {
              auto side = p | "Side" >> Create<int64_t>({30});
              p | Create<int64_t>({1}) |
                  "Look" >>
                      ParDo([](int64_t, SideInput<int64_t>) { Throw("no"); }, AsSingleton(side));
            }),
            "joist: nothing is kept for joist replay: step \"Look\" has side inputs, which are "
            "kept of streams only\n");
}

TEST_F(ReplayTest, OnlyOfTheStepThatFailedInTheEnd) {
  std::atomic<int> left{3};
  testing::internal::CaptureStderr();
  const std::string error = Run(
      [&left](Pipeline& p) {
        p | Create<int64_t>({1}) | "First" >> Map([&left](int64_t n) {
                                     if (left.fetch_sub(1) > 0) Throw("not yet");
                                     return n;
                                   }) |
            "Second" >> ParDo([](int64_t) { Throw("never"); });
      },
      "--keep_failures=" + directory_);
  EXPECT_EQ(error, "step \"Second\": never (element: 1)");
  EXPECT_NE(testing::internal::GetCapturedStderr().find("step \"Second\" has not failed before"),
            std::string::npos);
  EXPECT_FALSE(std::filesystem::exists(directory_));
}

TEST_F(ReplayTest, OnlyWhereItIsWanted) {
  const auto build = [](Pipeline& p) {
    p | TestStream<Pair>().AddElements({{Pair{1, 1000}, Timestamp::Seconds(1)}}) |
        "Sum" >> ParDo(Summed());
  };
  const std::string checkpoints = "--checkpoint_dir=" + directory_;
  EXPECT_EQ(Run(build, checkpoints + " --keep_failures=none").find("kept"), std::string::npos);
  EXPECT_FALSE(std::filesystem::exists(directory_ + "/failures"));
  EXPECT_EQ(Run(build, "--progress=never").find("kept"), std::string::npos);
  testing::internal::CaptureStderr();
  EXPECT_EQ(Run(build, "--keep_failures=" + directory_).find("kept"), std::string::npos);
  EXPECT_NE(testing::internal::GetCapturedStderr().find(
                "nothing is kept for joist replay: step \"Sum\" has not failed before"),
            std::string::npos)
      << "a stream without checkpoints is not tried again";
}

TEST_F(ReplayTest, AnotherPipelineIsRefused) {
  const auto build = [](Pipeline& p) { p | Create<Pair>({{2, 1000}}) | "Sum" >> ParDo(Summed()); };
  KeptFailure failure = FailBatch(build);
  const auto refused = [&](const Build& other, const char* why) {
    const Result<ReplayOutcome> outcome = ReplayIn(other, failure);
    EXPECT_NE(outcome.status().message().find(why), std::string::npos)
        << outcome.status().message();
  };
  const auto other = [](Pipeline& p) {
    p | "New" >> Create<Pair>({{2, 1000}}) | "Sum" >> ParDo(Summed());
  };
  refused(other, "failed in another pipeline than this one");
  failure.step = "Create";
  refused(build, "begins the pipeline");
}

KeptFailure SmallFailure() {
  KeptFailure failure;
  failure.start = {"/bin/job", "/", {"job", "--a=b"}};
  failure.step = "Sum";
  failure.error = "error";
  failure.bundle.whole = "whole";
  failure.bundle.keys = std::string(1000, 'k');
  failure.bundle.batches = {std::string(1000, 'a'), "b"};
  failure.bundle.side_inputs = {"side"};
  failure.bundle.elements = 7;
  return failure;
}

TEST_F(ReplayTest, FilesAreTheirOwnersAlone) {
  const std::string folder = directory_ + "/of/failures";
  const Result<std::string> path = KeepFailure(folder, SmallFailure());
  ASSERT_TRUE(path.ok()) << path.status().message();
  struct stat file;
  ASSERT_EQ(stat(path->c_str(), &file), 0);
  EXPECT_EQ(file.st_mode & 0777, 0600U);
  ASSERT_EQ(stat(folder.c_str(), &file), 0);
  EXPECT_EQ(file.st_mode & 0777, 0700U);
  EXPECT_EQ(EncodeKeptFailure(ReadKeptFailure(*path).value()), EncodeKeptFailure(SmallFailure()));
}

TEST_F(ReplayTest, AFolderTakesTen) {
  for (size_t i = 1; i <= kMostKeptFailures; ++i) {
    KeptFailure failure = SmallFailure();
    failure.attempts = static_cast<int>(i);
    ASSERT_TRUE(KeepFailure(directory_, failure).ok());
  }
  EXPECT_NE(KeepFailure(directory_, SmallFailure()).status().message().find("has 10 already"),
            std::string::npos);
  std::vector<std::string> files = KeptFailuresIn(directory_).value();
  ASSERT_EQ(files.size(), kMostKeptFailures);
  for (size_t i = 0; i < files.size(); ++i) {
    EXPECT_EQ(ReadKeptFailure(files[i])->attempts, static_cast<int>(i + 1));
  }
  std::filesystem::remove(files[2]);
  EXPECT_EQ(KeepFailure(directory_, SmallFailure()).value(), directory_ + "/failure-000011");
  // Nothing else is left behind.
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(directory_), {}), 10);

  const auto build = [](Pipeline& p) { p | Create<Pair>({{2, 1000}}) | "Sum" >> ParDo(Summed()); };
  testing::internal::CaptureStderr();
  EXPECT_EQ(Run(build, "--keep_failures=" + directory_).find("kept"), std::string::npos);
  EXPECT_NE(testing::internal::GetCapturedStderr().find("cannot be kept"), std::string::npos);
}

TEST_F(ReplayTest, DamagedFilesAreRefused) {
  const std::string path = KeepFailure(directory_, SmallFailure()).value();
  std::ifstream in(path, std::ios::binary);
  const std::string whole((std::istreambuf_iterator<char>(in)), {});
  const auto read = [&](const std::string& bytes) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
    return ReadKeptFailure(path).status();
  };
  EXPECT_TRUE(read(whole).ok());
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(read(whole.substr(0, size)).ok()) << size;
    std::string flipped = whole;
    flipped[size] = static_cast<char>(flipped[size] ^ 0x41);
    const Status status = read(flipped);
    EXPECT_FALSE(status.ok()) << size;
    EXPECT_EQ(status.code(), StatusCode::kDataLoss) << status.message();
  }
  EXPECT_FALSE(read(whole + "x").ok());
  EXPECT_FALSE(ReadKeptFailure(directory_).ok());
  EXPECT_FALSE(ReadKeptFailure(directory_ + "/none").ok());
}

/// What a checksum does not catch, since whoever wrote the file has made one.
TEST_F(ReplayTest, WhatMakesNoSenseIsRefused) {
  const auto build = [](Pipeline& p) {
    const Timestamp at = Timestamp::Seconds(1);
    p | Bundles({{Pair{1, 3}, at}, {Pair{1, 1000}, at}}) | "Sum" >> ParDo(Summed());
  };
  const KeptFailure failure = FailStream(build);
  const std::string whole = EncodeKeptFailure(failure);
  std::mt19937 random(7);  // NOLINT(bugprone-random-generator-seed): the same each time.
  int refused = 0;
  for (int i = 0; i < 2000; ++i) {
    std::string bytes = whole;
    for (uint32_t changes = random() % 3; changes < 3; ++changes) {
      bytes[random() % bytes.size()] = static_cast<char>(random());
    }
    if (i % 4 == 0) bytes.resize(random() % bytes.size());
    KeptFailure other;
    if (!DecodeKeptFailure(bytes, &other)) {
      ++refused;
    } else if (!ReplayIn(build, other).ok()) {
      ++refused;
    }
  }
  EXPECT_GT(refused, 500);
  KeptFailure other = failure;
  other.bundle.batches[0].resize(other.bundle.batches[0].size() - 1);
  EXPECT_NE(ReplayIn(build, other).status().message().find("an element"), std::string::npos);
  other = failure;
  other.bundle.keys.pop_back();
  EXPECT_NE(ReplayIn(build, other).status().message().find("the state"), std::string::npos);
  other = failure;
  other.bundle.side_inputs.emplace_back();
  EXPECT_NE(ReplayIn(build, other).status().message().find("a side input"), std::string::npos);
}

TEST(BundleRecord, ForgetsTheBeginningOfWhatIsTooMuch) {
  BundleRecord record(1000);
  record.Begin("");
  for (int i = 0; i < 20; ++i) record.AddBatch(std::string(100, static_cast<char>('a' + i)), 3);
  EXPECT_TRUE(record.IsNewKey("a"));
  EXPECT_FALSE(record.IsNewKey("a"));
  record.AddKey(0, "a", std::string(500, 's'));
  record.AddKey(0, "b", std::string(500, 's'));
  KeptBundle bundle = record.Take();
  EXPECT_EQ(bundle.batches.size(), 10U);
  EXPECT_EQ(bundle.batches.front()[0], 'k');
  EXPECT_EQ(bundle.elements, 30U);
  EXPECT_EQ(bundle.lost_elements, 30U);
  EXPECT_EQ(bundle.key_count, 1U);
  EXPECT_TRUE(bundle.lacks_keys);

  record.Begin("again");
  record.AddBatch(std::string(5000, 'x'), 2);
  EXPECT_TRUE(record.IsNewKey("a")) << "of another bundle";
  record.LoseBatch(4);
  record.AddBatch(std::string(5000, 'x'), 1);
  bundle = record.Take();
  EXPECT_FALSE(bundle.lacks_keys);
  EXPECT_EQ(bundle.whole, "again");
  EXPECT_EQ(bundle.batches.size(), 1U) << "the last one is kept, whatever its size";
  EXPECT_EQ(bundle.elements, 1U);
  EXPECT_EQ(bundle.lost_elements, 6U);

  record.Begin("");
  for (int i = 0; i < 100; ++i) record.IsNewKey("key " + std::to_string(i));
  EXPECT_TRUE(record.Take().lacks_keys) << "keys without state are known as well";
}

}  // namespace
}  // namespace joist
