// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/cli/replay.h"

#include <gtest/gtest.h>

#include <unistd.h>

#include <filesystem>
#include <string>
#include <vector>

namespace joist::cli {
namespace {

KeptFailure FailedClicks() {
  KeptFailure failure;
  failure.made_at = Timestamp::Seconds(60);
  failure.start = {"/bin/clicks", "/jobs", {"clicks", "--greeting=it's me", "--top=3"}};
  failure.is_stream = true;
  failure.step = "Count";
  failure.error = "step \"Count\": two\nlines (element: 7)";
  failure.element = "7";
  failure.attempts = 4;
  failure.bundle.elements = 1;
  failure.bundle.lost_elements = 5;
  failure.bundle.key_count = 2;
  failure.bundle.lacks_keys = true;
  failure.bundle.keys = "12345";
  return failure;
}

TEST(Replay, SaysWhatFailed) {
  EXPECT_EQ(ShowFailure("file", FailedClicks()),
            "file, kept at 1970-01-01T00:01:00.000Z\n"
            "  program   /bin/clicks '--greeting=it'\\''s me' --top=3\n"
            "  folder    /jobs\n"
            "  step      Count\n"
            "  error     step \"Count\": two lines (element: 7)\n"
            "  element   7\n"
            "  attempts  4\n"
            "  input     1 element of a stream's bundle; 5 elements before them are missing\n"
            "  state     2 keys, 5 bytes; that of more keys is missing\n");
}

TEST(Replay, RunsTheProgramUnderADebugger) {
  using Words = std::vector<std::string>;
  const KeptFailure failure = FailedClicks();
  EXPECT_EQ(ReplayCommand({.file = "f", .debugger = "", .program = ""}, failure),
            (Words{"/bin/clicks", "--greeting=it's me", "--top=3"}));
  EXPECT_EQ(ReplayCommand({.file = "f", .debugger = "/usr/bin/gdb", .program = "/x"}, failure),
            (Words{"/usr/bin/gdb", "-q", "-ex", "catch throw", "-ex", "run", "--args", "/x",
                   "--greeting=it's me", "--top=3"}));
  EXPECT_EQ(ReplayCommand({.file = "f", .debugger = "rr  record", .program = ""}, failure),
            (Words{"rr", "record", "/bin/clicks", "--greeting=it's me", "--top=3"}));
}

TEST(Replay, ListsAFolder) {
  const std::string folder = testing::TempDir() + "joist_cli_replay_" + std::to_string(getpid());
  std::filesystem::remove_all(folder);
  const std::string file = KeepFailure(folder, FailedClicks()).value();
  EXPECT_EQ(ListFailures(folder).value(),
            file + "  1970-01-01T00:01:00.000Z  step \"Count\": two lines (element: 7)\n");
  std::filesystem::resize_file(file, 20);
  EXPECT_NE(ListFailures(folder)->find(file + " is damaged"), std::string::npos);
  std::filesystem::remove(file);
  EXPECT_FALSE(ListFailures(folder).ok());
  std::filesystem::remove_all(folder);
  EXPECT_FALSE(ListFailures(folder).ok());
}

}  // namespace
}  // namespace joist::cli
