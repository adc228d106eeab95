// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/engine/checkpoint_store.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace joist {
namespace {

class CheckpointStoreTest : public testing::Test {
 protected:
  void SetUp() override { std::filesystem::remove_all(directory_); }
  void TearDown() override { std::filesystem::remove_all(directory_); }
  std::unique_ptr<CheckpointStore> Open() {
    auto store = CheckpointStore::Open(directory_);
    EXPECT_TRUE(store.ok()) << store.status().message();
    return store.ok() ? std::move(*store) : nullptr;
  }
  static std::string BytesOf(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  static void Put(const std::string& path, const std::string& bytes) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
  }

  const std::string directory_ =
      testing::TempDir() + "joist_checkpoints_" + std::to_string(getpid()) + "/deep";
  std::vector<std::string> warnings_;
};

TEST_F(CheckpointStoreTest, GivesTheLastOne) {
  {
    const auto store = Open();
    auto none = store->Latest(&warnings_);
    ASSERT_TRUE(none.ok());
    EXPECT_FALSE(none->has_value());
    for (int i = 1; i <= 5; ++i) {
      ASSERT_TRUE(store->Write(7, "state " + std::to_string(i)).ok());
    }
  }
  const auto store = Open();
  const auto latest = store->Latest(&warnings_);
  ASSERT_TRUE(latest.ok());
  EXPECT_EQ((*latest)->number, 5U);
  EXPECT_EQ((*latest)->fingerprint, 7U);
  EXPECT_EQ((*latest)->state, "state 5");
  EXPECT_TRUE(warnings_.empty());
  EXPECT_EQ(CheckpointStore::List(directory_)->size(), 3U);
  ASSERT_TRUE(store->Write(7, "state 6").ok());
  EXPECT_EQ((*store->Latest(&warnings_))->number, 6U);
}

// At each byte: cut there, or another byte there.
TEST_F(CheckpointStoreTest, WhatIsDamagedIsPassedOver) {
  const auto store = Open();
  ASSERT_TRUE(store->Write(7, "the first").ok());
  ASSERT_TRUE(store->Write(7, "the second, of which something is lost").ok());
  const std::string path = CheckpointStore::List(directory_)->back();
  const std::string whole = BytesOf(path);
  for (size_t i = 0; i < whole.size(); ++i) {
    std::string other = whole;
    other[i] = static_cast<char>(other[i] ^ 0x08);
    for (const std::string& damaged : {whole.substr(0, i), other}) {
      Put(path, damaged);
      warnings_.clear();
      const auto latest = store->Latest(&warnings_);
      ASSERT_TRUE(latest.ok()) << i;
      ASSERT_EQ((*latest)->state, "the first") << i;
      ASSERT_EQ(warnings_.size(), 1U);
      EXPECT_NE(warnings_[0].find(path), std::string::npos);
    }
  }
  Put(path, whole);
  EXPECT_EQ((*store->Latest(&warnings_))->number, 2U);
}

TEST_F(CheckpointStoreTest, WhereAllAreDamagedNothingBeginsAnewByItself) {
  const auto store = Open();
  ASSERT_TRUE(store->Write(7, "the only one").ok());
  Put(CheckpointStore::List(directory_)->back(), "JOISTCP1 and nothing");
  const auto latest = store->Latest(&warnings_);
  ASSERT_FALSE(latest.ok());
  EXPECT_NE(latest.status().message().find("none of the 1 checkpoints"), std::string::npos);
}

TEST_F(CheckpointStoreTest, BelongsToOneProcess) {
  const auto store = Open();
  const auto other = CheckpointStore::Open(directory_);
  ASSERT_FALSE(other.ok());
  EXPECT_NE(other.status().message().find("another process uses the checkpoint directory"),
            std::string::npos);
}

TEST_F(CheckpointStoreTest, LeavesNothingWhereItCannotWrite) {
  const auto store = Open();
  std::filesystem::create_directory(directory_ + "/checkpoint-0000000001");
  EXPECT_NE(store->Write(7, "state").message().find("cannot write checkpoint"), std::string::npos);
  EXPECT_FALSE(std::filesystem::exists(directory_ + "/unfinished"));
  std::filesystem::remove(directory_ + "/checkpoint-0000000001");
  EXPECT_TRUE(store->Write(7, "state").ok());
}

TEST_F(CheckpointStoreTest, SaysWhyItCannotWrite) {
  const auto store = Open();
  std::filesystem::remove_all(directory_);
  const Status status = store->Write(7, "state");
  EXPECT_NE(status.message().find("cannot write checkpoint " + directory_), std::string::npos)
      << status.message();
}

}  // namespace
}  // namespace joist
