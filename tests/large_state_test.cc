// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// A stream with more state than memory that is killed again and again: its files must hold what
// they would have held without. In the environment:
//
//   JOIST_TEST_STATE_MB=10000   so much state (60)
//   JOIST_TEST_MEMORY_MB=1000   and so much memory for it and all else (8)
//   JOIST_TEST_KILLS=200        so many kills (6)

#include <gtest/gtest.h>

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "joist/base/hash.h"
#include "joist/io/text/text.h"
#include "joist/joist.h"
#include "joist/model/offset_range.h"

namespace joist {
namespace {

using Clock = std::chrono::steady_clock;

int64_t NumberFrom(const char* variable, int64_t otherwise) {
  const char* const text = std::getenv(variable);
  return text == nullptr ? otherwise : std::atoll(text);
}

constexpr int64_t kStateBytes = 1000;
constexpr int64_t kPartitions = 2;
constexpr Duration kWindow = Duration::Seconds(100);

int64_t Keys() { return NumberFrom("JOIST_TEST_STATE_MB", 60) * 1'000'000 / kStateBytes; }
/// Each key comes, then half as many by chance.
int64_t Events() { return Keys() + Keys() / 2; }
int64_t KeyOf(int64_t event) {
  if (event < Keys()) return event;
  return static_cast<int64_t>(HashWord(static_cast<uint64_t>(event)) >> 16) % Keys();
}

/// What is known of a key that has come so often: the number, and text that no one compresses.
std::string StateOf(int64_t key, int64_t count) {
  std::string state = std::to_string(count) + " ";
  for (uint64_t word = HashCombine(static_cast<uint64_t>(key), static_cast<uint64_t>(count));
       state.size() < kStateBytes; word = HashWord(word)) {
    state.append(reinterpret_cast<const char*>(&word), sizeof(word));
  }
  return state;
}

Clock::time_point begun;
std::string recoveries;  // A file.

/// Each event at its millisecond; without an end for the engine, though it stops.
struct Numbers {
  static constexpr bool kIsBounded = false;
  OffsetRange InitialRestriction(int64_t) const { return {0, Events()}; }
  void Process(int64_t partition, RestrictionTracker<OffsetRange>& tracker,
               MonotonicallyIncreasingWatermarkEstimator&, Emit<KV<int64_t, int64_t>> emit) const {
    if (begun != Clock::time_point() && partition == 0) {
      std::ofstream(recoveries, std::ios::app)
          << std::chrono::duration<double>(Clock::now() - begun).count() << '\n';
      begun = {};
    }
    const int64_t from = tracker.restriction().from;
    int64_t next = from + (partition - from % kPartitions + kPartitions) % kPartitions;
    for (; tracker.TryClaim(next); next += kPartitions) {
      emit(KV<int64_t, int64_t>{KeyOf(next), next}, Timestamp::Millis(next));
    }
  }
};

struct CountInState {
  void Process(const KV<int64_t, int64_t>& event, ValueState<std::string> state,
               Emit<int64_t> emit) const {
    const std::string* const before = state.Read();
    const int64_t count = before == nullptr ? 0 : std::stoll(*before);
    if (before != nullptr && *before != StateOf(event.key, count)) {
      throw std::runtime_error("the state of key " + std::to_string(event.key) + " has changed");
    }
    state.Write(StateOf(event.key, count + 1));
    emit(count + 1);
  }
};

int RunJob(const std::string& directory, uint32_t threads) {
  begun = Clock::now();
  recoveries = directory + "/recoveries";
  const std::string checkpoints = "--checkpoint_dir=" + directory + "/checkpoints";
  const std::string workers = "--max_num_workers=" + std::to_string(threads);
  const std::string memory =
      "--memory=" + std::to_string(NumberFrom("JOIST_TEST_MEMORY_MB", 8)) + "MB";
  const char* const arguments[] = {"job", checkpoints.c_str(), "--checkpoint_interval=200ms",
                                   workers.c_str(), memory.c_str()};
  Pipeline p(5, arguments);
  p | Create<int64_t>({0, 1}) | ParDo(Numbers()) | "Count" >> ParDo(CountInState()) |
      WindowInto(FixedWindows(kWindow)) | Sum::Globally() |
      "Show" >> Map([](int64_t sum, Window window) {
        return std::to_string(window.start.millis) + " " + std::to_string(sum);
      }) |
      text::Write(directory + "/out").WithWindowedWrites().WithNumShards(1);
  return p.Run().WaitUntilFinish().exit_code();
}

std::map<int64_t, int64_t> Truth() {
  std::vector<uint8_t> counts(static_cast<size_t>(Keys()));
  std::map<int64_t, int64_t> sums;
  for (int64_t event = 0; event < Events(); ++event) {
    sums[event / kWindow.millis * kWindow.millis] += ++counts[static_cast<size_t>(KeyOf(event))];
  }
  return sums;
}

std::map<int64_t, int64_t> SumsIn(const std::string& directory) {
  std::map<int64_t, int64_t> sums;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    if (!entry.path().filename().string().starts_with("out-")) continue;
    std::ifstream in(entry.path());
    int64_t start;
    int64_t sum;
    while (in >> start >> sum) sums[start] += sum;
  }
  return sums;
}

TEST(LargeState, NothingIsLostOrCountedTwice) {
  int64_t kills = NumberFrom("JOIST_TEST_KILLS", 6);
  const auto longest = static_cast<uint32_t>(Keys() < 1'000'000 ? 400 : 6'000);  // Milliseconds.
  const std::string directory =
      testing::TempDir() + "joist_large_state_" + std::to_string(getpid());
  std::filesystem::remove_all(directory);
  std::filesystem::create_directories(directory);
  std::mt19937 random(1);
  int64_t killed = 0;
  int64_t most_resident = 0;
  int status = -1;
  const auto start = Clock::now();
  for (bool ended = false; !ended;) {
    const uint32_t threads = 1 + random() % 3;
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) _exit(RunJob(directory, threads));
    if (killed < kills) {
      std::this_thread::sleep_for(std::chrono::milliseconds(random() % longest));
      kill(child, SIGKILL);
    }
    rusage used{};
    ASSERT_EQ(wait4(child, &status, 0, &used), child);
    most_resident = std::max(most_resident, int64_t{used.ru_maxrss} * 1024);
    ended = WIFEXITED(status);
    killed += ended ? 0 : 1;
  }
  ASSERT_EQ(WEXITSTATUS(status), 0);
  EXPECT_GT(killed, 0);
  // Which of a key's events comes first is not said, so neither is what a window adds up to.
  int64_t counted = 0;
  for (const auto& [start, sum] : SumsIn(directory)) counted += sum;
  int64_t truth = 0;
  for (const auto& [start, sum] : Truth()) truth += sum;
  EXPECT_EQ(counted, truth);
  std::vector<double> seconds;
  std::ifstream in(directory + "/recoveries");
  for (double one; in >> one;) seconds.push_back(one);
  std::sort(seconds.begin(), seconds.end());
  ASSERT_FALSE(seconds.empty());
  std::printf(
      "%lld kills in %.0f s; %lld keys; at most %.0f MB resident; to recover: median %.2f s, at "
      "most %.2f s\n",
      static_cast<long long>(killed), std::chrono::duration<double>(Clock::now() - start).count(),
      static_cast<long long>(Keys()), static_cast<double>(most_resident) / 1e6,
      seconds[seconds.size() / 2], seconds.back());
  std::filesystem::remove_all(directory);
}

}  // namespace
}  // namespace joist
