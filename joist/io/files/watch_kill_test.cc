// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// A stream that watches a folder, is killed again and again while files come, and goes on from its
// checkpoints: each line of each file must be read once. JOIST_TEST_KILLS=200 in the environment
// kills as often.

#include <gtest/gtest.h>

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <map>
#include <random>
#include <string>
#include <thread>

#include "joist/io/sink/testing/fake_service.h"
#include "joist/joist.h"

namespace joist::files {
namespace {

using sink::AppendLog;
using sink::ServiceFolder;

/// In a process of its own: the job, from its last checkpoint, on so many threads.
int RunJob(const ServiceFolder& folder, uint32_t threads) {
  const std::string checkpoints = "--checkpoint_dir=" + folder.path + "/checkpoints";
  const std::string workers = "--max_num_workers=" + std::to_string(threads);
  const char* const arguments[] = {"job", checkpoints.c_str(), "--checkpoint_interval=10ms",
                                   workers.c_str()};
  Pipeline p(4, arguments);
  p |
      text::Read(folder.path + "/in/*.txt")
          .WatchForNewFiles(Duration::Millis(3),
                            files::Termination::AfterTimeSinceNewOutput(Duration::Millis(1500))) |
      Map([](const std::string& line) { return KV<std::string, std::string>{"all", line}; }) |
      sink::WriteAtOffsets(AppendLog{folder}).WithMaxBufferingDuration(Duration::Millis(5));
  return p.Run().WaitUntilFinish().exit_code();
}

TEST(WatchKill, EachFileIsReadOnce) {
  const char* const wanted = getenv("JOIST_TEST_KILLS");
  int kills = wanted == nullptr ? 12 : std::atoi(wanted);
  std::mt19937 random(1);
  const ServiceFolder folder{testing::TempDir() + "joist_watch_kill_" + std::to_string(getpid())};
  folder.Create();
  std::map<std::string, int> expected;
  int status = -1;
  for (bool ended = false; !ended;) {
    const uint32_t threads = 1 + random() % 3;
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) _exit(RunJob(folder, threads));
    for (uint64_t left = random() % 5; left > 0 && kills > 0; --left) {
      const std::string name = std::to_string(expected.size());
      folder.Put("in/" + name + ".txt", "first of " + name + "\nsecond of " + name + "\n");
      expected["first of " + name] = expected["second of " + name] = 1;
      std::this_thread::sleep_for(std::chrono::microseconds(random() % 40'000));
    }
    if (kills > 0) kill(child, SIGKILL);
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ended = WIFEXITED(status);
    kills -= ended ? 0 : 1;
  }
  ASSERT_EQ(WEXITSTATUS(status), 0);
  std::map<std::string, int> lines;
  for (const std::string& line : folder.LinesIn("log-all")) ++lines[line];
  EXPECT_EQ(lines, expected);
  EXPECT_EQ(folder.Wrong(), "");
  std::filesystem::remove_all(folder.path);
}

}  // namespace
}  // namespace joist::files
