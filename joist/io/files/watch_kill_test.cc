// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// A stream that watches a folder, is killed again and again while files come, and goes on from its
// checkpoints: each line of each file must be read once. JOIST_TEST_KILLS=200 in the environment
// kills as often.

#include <gtest/gtest.h>

#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <thread>

#include "joist/io/sink/testing/fake_service.h"
#include "joist/io/sink/testing/killed_job.h"
#include "joist/joist.h"

namespace joist::files {
namespace {

using sink::AppendLog;
using sink::ServiceFolder;

/// In a process of its own: the job, from its last checkpoint, on so many threads.
int RunJob(const ServiceFolder& folder, uint32_t threads, const Termination& termination) {
  const CheckpointedArguments options(folder.path, threads);
  Pipeline p(options.kCount, options.arguments);
  p | text::Read(folder.path + "/in/*.txt").WatchForNewFiles(Duration::Millis(3), termination) |
      Map([](const std::string& line) { return KV<std::string, std::string>{"all", line}; }) |
      sink::WriteAtOffsets(AppendLog{folder}).WithMaxBufferingDuration(Duration::Millis(5));
  return p.Run().WaitUntilFinish().exit_code();
}

TEST(WatchKill, EachFileIsReadOnce) {
  int kills = KillsWanted();
  std::mt19937 random(1);
  const ServiceFolder folder{testing::TempDir() + "joist_watch_kill_" + std::to_string(getpid())};
  folder.Create();
  std::map<std::string, int> expected;
  const auto add_file = [&] {
    const std::string name = std::to_string(expected.size());
    folder.Put("in/" + name + ".txt", "first of " + name + "\nsecond of " + name + "\n");
    expected["first of " + name] = expected["second of " + name] = 1;
  };
  std::optional<int> exit_code;
  while (!exit_code.has_value()) {
    const bool kill = kills > 0;
    exit_code = RunAndKill(
        kill,
        [&] {
          // The last one finds what is there, and ends.
          return RunJob(folder, 1 + random() % 3,
                        kill ? Termination::Never()
                             : Termination::AfterTimeSinceNewOutput(Duration::Millis(200)));
        },
        [&] {
          for (uint64_t left = random() % 5; left > 0 && kill; --left) {
            add_file();
            std::this_thread::sleep_for(std::chrono::microseconds(random() % 40'000));
          }
        });
    kills -= exit_code.has_value() ? 0 : 1;
  }
  ASSERT_EQ(*exit_code, 0);
  std::map<std::string, int> lines;
  for (const std::string& line : folder.LinesIn("log-all")) ++lines[line];
  EXPECT_EQ(lines, expected);
  EXPECT_EQ(folder.Wrong(), "");
  std::filesystem::remove_all(folder.path);
}

}  // namespace
}  // namespace joist::files
