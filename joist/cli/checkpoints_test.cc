// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/cli/checkpoints.h"

#include <gtest/gtest.h>

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "joist/engine/checkpoint_store.h"
#include "joist/engine/saved_run.h"

namespace joist::cli {
namespace {

class CheckpointsTest : public testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::remove_all(directory_);
    const auto store = CheckpointStore::Open(directory_, 3);
    ASSERT_TRUE(store.ok());
    const SavedRun run{false,
                       {{"Events", 0, Timestamp::Seconds(60), "", {}, {"at 7"}},
                        {"Count/PerKey", 5, Timestamp::Min(), "", {}, {"of all", " keys"}},
                        {"Write", 2, Timestamp::Max(), "", {}, {}}}};
    SavedState first;
    first.Put(7, "a", "one");
    first.Put(8, "b", "two");
    ASSERT_TRUE((*store)->Write(0, 1, 0, EncodeSavedRun({}), {{5, first.TakeKeys()}}).ok());
    SavedState second;
    second.Remove(7, "a");
    ASSERT_TRUE((*store)->Write(1, 1, 0, EncodeSavedRun(run), {{5, second.TakeKeys()}}).ok());
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  const std::string directory_ =
      testing::TempDir() + "joist_cli_checkpoints_" + std::to_string(getpid());
  const std::string last_ = directory_ + "/checkpoint-0000000002";
};

TEST_F(CheckpointsTest, AreListed) {
  const auto text = ListCheckpoints(directory_);
  ASSERT_TRUE(text.ok());
  EXPECT_NE(text->find("\n2       20"), std::string::npos) << *text;
  EXPECT_NE(text->find("  since 1      " + last_ + "\n"), std::string::npos) << *text;
  EXPECT_NE(text->find("  all          " + directory_), std::string::npos) << *text;
}

TEST_F(CheckpointsTest, AreShownByStep) {
  for (const std::string& path : {directory_, last_}) {
    const auto text = ShowCheckpoint(path);
    ASSERT_TRUE(text.ok());
    EXPECT_NE(text->find("checkpoint 2 of 20"), std::string::npos) << *text;
    EXPECT_NE(text->find("Events        1970-01-01T00:01:00.000Z  0           4\n"
                         "Count/PerKey  -                         1           15\n"
                         "Write         the end                   0           0\n"),
              std::string::npos)
        << *text;
  }
}

TEST_F(CheckpointsTest, ASavepointHasAllThatIsNeeded) {
  const std::string to = directory_ + "/savepoint";
  EXPECT_EQ(SaveCheckpoint(directory_, to).value(),
            "checkpoint 2 of " + directory_ + " is in " + to + "\n");
  EXPECT_EQ(CheckpointStore::List(SystemDisk(), to)->size(), 1U);
  EXPECT_NE(ShowCheckpoint(to)->find("Count/PerKey  -                         1           15\n"),
            std::string::npos);
  EXPECT_NE(SaveCheckpoint(directory_, to).status().message().find("is not empty"),
            std::string::npos);
  EXPECT_NE(SaveCheckpoint(to + "/none", to + "2").status().message().find("cannot read"),
            std::string::npos);
}

TEST_F(CheckpointsTest, NobodyIsAskedWhereNoJobRuns) {
  for (const JobRequest request : {JobRequest::kDrain, JobRequest::kStop}) {
    EXPECT_NE(AskJob(directory_, request).status().message().find("no job runs with the folder"),
              std::string::npos);
    EXPECT_NE(AskJob(directory_ + "/none", request).status().message().find("no job has"),
              std::string::npos);
  }
}

TEST_F(CheckpointsTest, WhatIsDamagedIsNamed) {
  EXPECT_EQ(VerifyCheckpoints(directory_).value(), "2 checkpoints are whole\n");
  std::filesystem::resize_file(last_, std::filesystem::file_size(last_) - 1);
  for (const auto& result : {VerifyCheckpoints(directory_), ShowCheckpoint(directory_)}) {
    EXPECT_NE(result.status().message().find(last_ + " is damaged"), std::string::npos);
  }
  EXPECT_NE(ListCheckpoints(directory_).value().find(last_ + " is damaged"), std::string::npos);
  const auto none = ShowCheckpoint(directory_ + "/nowhere");
  EXPECT_FALSE(none.ok());
  std::filesystem::remove_all(directory_);
  EXPECT_FALSE(ListCheckpoints(directory_).ok());
}

}  // namespace
}  // namespace joist::cli
