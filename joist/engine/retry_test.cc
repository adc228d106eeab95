// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Failures injected everywhere: what fails a few times and then works leaves no trace in results
// and metrics; what goes on failing ends the job with one line.

#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "joist/engine/injected_failure.h"
#include "joist/sdk/testing/test_pipeline.h"

namespace joist {
namespace {

const Counter seen("retry_test", "seen");
const Counter finished("retry_test", "finished");
const Distribution values("retry_test", "values");
const StringSet places("retry_test", "places");

struct Sums {
  int64_t sum = 0;
  void Setup() { MayFail("setup"); }
  void StartBundle() { MayFail("start"); }
  void Process(int64_t n, Emit<KV<int64_t, int64_t>> emit) {
    if (n % 977 == 0) MayFail("process");
    seen.Inc();
    values.Update(n);
    places.Add("process");
    sum += n;
    emit(KV{n % 10, n});
    if (n % 977 == 1) MayFail("after emit");
  }
  void FinishBundle(Emit<KV<int64_t, int64_t>> emit) {
    emit(KV{int64_t{-1}, sum});
    finished.Inc();
    MayFail("finish");
  }
};

struct FlakySum {
  int64_t CreateAccumulator() const {
    MayFail("create");
    return 0;
  }
  void AddInput(int64_t& to, int64_t n) const {
    if (n % 991 == 0) MayFail("add");
    to += n;
  }
  void MergeAccumulators(int64_t& to, const int64_t& from) const {
    MayFail("merge");
    to += from;
  }
  int64_t ExtractOutput(const int64_t& from) const {
    MayFail("extract");
    return from;
  }
};

constexpr int64_t kCount = 30000;

struct FlakyNumbers {
  using Element = int64_t;
  Result<std::vector<SourceRange>> Split(int) const {
    MayFail("split");
    return std::vector<SourceRange>{{0, 0, kCount / 2, true}, {0, kCount / 2, kCount, true}};
  }
  Status Read(RangeTracker& tracker, SourceOutput<int64_t>& out) const {
    int64_t begin, end;
    while (tracker.Claim(100, &begin, &end)) {
      MayFail("read");
      for (int64_t i = begin; i < end; ++i) out(i);
    }
    return OkStatus();
  }
};

JobOutcome RunWithFailures(const std::string& place, int times, int threads) {
  TestPipeline p;
  p.set_threads(threads);
  auto pairs = p | Read(FlakyNumbers()) | "Sums" >> ParDo(Sums());
  auto sums = pairs | "Combine" >> Combine::PerKey(FlakySum());
  auto grouped = pairs | "Group" >> GroupByKey() |
                 "Add" >> Map([](const KV<int64_t, Iterable<int64_t>>& group) {
                   MayFail("group");
                   int64_t sum = 0;
                   for (int64_t n : group.value) sum += n;
                   return KV{group.key, sum};
                 });
  std::vector<KV<int64_t, int64_t>> expected = {{-1, kCount * (kCount - 1) / 2}};
  for (int64_t key = 0; key < 10; ++key) {
    expected.push_back({key, kCount / 10 * key + 10 * (kCount / 10) * (kCount / 10 - 1) / 2});
  }
  PAssert::That(sums).ContainsInAnyOrder(expected);
  PAssert::That(grouped).ContainsInAnyOrder(expected);
  failing_place = place;
  failures_left = times;
  return p.RunToEnd();
}

bool InSecondProcess() { return getenv("JOIST_TEST_SECOND_PROCESS") != nullptr; }

TEST(Retry, LeavesNoTrace) {
  if (InSecondProcess()) GTEST_SKIP() << "counts its failures in this process";
  for (const char* place : {"setup", "start", "process", "after emit", "finish", "create", "add",
                            "merge", "extract", "read", "group"}) {
    for (int threads : {1, 2}) {
      for (int times : {1, 3}) {
        const JobOutcome outcome = RunWithFailures(place, times, threads);
        ASSERT_TRUE(outcome.status.ok())
            << place << ", " << times << " times: " << outcome.status.message();
        // It did fail; but there is nothing to merge where one thread was faster than the other.
        if (std::string_view(place) != "merge") {
          EXPECT_EQ(failures_left, 0) << place;
        }
        EXPECT_EQ(outcome.metrics.CounterValue("retry_test", "seen"), kCount) << place;
        const MetricCell cell =
            outcome.metrics.Value(MetricKind::kDistribution, "retry_test", "values");
        EXPECT_EQ(cell.count, kCount) << place;
        EXPECT_EQ(cell.sum, kCount * (kCount - 1) / 2) << place;
        EXPECT_EQ(cell.min, 0);
        EXPECT_EQ(cell.max, kCount - 1);
        for (const auto& step : outcome.metrics.steps) {
          if (step.step == "Sums") {
            EXPECT_EQ(step.elements_in, static_cast<uint64_t>(kCount)) << place;
          } else if (step.step == "Group") {
            EXPECT_EQ(step.elements_out, 11u) << place;
          }
        }
      }
    }
  }
}

TEST(Retry, FourthFailureIsFinal) {
  if (InSecondProcess()) GTEST_SKIP() << "counts its failures in this process";
  for (const auto& [place, message] : std::vector<std::pair<std::string, std::string>>{
           {"setup", "step \"Sums\": injected"},
           {"start", "step \"Sums\": injected"},
           {"process", "step \"Sums\": injected (element: 0)"},
           {"after emit", "step \"Sums\": injected (element: 1)"},
           {"finish", "step \"Sums\": injected"},
           {"add", "step \"Combine\": injected (element: {0: 0})"},
           {"extract", "step \"Combine\": injected"},
           {"read", "step \"Read\": injected"},
           {"split", "step \"Read\": injected"}}) {
    const JobOutcome outcome = RunWithFailures(place, 1000, 1);
    EXPECT_EQ(outcome.state, JobState::kFailed);
    EXPECT_EQ(outcome.status.message(), message) << place;
    // Each of the two ranges is tried at most four times.
    EXPECT_GE(1000 - failures_left, place == "split" ? 1 : 4) << place;
    EXPECT_LT(1000 - failures_left, 8) << place;
  }
  failures_left = 0;
}

TEST(Retry, AnythingCanBeThrown) {
  const auto message = [](auto fn) {
    TestPipeline p;
    p | Create({1}) | "Throws" >> ParDo(fn);
    return p.RunToEnd().status.message();
  };
  EXPECT_EQ(message([](int) { throw 5; }),
            "step \"Throws\": an exception that is no std::exception (element: 1)");
  EXPECT_EQ(message([](int) { throw std::string("text"); }), "step \"Throws\": text (element: 1)");
  EXPECT_EQ(message([](int) { throw std::bad_alloc(); }),
            "step \"Throws\": std::bad_alloc (element: 1)");
}

TEST(Retry, FailureOfALaterStepIsNotSwallowed) {
  for (int wrap = 0; wrap < 2; ++wrap) {
    TestPipeline p;
    auto many = p | Create({1, 2}) | "Swallows" >> FlatMap([wrap](int n, Emit<int> emit) {
                                       for (int i = 0; i < 3000; ++i) {
                                         try {
                                           emit(n * 10000 + i);
                                         } catch (...) {
                                           if (wrap == 1) throw std::runtime_error("wrapped");
                                         }
                                       }
                                     });
    many | "Fails" >> ParDo([](int n) {
             if (n == 11000) throw std::runtime_error("eleven thousand");
           });
    const JobOutcome outcome = p.RunToEnd();
    EXPECT_EQ(outcome.state, JobState::kFailed);
    EXPECT_EQ(outcome.status.message(), "step \"Fails\": eleven thousand (element: 11000)");
  }
}

struct Broken {
  using Element = int;
  int how;
  Result<std::vector<SourceRange>> Split(int) const {
    if (how == 0) return NotFound("no such thing");
    return std::vector<SourceRange>{{0, 0, 10, true}};
  }
  Status Read(RangeTracker&, SourceOutput<int>&) const {
    if (how == 1) return DataLoss("byte 7 is wrong");
    throw std::runtime_error("thrown");
  }
};

TEST(Source, FailuresNameTheStep) {
  const auto message = [](int how) {
    TestPipeline p;
    p | "Input" >> Read(Broken{how});
    return p.RunToEnd().status.message();
  };
  EXPECT_EQ(message(0), "step \"Input\": no such thing");
  EXPECT_EQ(message(1), "step \"Input\": byte 7 is wrong");
  EXPECT_EQ(message(2), "step \"Input\": thrown");
}

struct Endless {
  using Element = int64_t;
  Result<std::vector<SourceRange>> Split(int) const {
    return std::vector<SourceRange>{{0, 0, int64_t{1} << 60, true}};
  }
  Status Read(RangeTracker& tracker, SourceOutput<int64_t>& out) const {
    int64_t begin, end;
    while (tracker.Claim(1000, &begin, &end)) {
      for (int64_t i = begin; i < end; ++i) out(i);
    }
    return OkStatus();
  }
};

TEST(Cancel, InTheMiddle) {
  Pipeline p;
  p | Read(Endless()) | Map([](int64_t n) { return n + 1; }) | ParDo([](int64_t) { seen.Inc(); });
  PipelineResult result = p.Run();
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_EQ(result.state(), JobState::kRunning);
  std::thread([result] { result.Cancel(); }).join();
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(result.WaitUntilFinish().state(), JobState::kCancelled);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
  EXPECT_EQ(result.metrics().CounterValue("retry_test", "seen"), 0);
}

TEST(Cancel, CleansUp) {
  Pipeline p;
  bool cleaned = false;
  p.builder().AtEnd([&cleaned] { cleaned = true; });
  p | Read(Endless()) | ParDo([](int64_t) {});
  PipelineResult result = p.Run();
  result.Cancel();
  result.WaitUntilFinish();
  EXPECT_TRUE(cleaned);
}

/// Many positions in one range; every element takes a while.
struct Slow {
  using Element = int64_t;
  Result<std::vector<SourceRange>> Split(int) const {
    return std::vector<SourceRange>{{0, 0, 200, true}};
  }
  Status Read(RangeTracker& tracker, SourceOutput<int64_t>& out) const {
    int64_t begin, end;
    while (tracker.Claim(1, &begin, &end)) {
      std::this_thread::sleep_for(std::chrono::microseconds(500));
      out(begin);
    }
    return OkStatus();
  }
};

TEST(Stealing, OneRangeKeepsAllThreadsBusy) {
  TestPipeline p;
  auto threads =
      p | Read(Slow()) | Map([](int64_t) {
        return static_cast<int64_t>(std::hash<std::thread::id>()(std::this_thread::get_id()) >> 1);
      }) |
      Count::PerElement();
  PAssert::That(threads).Satisfies([](const IterableView<KV<int64_t, int64_t>>& counts) {
    int64_t sum = 0, least = 200;
    for (const auto& count : counts) {
      sum += count.value;
      least = std::min(least, count.value);
    }
    return counts.size() == 2 && sum == 200 && least > 20;
  });
  EXPECT_TRUE(p.RunOk());
}

TEST(Stealing, FewSlowElementsAreShared) {
  TestPipeline p;
  auto threads =
      p | Create({1, 2, 3, 4, 5, 6, 7, 8}) | Map([](int) {
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
        return static_cast<int64_t>(std::hash<std::thread::id>()(std::this_thread::get_id()) >> 1);
      }) |
      Count::PerElement();
  PAssert::That(threads).Satisfies(
      [](const IterableView<KV<int64_t, int64_t>>& counts) { return counts.size() == 2; });
  EXPECT_TRUE(p.RunOk());
}

}  // namespace
}  // namespace joist
