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
    const auto store = CheckpointStore::Open(directory_);
    ASSERT_TRUE(store.ok());
    const SavedRun run{false,
                       {{"Events", Timestamp::Seconds(60), "", {"at 7"}},
                        {"Count/PerKey", Timestamp::Min(), "", {"of all", " keys"}},
                        {"Write", Timestamp::Max(), "", {}}}};
    ASSERT_TRUE((*store)->Write(1, EncodeSavedRun({})).ok());
    ASSERT_TRUE((*store)->Write(1, EncodeSavedRun(run)).ok());
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
  EXPECT_NE(text->find(last_ + "\n"), std::string::npos) << *text;
}

TEST_F(CheckpointsTest, AreShownByStep) {
  for (const std::string& path : {directory_, last_}) {
    const auto text = ShowCheckpoint(path);
    ASSERT_TRUE(text.ok());
    EXPECT_NE(text->find("checkpoint 2 of 20"), std::string::npos) << *text;
    EXPECT_NE(text->find("Events        1970-01-01T00:01:00.000Z  4\n"
                         "Count/PerKey  -                         11\n"
                         "Write         the end                   0\n"),
              std::string::npos)
        << *text;
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
