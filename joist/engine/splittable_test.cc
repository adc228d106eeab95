// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <mutex>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "joist/model/offset_range.h"
#include "joist/sdk/testing/test_pipeline.h"
#include "joist/sdk/testing/test_stream.h"

namespace joist {
namespace {

Timestamp At(int64_t seconds) { return Timestamp::Seconds(seconds); }

std::vector<int64_t> Numbers(int64_t from, int64_t to) {
  std::vector<int64_t> numbers;
  for (int64_t i = from; i < to; ++i) numbers.push_back(i);
  return numbers;
}

/// The positions below a number.
struct CountTo {
  OffsetRange InitialRestriction(int64_t n) const { return {0, n}; }
  void Process(int64_t, RestrictionTracker<OffsetRange>& tracker, Emit<int64_t> emit) const {
    for (int64_t i = tracker.restriction().from; tracker.TryClaim(i); ++i) emit(i);
  }
};

TEST(Splittable, EmitsWhatItClaims) {
  TestPipeline p;
  PAssert::That(p | Create<int64_t>({3, 0, 2}) | ParDo(CountTo()))
      .ContainsInAnyOrder({0, 1, 2, 0, 1});
  EXPECT_TRUE(p.RunOk());
}

TEST(Splittable, ManySmallElements) {
  TestPipeline p;
  std::vector<int64_t> elements(5000, 3), expected;
  for (int i = 0; i < 5000; ++i) expected.insert(expected.end(), {0, 1, 2});
  PAssert::That(p | Create<int64_t>(elements) | ParDo(CountTo())).ContainsInAnyOrder(expected);
  EXPECT_TRUE(p.RunOk());
}

/// Has fields, so that it travels; takes all else that a function can; of texts.
struct Repeat {
  int64_t times = 0;
  OffsetRange InitialRestriction(const std::string&) const { return {0, times}; }
  std::vector<OffsetRange> SplitRestriction(const std::string&, const OffsetRange& range) const {
    return range.Split(2);
  }
  void Process(std::string_view text, Timestamp timestamp, RestrictionTracker<OffsetRange>& tracker,
               SideInput<int64_t> side, Window window, Emit<std::string> emit) const {
    for (int64_t i = tracker.restriction().from; tracker.TryClaim(i); ++i) {
      emit(std::string(text) + std::to_string(i) + "/" + std::to_string(*side) + "@" +
           std::to_string(timestamp.millis / 1000) + (window == Window{At(0), At(60)} ? "w" : ""));
    }
  }
};
JOIST_ROW(Repeat, times)

TEST(Splittable, TakesWhatOtherFunctionsTake) {
  TestPipeline p;
  auto one = p | "One" >> Create<int64_t>({7});
  auto texts = p | Create<std::string>({"a", "b"}) |
               WithTimestamps([](const std::string& text) { return At(text == "a" ? 5 : 61); }) |
               WindowInto(FixedWindows(Duration::Minutes(1)));
  auto all = one | WindowInto(GlobalWindows());
  PAssert::That(texts | ParDo(Repeat{3}, AsSingleton(all)))
      .ContainsInAnyOrder({"a0/7@5w", "a1/7@5w", "a2/7@5w", "b0/7@61", "b1/7@61", "b2/7@61"});
  EXPECT_TRUE(p.RunOk());
}

struct Slow {
  static inline std::mutex mutex;
  static inline std::set<std::thread::id> threads;
  OffsetRange InitialRestriction(int64_t n) const { return {0, n}; }
  void Process(int64_t, RestrictionTracker<OffsetRange>& tracker, Emit<int64_t> emit) const {
    {
      const std::lock_guard lock(mutex);
      threads.insert(std::this_thread::get_id());
    }
    for (int64_t i = tracker.restriction().from; tracker.TryClaim(i); ++i) {
      emit(i);
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }
};

TEST(Splittable, OneElementIsSharedByThreads) {
  TestPipeline p;
  p.set_threads(3);
  PAssert::That(p | Create<int64_t>({400}) | ParDo(Slow())).ContainsInAnyOrder(Numbers(0, 400));
  EXPECT_TRUE(p.RunOk());
  if (getenv("JOIST_TEST_SECOND_PROCESS") == nullptr) {
    EXPECT_GE(Slow::threads.size(), 2u);
  }
}

/// Fails in the middle of its first part, once another thread has a part of it.
struct FailsAfterSharing {
  static inline std::atomic<int> parts = 0;
  static inline std::atomic<int> failures = 0;
  OffsetRange InitialRestriction(int64_t n) const { return {0, n}; }
  void Process(int64_t, RestrictionTracker<OffsetRange>& tracker, Emit<int64_t> emit) const {
    ++parts;
    for (int64_t i = tracker.restriction().from; tracker.TryClaim(i); ++i) {
      emit(i);
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
      if (tracker.restriction().from == 0 && parts > 1 && i > 30 && failures == 0) {
        ++failures;
        throw std::runtime_error("once");
      }
    }
  }
};

TEST(Splittable, APartThatFailsIsRepeatedAlone) {
  TestPipeline p;
  p.set_threads(2);
  PAssert::That(p | Create<int64_t>({300}) | ParDo(FailsAfterSharing()))
      .ContainsInAnyOrder(Numbers(0, 300));
  EXPECT_TRUE(p.RunOk());
  if (getenv("JOIST_TEST_SECOND_PROCESS") == nullptr) {
    EXPECT_EQ(FailsAfterSharing::failures, 1);
  }
}

struct FivesWithPauses {
  OffsetRange InitialRestriction(int64_t n) const { return {0, n}; }
  ProcessContinuation Process(int64_t, RestrictionTracker<OffsetRange>& tracker,
                              Emit<int64_t> emit) const {
    const int64_t from = tracker.restriction().from;
    for (int64_t i = from; i < from + 5; ++i) {
      if (!tracker.TryClaim(i)) return ProcessContinuation::Stop();
      emit(i);
    }
    return ProcessContinuation::Resume(Duration::Millis(2));
  }
};

TEST(Splittable, GoesOnAfterAPause) {
  TestPipeline p;
  const auto start = std::chrono::steady_clock::now();
  PAssert::That(p | Create<int64_t>({52}) | ParDo(FivesWithPauses()))
      .ContainsInAnyOrder(Numbers(0, 52));
  EXPECT_TRUE(p.RunOk());
  EXPECT_GE(std::chrono::steady_clock::now() - start, std::chrono::milliseconds(20));
}

TEST(Splittable, WhoLeavesSomethingOutIsTold) {
  struct Lazy {
    OffsetRange InitialRestriction(int64_t n) const { return {0, n}; }
    void Process(int64_t, RestrictionTracker<OffsetRange>& tracker, Emit<int64_t>) const {
      tracker.TryClaim(0);
    }
  };
  TestPipeline p;
  p | Create<int64_t>({3}) | "Lazy" >> ParDo(Lazy());
  const Status status = p.RunToEnd().status;
  EXPECT_NE(status.message().find("step \"Lazy"), std::string::npos) << status.message();
  EXPECT_NE(status.message().find("before it had claimed all of OffsetRange{from: 0, to: 3}: the "
                                  "last one was 0"),
            std::string::npos)
      << status.message();
}

TEST(Splittable, RestrictionsGoToDisk) {
  TestPipeline p;
  p.set_memory(1 << 20);
  auto big = p | Create<int64_t>(Numbers(0, 3000)) |
             Map([](int64_t i) { return std::string(1000, static_cast<char>('a' + i % 26)); });
  struct Sizes {
    OffsetRange InitialRestriction(const std::string& text) const {
      return {0, static_cast<int64_t>(text.size() / 500)};
    }
    void Process(const std::string& text, RestrictionTracker<OffsetRange>& tracker,
                 Emit<int64_t> emit) const {
      for (int64_t i = tracker.restriction().from; tracker.TryClaim(i); ++i) emit(text[0] - 'a');
    }
  };
  std::vector<int64_t> expected;
  for (int64_t i = 0; i < 6000; ++i) expected.push_back(i / 2 % 26);
  PAssert::That(big | ParDo(Sizes())).ContainsInAnyOrder(expected);
  EXPECT_TRUE(p.RunOk());
}

// --- Restrictions of one's own ---

/// Words that are claimed by their name.
class WordTracker;
struct Words {
  using Tracker = WordTracker;
  std::vector<std::string> words;
};
JOIST_ROW(Words, words)

class WordTracker {
 public:
  using Position = std::string;
  explicit WordTracker(Words words) : words_(std::move(words)) {}
  bool TryClaim(const std::string& word) {
    if (claimed_ == words_.words.size()) return false;
    if (words_.words[claimed_] != word) throw std::logic_error("claimed out of order: " + word);
    ++claimed_;
    return true;
  }
  std::optional<Words> TrySplit(double fraction) {
    const auto left = static_cast<double>(words_.words.size() - claimed_);
    const size_t kept = claimed_ + static_cast<size_t>(left * fraction);
    if (kept >= words_.words.size()) return std::nullopt;
    Words rest;
    rest.words.assign(words_.words.begin() + static_cast<int64_t>(kept), words_.words.end());
    words_.words.resize(kept);
    return rest;
  }
  Status CheckDone() const {
    return claimed_ == words_.words.size() ? OkStatus() : Internal("words are left");
  }
  const Words& restriction() const { return words_; }

 private:
  Words words_;
  size_t claimed_ = 0;
};

struct TwoWords {
  Words InitialRestriction(const std::string& text) const {
    Words words;
    for (char c : text) words.words.push_back(std::string(1, c));
    return words;
  }
  ProcessContinuation Process(const std::string&, Emit<std::string> emit,
                              RestrictionTracker<Words>& tracker) const {
    const std::vector<std::string> words = tracker.restriction().words;
    for (size_t i = 0; i < words.size(); ++i) {
      if (i == 2) return ProcessContinuation::Resume();
      if (!tracker.TryClaim(words[i])) break;
      emit(words[i]);
    }
    return ProcessContinuation::Stop();
  }
};

TEST(Splittable, RestrictionsOfAnyKind) {
  TestPipeline p;
  PAssert::That(p | Create<std::string>({"abcde", "", "x"}) | ParDo(TwoWords()))
      .ContainsInAnyOrder({"a", "b", "c", "d", "e", "x"});
  EXPECT_TRUE(p.RunOk());
}

// --- Streams ---

/// Number i at second i, four in each call; the watermark is told.
struct Ticks {
  static constexpr bool kIsBounded = false;
  OffsetRange InitialRestriction(int64_t n) const { return {0, n}; }
  ProcessContinuation Process(int64_t, RestrictionTracker<OffsetRange>& tracker,
                              ManualWatermarkEstimator& watermark, Emit<int64_t> emit) const {
    const int64_t from = tracker.restriction().from;
    for (int64_t i = from; i < from + 4; ++i) {
      if (!tracker.TryClaim(i)) return ProcessContinuation::Stop();
      emit(i, At(i));
      watermark.SetWatermark(At(i + 1));
    }
    return ProcessContinuation::Resume(Duration::Millis(1));
  }
};

TEST(SplittableStream, AManualWatermarkClosesWindows) {
  TestPipeline p;
  auto ticks = p | Create<int64_t>({35}) | ParDo(Ticks());
  EXPECT_FALSE(p.builder().graph().collections()[ticks.id()].is_bounded);
  auto sums = ticks |
              WindowInto(FixedWindows(Duration::Seconds(10)))
                  .Triggering(Trigger::AfterWatermark())
                  .DiscardingFiredPanes() |
              Count::Globally();
  for (int64_t window = 0; window < 3; ++window) {
    PAssert::That(sums)
        .InOnTimePane({At(10 * window), At(10 * window + 10)})
        .ContainsInAnyOrder({10});
  }
  PAssert::That(sums).InOnTimePane({At(30), At(40)}).ContainsInAnyOrder({5});
  EXPECT_TRUE(p.RunOk());
}

/// Never returns by itself before all is claimed.
struct Endless {
  static constexpr bool kIsBounded = false;
  static inline std::atomic<int> calls = 0;
  OffsetRange InitialRestriction(int64_t n) const { return {0, n}; }
  void Process(int64_t, RestrictionTracker<OffsetRange>& tracker,
               MonotonicallyIncreasingWatermarkEstimator&, Emit<int64_t> emit) const {
    ++calls;
    for (int64_t i = tracker.restriction().from; tracker.TryClaim(i); ++i) {
      emit(i, Timestamp::Millis(i));
      if (i % 100 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }
};

TEST(SplittableStream, AFunctionIsStoppedNowAndThen) {
  TestPipeline p;
  auto counts = p | Create<int64_t>({10000}) | ParDo(Endless()) |
                WindowInto(FixedWindows(Duration::Seconds(1)))
                    .Triggering(Trigger::AfterWatermark())
                    .DiscardingFiredPanes() |
                Count::Globally();
  // No element is late though ten windows pass: the watermark follows what is emitted.
  PAssert::That(counts).ContainsInAnyOrder(std::vector<int64_t>(10, 1000));
  EXPECT_TRUE(p.RunOk());
  if (getenv("JOIST_TEST_SECOND_PROCESS") == nullptr) {
    EXPECT_GT(Endless::calls, 3);
  }
}

/// Of what comes as a stream itself.
TEST(SplittableStream, BehindATestStream) {
  TestPipeline p;
  auto numbers = p | TestStream<int64_t>()
                         .AddElements({{2, At(1)}, {3, At(2)}})
                         .AdvanceWatermarkTo(At(10))
                         .AddElements({{1, At(11)}})
                         .AdvanceWatermarkToInfinity();
  auto counts = numbers | ParDo(CountTo()) |
                WindowInto(FixedWindows(Duration::Seconds(10)))
                    .Triggering(Trigger::AfterWatermark())
                    .DiscardingFiredPanes() |
                Count::Globally();
  PAssert::That(counts).InOnTimePane({At(0), At(10)}).ContainsInAnyOrder({5});
  PAssert::That(counts).InOnTimePane({At(10), At(20)}).ContainsInAnyOrder({1});
  EXPECT_TRUE(p.RunOk());
}

TEST(SplittableStream, WhatIsLateHoldsNothingBack) {
  TestPipeline p;
  const Duration second = Duration::Seconds(1);
  auto numbers = p | TestStream<int64_t>()
                         .AddElements({{12, At(1)}})
                         .AdvanceProcessingTime(second)
                         .AdvanceProcessingTime(second)
                         .AdvanceWatermarkTo(At(60))
                         .AddElements({{7, At(2)}})
                         .AdvanceProcessingTime(second)
                         .AdvanceWatermarkToInfinity();
  auto counts = numbers | ParDo(FivesWithPauses()) |
                WindowInto(FixedWindows(Duration::Seconds(10)))
                    .Triggering(Trigger::AfterWatermark(Trigger::Never(), Trigger::AfterCount(1)))
                    .WithAllowedLateness(Duration::Minutes(2))
                    .DiscardingFiredPanes() |
                Count::Globally();
  PAssert::That(counts).InOnTimePane({At(0), At(10)}).ContainsInAnyOrder({12});
  PAssert::That(counts).InLatePane({At(0), At(10)}).ContainsInAnyOrder({5, 2});
  EXPECT_TRUE(p.RunOk());
}

/// Pauses after each number.
template <int64_t kMillis>
struct CountWithPauses {
  OffsetRange InitialRestriction(int64_t n) const { return {0, n}; }
  ProcessContinuation Process(int64_t, RestrictionTracker<OffsetRange>& tracker,
                              Emit<int64_t> emit) const {
    const int64_t i = tracker.restriction().from;
    if (!tracker.TryClaim(i)) return ProcessContinuation::Stop();
    emit(i);
    return ProcessContinuation::Resume(Duration::Millis(kMillis));
  }
};

/// A watermark waits for what a paused function may still emit.
TEST(SplittableStream, WhatIsPausedHoldsTheWatermark) {
  TestPipeline p;
  auto numbers = p | TestStream<int64_t>()
                         .AddElements({{3, At(1)}})
                         .AdvanceWatermarkTo(At(100))
                         .AdvanceProcessingTime(Duration::Seconds(61))
                         .AdvanceWatermarkTo(At(200))
                         .AdvanceProcessingTime(Duration::Seconds(61))
                         .AdvanceProcessingTime(Duration::Seconds(61))
                         .AdvanceWatermarkToInfinity();
  auto counts = numbers | ParDo(CountWithPauses<60'000>()) |
                WindowInto(FixedWindows(Duration::Seconds(10)))
                    .Triggering(Trigger::AfterWatermark())
                    .DiscardingFiredPanes() |
                Count::Globally();
  PAssert::That(counts).InOnTimePane({At(0), At(10)}).ContainsInAnyOrder({3});
  EXPECT_TRUE(p.RunOk());
}

// --- Draining ---

std::atomic<int64_t> ticks{0};
std::atomic<int64_t> counted{0};

/// A number each millisecond or so, a second of event time apart; to be drained, up to `kWhole`
/// whole ones.
template <int64_t kWhole>
struct Ticker {
  static constexpr bool kIsBounded = false;
  OffsetRange InitialRestriction(int64_t n) const { return {0, n}; }
  std::optional<OffsetRange> TruncateRestriction(const int64_t&, const OffsetRange& left) const
    requires(kWhole > 0)
  {
    if (left.from % kWhole == 0) return std::nullopt;
    return OffsetRange{left.from, (left.from / kWhole + 1) * kWhole};
  }
  ProcessContinuation Process(int64_t, RestrictionTracker<OffsetRange>& tracker,
                              ManualWatermarkEstimator& watermark, Emit<int64_t> emit) const {
    const int64_t i = tracker.restriction().from;
    if (!tracker.TryClaim(i)) return ProcessContinuation::Stop();
    emit(i, At(i));
    watermark.SetWatermark(At(i + 1));
    ++ticks;
    return ProcessContinuation::Resume(Duration::Millis(1));
  }
};

/// Runs `p` until there were `some` ticks, drains it, and waits for its end.
void RunAndDrain(Pipeline& p, int64_t some) {
  const PipelineResult result = p.Run();
  while (ticks < some && result.state() == JobState::kRunning) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  result.Drain();
  EXPECT_TRUE(result.status().ok()) << result.status().message();
  EXPECT_EQ(result.state(), JobState::kDone);
}

constexpr int64_t kNoEnd = int64_t{1} << 60;

TEST(Drain, EndsWhatHasNoEndAndFiresItsWindows) {
  ticks = counted = 0;
  Pipeline p;
  p | Create<int64_t>({kNoEnd}) | ParDo(Ticker<0>()) |
      WindowInto(FixedWindows(Duration::Hours(1))) | Count::Globally() |
      "Take" >> Map([](int64_t n) { return counted += n; });
  RunAndDrain(p, 25);
  EXPECT_GE(ticks, 25);
  EXPECT_EQ(counted, ticks);
}

TEST(Drain, AFunctionSaysWhatIsToBeDoneStill) {
  ticks = 0;
  Pipeline p;
  p | Create<int64_t>({kNoEnd}) | ParDo(Ticker<100>());
  RunAndDrain(p, 5);
  EXPECT_EQ(ticks % 100, 0);
  EXPECT_GT(ticks, 0);
}

TEST(Drain, WhatHasAnEndGoesOnToIt) {
  ticks = counted = 0;
  Pipeline p;
  p | "Start" >> Create<int64_t>({kNoEnd}) | ParDo(Ticker<0>());
  p | "Some" >> Create<int64_t>({300}) | "Slowly" >> ParDo(CountWithPauses<1>()) |
      "Take" >> Map([](int64_t) { return ++counted; });
  RunAndDrain(p, 3);
  EXPECT_EQ(counted, 300);
}

}  // namespace
}  // namespace joist
