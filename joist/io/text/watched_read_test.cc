// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Lines of files that come while the job runs.

#include <gtest/gtest.h>

#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include "joist/io/text/text.h"
#include "joist/sdk/testing/test_pipeline.h"

namespace joist::text {
namespace {

using files::Termination;

class WatchedReadTest : public testing::Test {
 protected:
  WatchedReadTest() { std::filesystem::create_directories(root_); }
  ~WatchedReadTest() override { std::filesystem::remove_all(root_); }

  void File(const std::string& name, const std::string& content) const {
    std::ofstream(root_ + ".part") << content;
    std::filesystem::rename(root_ + ".part", root_ + name);
  }

  const std::string root_ = testing::TempDir() + "joist_watched_read_test_" +
                            std::to_string(getpid()) +
                            testing::UnitTest::GetInstance()->current_test_info()->name() + "/";
};

TEST_F(WatchedReadTest, LinesOfNewAndUpdatedFiles) {
  File("a.txt", "a1\na2\n");
  File("changes.txt", "before\n");
  TestPipeline p;
  const auto read = [&](bool updated) {
    return Read(root_ + "*.txt")
        .WatchForNewFiles(Duration::Millis(5), Termination::AfterTotalOf(Duration::Millis(400)),
                          updated);
  };
  PAssert::That(p | "New" >> read(false)).ContainsInAnyOrder({"a1", "a2", "before", "b1"});
  PAssert::That(p | "Updated" >> read(true))
      .ContainsInAnyOrder({"a1", "a2", "before", "b1", "after"});
  std::thread writer([this] {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    File("b.txt", "b1\n");
    File("changes.txt", "after\n");
  });
  EXPECT_TRUE(p.RunOk());
  writer.join();
}

TEST_F(WatchedReadTest, LinesHaveTheTimeOfTheirFile) {
  File("a.txt", "a\n");
  const auto modified = std::chrono::file_clock::to_sys(
      std::filesystem::last_write_time(root_ + "a.txt") - std::chrono::hours(1));
  std::filesystem::last_write_time(root_ + "a.txt", std::chrono::file_clock::from_sys(modified));
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
