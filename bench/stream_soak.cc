// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// A stream that runs long: event time goes faster than the clock, some events are late, some too
// late; counted by minute, in sessions, in sliding windows and in state with timers, with
// checkpoints. Shows each minute what the process holds, and in the end whether that grew and
// whether all was counted.

#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "bench/digest.h"
#include "bench/partitions.h"
#include "bench/take_number.h"
#include "joist/joist.h"
#include "joist/model/offset_range.h"

namespace joist::bench {
namespace {

using Clock = std::chrono::steady_clock;

struct Load {
  int64_t rate = 20'000;
  int64_t minutes = 60;
  int64_t speed = 24;
  int64_t users = 20'000;
};
Load load;
Clock::time_point start;

constexpr int64_t kPartitions = 2;
constexpr Duration kLateness = Duration::Hours(1);
constexpr Duration kTooLate = Duration::Hours(3);

int64_t EventsInAll() { return load.rate * load.minutes * 60; }
/// Milliseconds of event time at which it is due.
int64_t DueAt(int64_t event) { return event * 1000 / load.rate * load.speed; }
uint64_t RandomOf(int64_t event) { return SplitMix64(static_cast<uint64_t>(event)); }
bool IsTooLate(int64_t event) {
  return RandomOf(event) % 1000 == 0 && DueAt(event) > kTooLate.millis;
}
/// One in a hundred is late by up to half of what is allowed.
Timestamp TimeOf(int64_t event) {
  const auto random = static_cast<int64_t>(RandomOf(event) >> 20);
  int64_t at = DueAt(event);
  if (IsTooLate(event)) return Timestamp::Millis(at - kTooLate.millis);
  if (RandomOf(event) % 100 == 1) at -= random % (kLateness.millis / 2);
  return Timestamp::Millis(std::max<int64_t>(at, 0));
}

struct Events {
  static constexpr bool kIsBounded = false;
  OffsetRange InitialRestriction(int64_t) const { return {0, EventsInAll()}; }
  ProcessContinuation Process(int64_t partition, RestrictionTracker<OffsetRange>& tracker,
                              ManualWatermarkEstimator& watermark,
                              Emit<KV<int64_t, int64_t>> emit) const {
    int64_t event = FirstOfPartition(tracker.restriction().from, partition, kPartitions);
    const auto since =
        std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - start).count();
    const int64_t due = since * load.rate / 1000;
    for (;; event += kPartitions) {
      if (event >= due && event < tracker.restriction().to) {
        return ProcessContinuation::Resume(Duration::Millis(5));
      }
      if (!tracker.TryClaim(event)) return ProcessContinuation::Stop();
      // Users come and go.
      const auto user =
          static_cast<int64_t>(RandomOf(event * 7) % static_cast<uint64_t>(load.users)) +
          DueAt(event) / 3'600'000 * 1000;
      emit(KV<int64_t, int64_t>{user, event}, TimeOf(event));
      watermark.SetWatermark(Timestamp::Millis(DueAt(event)));
    }
  }
};

/// How many of a user's elements came in an hour, when it is over.
struct CountInState {
  struct Count {};
  struct Reminder {};
  void Process(const KV<int64_t, int64_t>&, Window window, ValueState<int64_t, Count> count,
               EventTimer<Reminder> reminder, Emit<int64_t>) const {
    if (count.IsEmpty() && window.max_timestamp() > window.start)
      reminder.Set(window.max_timestamp());
    count.Write(count.ReadOr(0) + 1);
  }
  void OnTimer(Reminder, ValueState<int64_t, Count> count, Emit<int64_t>) const {
    count.Write(count.ReadOr(0));
  }
  void OnWindowExpiration(ValueState<int64_t, Count> count, Emit<int64_t> emit) const {
    emit(count.ReadOr(0));
  }
};

std::atomic<int64_t> by_minute{0};
std::atomic<int64_t> in_sessions{0};
std::atomic<int64_t> in_sliding{0};
std::atomic<int64_t> in_state{0};

auto AddTo(std::atomic<int64_t>* sum) {
  return Map([sum](int64_t count) {
    sum->fetch_add(count, std::memory_order_relaxed);
    return count;
  });
}

int64_t ResidentBytes() {
  std::ifstream statm("/proc/self/statm");
  int64_t pages = 0;
  statm >> pages >> pages;
  return pages * sysconf(_SC_PAGESIZE);
}

constexpr const char* kUsage =
    "usage: joist_soak [--rate=N] [--minutes=N] [--speed=N] [--users=N] [option of a pipeline …]\n"
    "  --rate=N     events a second (20000)\n"
    "  --minutes=N  how long (60)\n"
    "  --speed=N    how much faster event time goes than the clock (24: a day in an hour)\n"
    "  --users=N    users at a time, others each hour of event time (20000)\n"
    "Example: joist_soak --checkpoint_dir=/tmp/state --checkpoint_interval=1s\n";

int Main(int argc, char** argv) {
  std::vector<const char*> options = {argv[0], "--progress=never"};
  for (int i = 1; i < argc; ++i) {
    if (std::string_view(argv[i]) == "--help") {
      std::fputs(kUsage, stdout);
      return 0;
    }
    if (!TakeNumber(argv[i], "--rate=", &load.rate) &&
        !TakeNumber(argv[i], "--minutes=", &load.minutes) &&
        !TakeNumber(argv[i], "--speed=", &load.speed) &&
        !TakeNumber(argv[i], "--users=", &load.users)) {
      options.push_back(argv[i]);
    }
  }
  Pipeline p(static_cast<int>(options.size()), options.data());
  const auto events = p | Create(Partitions(kPartitions)) | "Events" >> ParDo(Events());
  const auto late = [](const WindowFn& windows) {
    // What is late comes as panes of its own.
    return WindowInto(windows)
        .Triggering(Trigger::Default())
        .WithAllowedLateness(kLateness)
        .DiscardingFiredPanes();
  };
  events | "Minutes" >> late(FixedWindows(Duration::Minutes(1))) |
      "CountByMinute" >> Count::PerKey() | "Counts" >> Values() | "ByMinute" >> AddTo(&by_minute);
  events | "InSessions" >> late(Sessions(Duration::Minutes(10))) |
      "CountInSessions" >> Count::PerKey() | "SessionCounts" >> Values() |
      "Sessions" >> AddTo(&in_sessions);
  events | "InSliding" >> late(SlidingWindows(Duration::Minutes(10), Duration::Minutes(5))) |
      "CountInSliding" >> Count::PerKey() | "SlidingCounts" >> Values() |
      "Sliding" >> AddTo(&in_sliding);
  events | "Hours" >> WindowInto(FixedWindows(Duration::Hours(1))).WithAllowedLateness(kLateness) |
      "CountInState" >> ParDo(CountInState()) | "State" >> AddTo(&in_state);
  start = Clock::now();
  std::atomic<bool> is_done{false};
  std::vector<int64_t> resident;
  std::thread shows([&] {
    while (!is_done) {
      for (int i = 0; i < 600 && !is_done; ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
      }
      resident.push_back(ResidentBytes());
      std::printf("minute %zu: %.1f MB resident; counted %lld by minute\n", resident.size(),
                  static_cast<double>(resident.back()) / 1e6,
                  static_cast<long long>(by_minute.load()));
      std::fflush(stdout);
    }
  });
  const PipelineResult result = p.Run().WaitUntilFinish();
  is_done = true;
  shows.join();
  if (!result.status().ok()) {
    std::fprintf(stderr, "joist_soak: %s\n", result.status().message().c_str());
    return 1;
  }
  int64_t expected = 0;
  for (int64_t event = 0; event < EventsInAll(); ++event) expected += IsTooLate(event) ? 0 : 1;
  std::printf(
      "%lld events in time: by minute %lld, in sessions %lld, sliding %lld, in state %lld\n",
      static_cast<long long>(expected), static_cast<long long>(by_minute.load()),
      static_cast<long long>(in_sessions.load()), static_cast<long long>(in_sliding.load()),
      static_cast<long long>(in_state.load()));
  return by_minute == expected && in_state == expected ? 0 : 1;
}

}  // namespace
}  // namespace joist::bench

int main(int argc, char** argv) { return joist::bench::Main(argc, argv); }
