// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// A stream that is killed again and again while it appends panes of processing time, which no two
// runs would make alike: the log must hold each element once, and no block may ever be another one.
// JOIST_TEST_KILLS=200 in the environment kills as often.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <optional>
#include <random>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "joist/io/sink/offset_addressed.h"
#include "joist/io/sink/testing/fake_service.h"
#include "joist/io/sink/testing/killed_job.h"
#include "joist/joist.h"

namespace joist::sink {
namespace {

constexpr int64_t kNumbers = 6'000;

struct Numbers {
  static constexpr bool kIsBounded = false;
  OffsetRange InitialRestriction(int64_t) const { return {0, kNumbers}; }
  void Process(int64_t, RestrictionTracker<OffsetRange>& tracker, Emit<int64_t> emit) const {
    for (int64_t i = tracker.restriction().from; tracker.TryClaim(i); ++i) {
      emit(i);
      std::this_thread::sleep_for(std::chrono::microseconds(50));
    }
  }
};

/// In a process of its own: the job, from its last checkpoint, on so many threads.
int RunJob(const ServiceFolder& folder, uint32_t threads) {
  const CheckpointedArguments options(folder.path, threads);
  Pipeline p(options.kCount, options.arguments);
  p | Create<int64_t>({0}) | ParDo(Numbers()) |
      "Key" >> Map([](int64_t n) { return KV<int64_t, int64_t>{n % 5, n}; }) |
      WindowInto(GlobalWindows())
          .Triggering(Trigger::Repeatedly(Trigger::AfterProcessingTime(Duration::Millis(3))))
          .DiscardingFiredPanes() |
      "Panes" >> GroupByKey() |
      "Text" >> Map([](const KV<int64_t, Iterable<int64_t>>& pane) {
        std::string text;
        for (const int64_t n : pane.value) text += std::to_string(n) + " ";
        return KV<std::string, std::string>{pane.key % 2 == 0 ? "even" : "odd", std::move(text)};
      }) |
      WriteAtOffsets(AppendLog{folder})
          .WithBlockSize(4)
          .WithMaxBufferingDuration(Duration::Millis(5));
  return p.Run().WaitUntilFinish().exit_code();
}

TEST(WriteAtOffsetsKill, EachElementIsAppendedOnce) {
  int kills = KillsWanted();
  std::mt19937 random(1);
  for (int round = 0; kills > 0; ++round) {
    const ServiceFolder folder{testing::TempDir() + "joist_sink_kill_" + std::to_string(getpid()) +
                               "_" + std::to_string(round)};
    folder.Create();
    std::optional<int> exit_code;
    while (!exit_code.has_value()) {
      const bool kill = kills > 0;
      exit_code = RunAndKill(
          kill, [&] { return RunJob(folder, 1 + random() % 3); },
          [&] {
            const auto pause = std::chrono::microseconds(random() % 150'000);
            if (kill) std::this_thread::sleep_for(pause);
          });
      kills -= exit_code.has_value() ? 0 : 1;
    }
    ASSERT_EQ(*exit_code, 0);
    EXPECT_EQ(folder.Wrong(), "");
    std::vector<int> times(kNumbers);
    for (const char* const stream : {"log-even", "log-odd"}) {
      for (const std::string& line : folder.LinesIn(stream)) {
        std::istringstream numbers(line);
        for (size_t n; numbers >> n;) ++times.at(n);
      }
    }
    EXPECT_THAT(times, testing::Each(1)) << "round " << round;
    std::filesystem::remove_all(folder.path);
  }
}

}  // namespace
}  // namespace joist::sink
