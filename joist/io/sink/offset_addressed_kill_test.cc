// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// A stream that is killed again and again while it appends panes of processing time, which no two
// runs would make alike: the log must hold each element once, and no block may ever be another one.
// JOIST_TEST_KILLS=200 in the environment kills as often.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <random>
#include <sstream>
#include <string>
#include <thread>

#include "joist/io/sink/offset_addressed.h"
#include "joist/io/sink/testing/fake_service.h"
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
  const std::string checkpoints = "--checkpoint_dir=" + folder.path + "/checkpoints";
  const std::string workers = "--max_num_workers=" + std::to_string(threads);
  const char* const arguments[] = {"job", checkpoints.c_str(), "--checkpoint_interval=10ms",
                                   workers.c_str()};
  Pipeline p(4, arguments);
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
  const char* const wanted = getenv("JOIST_TEST_KILLS");
  int kills = wanted == nullptr ? 12 : std::atoi(wanted);
  std::mt19937 random(1);
  for (int round = 0; kills > 0; ++round) {
    const ServiceFolder folder{testing::TempDir() + "joist_sink_kill_" + std::to_string(getpid()) +
                               "_" + std::to_string(round)};
    folder.Create();
    int status = -1;
    for (bool ended = false; !ended;) {
      const uint32_t threads = 1 + random() % 3;
      const pid_t child = fork();
      ASSERT_GE(child, 0);
      if (child == 0) _exit(RunJob(folder, threads));
      if (kills > 0) {
        std::this_thread::sleep_for(std::chrono::microseconds(random() % 150'000));
        kill(child, SIGKILL);
      }
      ASSERT_EQ(waitpid(child, &status, 0), child);
      ended = WIFEXITED(status);
      kills -= ended ? 0 : 1;
    }
    ASSERT_EQ(WEXITSTATUS(status), 0);
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
