// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// A stream that is killed again and again, and goes on from its checkpoints: its files must hold
// what they would have held without. JOIST_TEST_KILLS=200 in the environment kills as often.

#include <gtest/gtest.h>

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "joist/io/text/text.h"
#include "joist/joist.h"
#include "joist/model/offset_range.h"

namespace joist {
namespace {

constexpr int64_t kNumbers = 200'000;
constexpr int64_t kPartitions = 3;
constexpr int64_t kKeys = 13;
constexpr Duration kWindow = Duration::Millis(5000);

/// Each number of a partition at its millisecond; without an end for the engine, though it stops.
struct Numbers {
  static constexpr bool kIsBounded = false;
  OffsetRange InitialRestriction(int64_t) const { return {0, kNumbers}; }
  void Process(int64_t partition, RestrictionTracker<OffsetRange>& tracker,
               MonotonicallyIncreasingWatermarkEstimator&, Emit<int64_t> emit) const {
    const int64_t from = tracker.restriction().from;
    int64_t next = from + (partition - from % kPartitions + kPartitions) % kPartitions;
    for (; tracker.TryClaim(next); next += kPartitions) {
      emit(next, Timestamp::Millis(next));
      if (next % 512 == 0) std::this_thread::sleep_for(std::chrono::microseconds(300));
    }
  }
};

/// The number of a key's elements in its window, when that expires.
struct CountInState {
  void Process(const KV<int64_t, int64_t>&, ValueState<int64_t> count, Emit<std::string>) const {
    count.Write(count.ReadOr(0) + 1);
  }
  void OnWindowExpiration(TimerKey<int64_t> key, Window window, ValueState<int64_t> count,
                          Emit<std::string> emit) const {
    emit("state " + std::to_string(*key) + " " + std::to_string(window.start.millis) + " " +
         std::to_string(count.ReadOr(0)));
  }
};

/// Something else each time that it is made.
struct AddChance {
  std::mt19937_64 random{std::random_device()()};
  void Process(std::string_view text, Emit<std::string> emit) {
    emit(std::string(text) + " " + std::to_string(random()));
  }
};

/// A file for each text, without its last word, which is to be the same whenever it comes.
struct WriteOnce {
  static constexpr bool kRequiresStableInput = true;
  std::string directory;
  void Process(std::string_view text) const {
    const std::string path = directory + "/once " + std::string(text.substr(0, text.rfind(' ')));
    std::ifstream before(path);
    if (std::string was; std::getline(before, was) && was != text) {
      std::ofstream(directory + "/changed", std::ios::app) << was << " became " << text << '\n';
    }
    std::ofstream(path + ".part") << text;
    std::filesystem::rename(path + ".part", path);
  }
};
JOIST_ROW(WriteOnce, directory)

/// The same of a function with state, which has seen what it has written.
struct WriteOnceByKey {
  static constexpr bool kRequiresStableInput = true;
  WriteOnce write;
  void Process(const KV<int64_t, std::string>& text, BagState<std::string> seen) const {
    seen.Add(text.value);
    for (const std::string& one : seen.Read()) write.Process(one);
  }
};
JOIST_ROW(WriteOnceByKey, write)

/// In a process of its own: the job, from its last checkpoint, on so many threads.
int RunJob(const std::string& directory, uint32_t threads) {
  const std::string checkpoints = "--checkpoint_dir=" + directory + "/checkpoints";
  const std::string workers = "--max_num_workers=" + std::to_string(threads);
  const char* const arguments[] = {"job", checkpoints.c_str(), "--checkpoint_interval=20ms",
                                   workers.c_str()};
  Pipeline p(4, arguments);
  const auto by_key = p | Create<int64_t>({0, 1, 2}) | ParDo(Numbers()) |
                      "Key" >> Map([](int64_t n) { return KV<int64_t, int64_t>{n % kKeys, n}; }) |
                      "Windows" >> WindowInto(FixedWindows(kWindow));
  const auto sums = by_key | Sum::PerKey() |
                    "Show" >> Map([](const KV<int64_t, int64_t>& sum, Window window) {
                      return "sum " + std::to_string(sum.key) + " " +
                             std::to_string(window.start.millis) + " " + std::to_string(sum.value);
                    });
  const auto sizes = by_key | "Group" >> GroupByKey() |
                     "Size" >> Map([](const KV<int64_t, Iterable<int64_t>>& group, Window window) {
                       return "size " + std::to_string(group.key) + " " +
                              std::to_string(window.start.millis) + " " +
                              std::to_string(group.value.size());
                     });
  const auto counts = by_key | "Count" >> ParDo(CountInState());
  const auto by_chance = sums | "Chance" >> ParDo(AddChance());
  by_chance | "Once" >> ParDo(WriteOnce{directory});
  by_chance | "ByFirstNumber" >> Map([](const std::string& text) {
                return KV<int64_t, std::string>{std::stoll(text.substr(4)), "keyed " + text};
              }) |
      "OnceByKey" >> ParDo(WriteOnceByKey{{directory}});
  Flatten("All", sums, sizes, counts) |
      text::Write(directory + "/out").WithWindowedWrites().WithNumShards(2);
  return p.Run().WaitUntilFinish().exit_code();
}

std::map<std::string, int> LinesIn(const std::string& directory) {
  std::map<std::string, int> lines;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    if (!entry.path().filename().string().starts_with("out-")) continue;
    std::ifstream in(entry.path());
    for (std::string line; std::getline(in, line);) ++lines[line];
  }
  return lines;
}

std::map<std::string, int> Truth() {
  std::map<std::string, int> lines;
  for (int64_t from = 0; from < kNumbers; from += kWindow.millis) {
    std::map<int64_t, std::pair<int64_t, int64_t>> by_key;
    for (int64_t n = from; n < std::min(from + kWindow.millis, kNumbers); ++n) {
      by_key[n % kKeys].first += n;
      by_key[n % kKeys].second += 1;
    }
    for (const auto& [key, of] : by_key) {
      const std::string place = std::to_string(key) + " " + std::to_string(from) + " ";
      ++lines["sum " + place + std::to_string(of.first)];
      ++lines["size " + place + std::to_string(of.second)];
      ++lines["state " + place + std::to_string(of.second)];
    }
  }
  return lines;
}

TEST(Kill, NothingIsLostOrCountedTwice) {
  const char* const wanted = getenv("JOIST_TEST_KILLS");
  int kills = wanted == nullptr ? 12 : std::atoi(wanted);
  const std::map<std::string, int> truth = Truth();
  std::mt19937 random(1);
  int rounds = 0;
  while (kills > 0) {
    const std::string directory = testing::TempDir() + "joist_kill_" + std::to_string(getpid()) +
                                  "_" + std::to_string(rounds);
    std::filesystem::remove_all(directory);
    std::filesystem::create_directories(directory);
    int status = -1;
    for (bool ended = false; !ended;) {
      const uint32_t threads = 1 + random() % 3;
      const pid_t child = fork();
      ASSERT_GE(child, 0);
      if (child == 0) _exit(RunJob(directory, threads));
      if (kills > 0) {
        std::this_thread::sleep_for(std::chrono::microseconds(random() % 150'000));
        kill(child, SIGKILL);
      }
      ASSERT_EQ(waitpid(child, &status, 0), child);
      ended = WIFEXITED(status);
      kills -= ended ? 0 : 1;
    }
    ASSERT_EQ(WEXITSTATUS(status), 0);
    ASSERT_EQ(LinesIn(directory), truth) << "round " << rounds;
    ASSERT_FALSE(std::filesystem::exists(directory + "/changed")) << "round " << rounds;
    // A job that is done stays so.
    const pid_t again = fork();
    if (again == 0) _exit(RunJob(directory, 2));
    ASSERT_EQ(waitpid(again, &status, 0), again);
    ASSERT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    ASSERT_EQ(LinesIn(directory), truth);
    std::filesystem::remove_all(directory);
    ++rounds;
  }
}

}  // namespace
}  // namespace joist
