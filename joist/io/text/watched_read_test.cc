// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Lines of files that come while the job runs.

#include <gtest/gtest.h>

#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "joist/io/text/text.h"
#include "joist/sdk/testing/test_pipeline.h"

namespace joist::text {
namespace {

using files::Termination;

/// Gives the file its name when it is complete.
void MakeFile(const std::string& root, const std::string& name, const std::string& content) {
  std::ofstream(root + ".part") << content;
  std::filesystem::rename(root + ".part", root + name);
}
void MakeOlder(const std::string& path) {
  std::filesystem::last_write_time(path,
                                   std::filesystem::last_write_time(path) - std::chrono::hours(1));
}

/// Makes a file and changes another when it sees the line "before".
struct MakeMore {
  std::string root;
  std::string operator()(const std::string& line) const {
    if (line == "before") {
      MakeFile(root, "b.txt", "b1\n");
      MakeFile(root, "changes.txt", "after\n");
    }
    return line;
  }
};
JOIST_ROW(MakeMore, root)

class WatchedReadTest : public testing::Test {
 protected:
  WatchedReadTest() { std::filesystem::create_directories(root_); }
  ~WatchedReadTest() override { std::filesystem::remove_all(root_); }

  const std::string root_ = testing::TempDir() + "joist_watched_read_test_" +
                            std::to_string(getpid()) +
                            testing::UnitTest::GetInstance()->current_test_info()->name() + "/";
};

TEST_F(WatchedReadTest, LinesOfNewAndUpdatedFiles) {
  for (const bool updated : {false, true}) {
    std::filesystem::remove(root_ + "b.txt");
    MakeFile(root_, "a.txt", "a1\na2\n");
    MakeFile(root_, "changes.txt", "before\n");
    MakeOlder(root_ + "changes.txt");
    TestPipeline p;
    std::vector<std::string> expected = {"a1", "a2", "before", "b1"};
    if (updated) expected.emplace_back("after");
    PAssert::That(p |
                  Read(root_ + "*.txt")
                      .WatchForNewFiles(Duration::Millis(5),
                                        Termination::AfterTotalOf(Duration::Millis(50)), updated) |
                  Map(MakeMore{root_}))
        .ContainsInAnyOrder(expected);
    EXPECT_TRUE(p.RunOk()) << "updated: " << updated;
  }
}

TEST_F(WatchedReadTest, LinesHaveTheTimeOfTheirFile) {
  MakeFile(root_, "a.txt", "a\n");
  MakeOlder(root_ + "a.txt");
  const auto modified =
      std::chrono::file_clock::to_sys(std::filesystem::last_write_time(root_ + "a.txt"));
  const int64_t millis =
      std::chrono::floor<std::chrono::milliseconds>(modified.time_since_epoch()).count();
  TestPipeline p;
  auto times =
      p |
      Read(root_ + "*.txt")
          .WatchForNewFiles(Duration::Millis(5), Termination::AfterTotalOf(Duration::Zero()))
          .WithModificationTimes(Duration::Hours(2)) |
      Map([](std::string_view, Timestamp time) { return time.millis; });
  PAssert::That(times).ContainsInAnyOrder({millis});
  EXPECT_TRUE(p.RunOk());
}

}  // namespace
}  // namespace joist::text
