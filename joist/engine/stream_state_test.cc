// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// State of streams over failures, restarts, beyond memory, and in programs that have changed.

#include <gtest/gtest.h>

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "joist/engine/job_folder.h"
#include "joist/joist.h"
#include "joist/model/offset_range.h"

namespace joist {
namespace {

/// What functions have given, by key: the last number and how many of them.
std::mutex given_mutex;
std::map<int64_t, int64_t> given;

/// Numbers, some at a time, each second of event time.
struct Numbers {
  static constexpr bool kIsBounded = false;
  static constexpr int64_t kAtOnce = 1000;
  OffsetRange InitialRestriction(int64_t n) const { return {0, n}; }
  ProcessContinuation Process(int64_t, RestrictionTracker<OffsetRange>& tracker,
                              ManualWatermarkEstimator& watermark, Emit<int64_t> emit) const {
    const int64_t from = tracker.restriction().from;
    for (int64_t next = from; next < from + kAtOnce; ++next) {
      if (!tracker.TryClaim(next)) return ProcessContinuation::Stop();
      const Timestamp at = Timestamp::Seconds(next / 10);
      emit(next, at);
      watermark.SetWatermark(at);
    }
    return ProcessContinuation::Resume(Duration::Zero());
  }
};

std::atomic<int64_t> fail_at{-1};
std::atomic<int> failures{0};

/// Counts by key; a text makes it large.
template <class Visits>
struct CountVisits {
  struct Count {};
  void Process(const KV<int64_t, int64_t>& n, ValueState<Visits, Count> visits,
               Emit<KV<int64_t, int64_t>> emit) const {
    if (n.value == fail_at.load()) {
      fail_at = -1;
      ++failures;
      throw std::runtime_error("not this time");
    }
    Visits now = visits.ReadOr(Visits());
    ++now.count;
    visits.Write(now);
    emit(KV<int64_t, int64_t>{n.key, now.count});
  }
};

struct Plain {
  int64_t count = 0;
};
JOIST_ROW(Plain, count)
struct Noted {
  int64_t count = 0;
  std::optional<std::string> note;
};
JOIST_ROW(Noted, count, note)
struct MustBeNoted {
  int64_t count = 0;
  std::string note;
};
JOIST_ROW(MustBeNoted, count, note)
struct Renamed {
  int64_t number = 0;
  int64_t& count = number;
  Renamed() = default;
  Renamed(const Renamed& other) : number(other.number) {}
  Renamed& operator=(const Renamed& other) {
    number = other.number;
    return *this;
  }
};
JOIST_ROW(Renamed, number)
struct Large {
  int64_t count = 0;
  std::string text = std::string(300, 'x');
};
JOIST_ROW(Large, count, text)

/// Counts by key and hour; says how many when the window expires, and a timer says so before.
struct CountByHour {
  struct Count {};
  struct Half {};
  void Process(const KV<int64_t, int64_t>&, Window window, ValueState<Large, Count> visits,
               EventTimer<Half> half, Emit<KV<int64_t, int64_t>>) const {
    Large now = visits.ReadOr(Large());
    if (now.count == 0) half.Set(window.end - Duration::Seconds(30));
    ++now.count;
    visits.Write(now);
  }
  void OnTimer(Half, TimerKey<int64_t> key, ValueState<Large, Count> visits,
               Emit<KV<int64_t, int64_t>> emit) const {
    Large now = visits.ReadOr(Large());
    emit(KV<int64_t, int64_t>{-1 - *key, 1});
    visits.Write(now);
  }
  void OnWindowExpiration(TimerKey<int64_t> key, ValueState<Large, Count> visits,
                          Emit<KV<int64_t, int64_t>> emit) const {
    emit(KV<int64_t, int64_t>{*key, visits.ReadOr(Large()).count});
  }
};

class StreamState : public testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::remove_all(directory_);
    given.clear();
    fail_at = -1;
    failures = 0;
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  /// The state takes the last count of each key.
  template <class Fn>
  Status Run(Fn fn, int64_t numbers, int64_t keys, std::vector<std::string> options,
             std::optional<Duration> windows = {}) {
    options.insert(options.begin(), {"job", "--checkpoint_dir=" + directory_});
    std::vector<const char*> arguments;
    for (const std::string& option : options) arguments.push_back(option.c_str());
    Pipeline p(static_cast<int>(arguments.size()), arguments.data());
    auto by_key = p | Create<int64_t>({numbers}) | ParDo(Numbers()) |
                  "Key" >> Map([keys](int64_t n) { return KV<int64_t, int64_t>{n % keys, n}; });
    if (windows.has_value()) by_key = by_key | WindowInto(FixedWindows(*windows));
    const bool adds = windows.has_value();
    by_key | "Count" >> ParDo(fn) | "Take" >> Map([adds](const KV<int64_t, int64_t>& count) {
                                      const std::lock_guard lock(given_mutex);
                                      int64_t& of_key = given[count.key];
                                      of_key = adds ? of_key + count.value
                                                    : std::max(of_key, count.value);
                                      return count.value;
                                    });
    const PipelineResult result = p.Run().WaitUntilFinish();
    return result.status();
  }
  void ExpectCounts(int64_t numbers, int64_t keys) {
    ASSERT_EQ(given.size(), static_cast<size_t>(std::min(numbers, keys)));
    for (const auto& [key, count] : given) {
      ASSERT_EQ(count, numbers / keys + (key < numbers % keys ? 1 : 0)) << key;
    }
  }

  const std::string directory_ =
      testing::TempDir() + "joist_stream_state_" + std::to_string(getpid());
};

TEST_F(StreamState, GoesOnFromChangesAlone) {
  for (const int64_t at : {30'000, 61'234, 90'000}) {
    fail_at = at;
    const Status status = Run(CountVisits<Plain>(), at + 5000, 777, {"--checkpoint_interval=1ms"});
    ASSERT_TRUE(status.ok()) << status.message();
    ExpectCounts(at + 5000, 777);
    std::filesystem::remove_all(directory_);
    given.clear();
  }
  EXPECT_EQ(failures, 3);
}

TEST_F(StreamState, IsExactBeyondMemory) {
  fail_at = 250'000;
  const Status status =
      Run(CountVisits<Large>(), 300'000, 40'000, {"--checkpoint_interval=20ms", "--memory=8MB"});
  ASSERT_TRUE(status.ok()) << status.message();
  EXPECT_EQ(failures, 1);
  ExpectCounts(300'000, 40'000);
  // 14 MB of state in 4 MB.
  EXPECT_TRUE(std::any_of(
      std::filesystem::directory_iterator(directory_), std::filesystem::directory_iterator(),
      [](const auto& entry) { return entry.path().filename().string().starts_with("cold-"); }));
  EXPECT_FALSE(std::filesystem::exists(directory_ + "/cold"));
}

TEST_F(StreamState, TimersAndWindowsOfWhatIsOnDisk) {
  const Status status = Run(CountByHour(), 200'000, 20'000,
                            {"--checkpoint_interval=20ms", "--memory=8MB"}, Duration::Minutes(60));
  ASSERT_TRUE(status.ok()) << status.message();
  // Windows of 36,000 numbers: each key is in each once or twice.
  int64_t counted = 0;
  int64_t half = 0;
  for (const auto& [key, count] : given) (key < 0 ? half : counted) += count;
  EXPECT_EQ(counted, 200'000);
  EXPECT_EQ(half, 5 * 20'000 + 20'000);
}

TEST_F(StreamState, RowsMayGrow) {
  ASSERT_TRUE(Run(CountVisits<Plain>(), 5'000, 100, {}).ok());
  const Status another = Run(CountVisits<Noted>(), 5'000, 100, {});
  EXPECT_NE(another.message().find("go on with --update if their state fits"), std::string::npos)
      << another.message();
  given.clear();
  // All input was read: what follows is none.
  EXPECT_TRUE(Run(CountVisits<Noted>(), 5'000, 100, {"--update"}).ok());
  EXPECT_TRUE(Run(CountVisits<Noted>(), 5'000, 100, {}).ok()) << "it is the job's program now";
}

TEST_F(StreamState, OtherwiseTheyAreRefused) {
  ASSERT_TRUE(Run(CountVisits<Plain>(), 5'000, 100, {}).ok());
  const auto message = [&](const auto& fn) { return Run(fn, 5'000, 100, {"--update"}).message(); };
  EXPECT_NE(message(CountVisits<MustBeNoted>()).find("field note is new and not nullable"),
            std::string::npos);
  const std::string renamed = message(CountVisits<Renamed>());
  EXPECT_NE(renamed.find("step \"Count\""), std::string::npos) << renamed;
  EXPECT_NE(renamed.find("Count: field count is number now"), std::string::npos) << renamed;
}

TEST_F(StreamState, StopsWithACheckpointAndGoesOnFromASavepoint) {
  std::thread asks([this] {
    while (!RequestOfJob(directory_, JobRequest::kStop).ok()) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  });
  const Status status = Run(CountVisits<Plain>(), 100'000'000, 777, {"--checkpoint_interval=1h"});
  asks.join();
  EXPECT_EQ(status.code(), StatusCode::kCancelled) << status.message();
  const std::string savepoint = directory_ + "_savepoint";
  std::filesystem::remove_all(savepoint);
  ASSERT_TRUE(CopyLatestCheckpoint(directory_, savepoint).ok());
  std::map<int64_t, int64_t> before;
  std::swap(before, given);
  std::filesystem::remove_all(directory_);
  std::thread drains([this] {
    while (!RequestOfJob(directory_, JobRequest::kDrain).ok()) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  });
  const Status drained = Run(CountVisits<Plain>(), 100'000'000, 777, {"--savepoint=" + savepoint});
  drains.join();
  EXPECT_TRUE(drained.ok()) << drained.message();
  for (const auto& [key, count] : before) {
    // The first element of a key after the savepoint has the count after that.
    if (given.contains(key)) {
      EXPECT_GT(given[key], count);
    }
  }
  std::filesystem::remove_all(savepoint);
}

}  // namespace
}  // namespace joist
