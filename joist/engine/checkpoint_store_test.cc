// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/engine/checkpoint_store.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace joist {
namespace {

class CheckpointStoreTest : public testing::Test {
 protected:
  void SetUp() override { std::filesystem::remove_all(directory_); }
  void TearDown() override { std::filesystem::remove_all(root_); }
  std::unique_ptr<CheckpointStore> Open() {
    auto store = CheckpointStore::Open(directory_, kKept);
    EXPECT_TRUE(store.ok()) << store.status().message();
    return store.ok() ? std::move(*store) : nullptr;
  }
  static constexpr int kKept = 3;
  static Status Write(CheckpointStore* store, std::string_view run) {
    return store->Write(0, 7, 0, run, {});
  }
  static std::string BytesOf(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  static void Put(const std::string& path, const std::string& bytes) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
  }

  const std::string root_ = testing::TempDir() + "joist_checkpoints_" + std::to_string(getpid());
  const std::string directory_ = root_ + "/deep";
  std::vector<std::string> warnings_;
};

TEST_F(CheckpointStoreTest, GivesTheLastOne) {
  {
    const auto store = Open();
    auto none = store->Latest(&warnings_);
    ASSERT_TRUE(none.ok());
    EXPECT_FALSE(none->has_value());
    for (int i = 1; i <= 5; ++i) {
      ASSERT_TRUE(Write(store.get(), "state " + std::to_string(i)).ok());
      ASSERT_TRUE(store->Tidy().ok());
    }
  }
  const auto store = Open();
  const auto latest = store->Latest(&warnings_);
  ASSERT_TRUE(latest.ok());
  EXPECT_EQ((*latest)->header.number, 5U);
  EXPECT_EQ((*latest)->header.fingerprint, 7U);
  EXPECT_EQ((*latest)->run, "state 5");
  EXPECT_TRUE(warnings_.empty());
  EXPECT_EQ(CheckpointStore::List(SystemDisk(), directory_)->size(), 3U);
  ASSERT_TRUE(Write(store.get(), "state 6").ok());
  EXPECT_EQ((*store->Latest(&warnings_))->header.number, 6U);
}

// At each byte: cut there, or another byte there.
TEST_F(CheckpointStoreTest, WhatIsDamagedIsPassedOver) {
  const auto store = Open();
  ASSERT_TRUE(Write(store.get(), "the first").ok());
  ASSERT_TRUE(Write(store.get(), "the second, of which something is lost").ok());
  const std::string path = CheckpointStore::List(SystemDisk(), directory_)->back();
  const std::string whole = BytesOf(path);
  for (size_t i = 0; i < whole.size(); ++i) {
    std::string other = whole;
    other[i] = static_cast<char>(other[i] ^ 0x08);
    for (const std::string& damaged : {whole.substr(0, i), other}) {
      Put(path, damaged);
      warnings_.clear();
      const auto latest = store->Latest(&warnings_);
      ASSERT_TRUE(latest.ok()) << i;
      ASSERT_EQ((*latest)->run, "the first") << i;
      ASSERT_EQ(warnings_.size(), 1U);
      EXPECT_NE(warnings_[0].find(path), std::string::npos);
    }
  }
  Put(path, whole);
  EXPECT_EQ((*store->Latest(&warnings_))->header.number, 2U);
}

TEST_F(CheckpointStoreTest, WhereAllAreDamagedNothingBeginsAnewByItself) {
  const auto store = Open();
  ASSERT_TRUE(Write(store.get(), "the only one").ok());
  Put(CheckpointStore::List(SystemDisk(), directory_)->back(), "JOISTCP2 and nothing");
  const auto latest = store->Latest(&warnings_);
  ASSERT_FALSE(latest.ok());
  EXPECT_NE(latest.status().message().find("none of the 1 checkpoints"), std::string::npos);
}

TEST_F(CheckpointStoreTest, AnotherVersionIsNotPassedOver) {
  const auto store = Open();
  ASSERT_TRUE(Write(store.get(), "the first").ok());
  ASSERT_TRUE(Write(store.get(), "the second").ok());
  Put(CheckpointStore::List(SystemDisk(), directory_)->back(), "JOISTCP1 and what it had");
  const auto latest = store->Latest(&warnings_);
  ASSERT_FALSE(latest.ok());
  EXPECT_NE(latest.status().message().find("another version of Joist (1)"), std::string::npos);
}

/// Random changes of some keys by some steps; what the last checkpoints say of them, read in any of
/// the ways, is what a map says, however often the files were made into one.
TEST_F(CheckpointStoreTest, HasTheKeysAsTheyWere) {
  using Keys = std::map<std::pair<uint32_t, std::string>, std::string>;
  std::mt19937_64 random(7);
  Keys now;
  std::map<uint64_t, Keys> were;
  auto store = Open();
  size_t most_files = 0;
  for (int i = 0; i < 300; ++i) {
    if (random() % 20 == 0) {
      store = nullptr;
      store = Open();
    }
    std::vector<StepKeys> changes;
    for (uint32_t step = 0; step < 3; ++step) {
      SavedState state;
      std::set<std::string> named;
      for (uint64_t change = random() % 200; change > 0; --change) {
        const std::string key = "key " + std::to_string(random() % 500);
        if (!named.insert(key).second) continue;
        const auto partition = static_cast<uint32_t>(std::hash<std::string>()(key));
        if (random() % 3 == 0) {
          state.Remove(partition, key);
          now.erase({step, key});
        } else {
          std::string& value = now[{step, key}];
          value.clear();
          for (uint64_t j = random() % 10; j > 0; --j) value += std::to_string(random());
          state.Put(partition, key, value);
        }
      }
      if (!state.keys().empty()) changes.push_back({step, state.TakeKeys()});
    }
    ASSERT_TRUE(store->Write(store->next() - 1, 7, 0, "run", changes).ok());
    were[store->next() - 1] = now;
    ASSERT_TRUE(store->Tidy().ok());
    const auto files = CheckpointStore::List(SystemDisk(), directory_);
    ASSERT_TRUE(files.ok());
    most_files = std::max(most_files, files->size());
    ASSERT_GE(files->size(), std::min<size_t>(were.size(), kKept));
    if (random() % 10 != 0) continue;
    for (size_t last = files->size() - std::min<size_t>(files->size(), kKept); last < files->size();
         ++last) {
      const auto checkpoint = CheckpointStore::Read(SystemDisk(), (*files)[last]);
      ASSERT_TRUE(checkpoint.ok()) << checkpoint.status().message();
      const Keys& expected = were[checkpoint->header.number];
      Keys got;
      ASSERT_TRUE(CheckpointStore::ForEachKey(
                      SystemDisk(), *checkpoint,
                      [&](uint32_t step, const SavedKey& key) {
                        EXPECT_TRUE(got.emplace(std::pair(step, key.key), key.state).second);
                      })
                      .ok());
      ASSERT_EQ(got, expected);
      // As a run reads it: what is said first counts.
      got.clear();
      std::set<std::pair<uint32_t, std::string>> gone;
      ASSERT_TRUE(store
                      ->ReadKeys(*checkpoint,
                                 [&](const std::vector<StepKeys>& some) {
                                   for (const StepKeys& of : some) {
                                     ByteReader in(of.keys);
                                     for (SavedKey key; in.remaining() > 0;) {
                                       EXPECT_TRUE(key.Take(&in));
                                       const std::pair id(of.step, std::string(key.key));
                                       if (key.is_removed) {
                                         gone.insert(id);
                                       } else if (!gone.contains(id)) {
                                         got.emplace(id, key.state);
                                       }
                                     }
                                   }
                                   return OkStatus();
                                 })
                      .ok());
      ASSERT_EQ(got, expected);
    }
  }
  EXPECT_GT(most_files, 5U) << "nothing was said as changes";
  EXPECT_LT(most_files, 110U);
}

/// What builds on something that is gone or damaged cannot be read, and what is before it can.
TEST_F(CheckpointStoreTest, NeedsWhatItBuildsOn) {
  const auto store = Open();
  ASSERT_TRUE(Write(store.get(), "the first").ok());
  ASSERT_TRUE(store->Write(1, 7, 0, "the second", {}).ok());
  ASSERT_TRUE(store->Write(2, 7, 0, "the third", {}).ok());
  const std::string second = directory_ + "/" + CheckpointStore::NameOf(2);
  const std::string whole = BytesOf(second);
  Put(second, whole.substr(0, whole.size() - 1));
  auto latest = store->Latest(&warnings_);
  ASSERT_TRUE(latest.ok());
  EXPECT_EQ((*latest)->run, "the first");
  EXPECT_EQ(warnings_.size(), 2U);
  std::filesystem::remove(second);
  latest = store->Latest(&warnings_);
  ASSERT_TRUE(latest.ok());
  EXPECT_EQ((*latest)->run, "the first");
}

TEST_F(CheckpointStoreTest, BelongsToOneProcess) {
  const auto store = Open();
  const auto other = CheckpointStore::Open(directory_, kKept);
  ASSERT_FALSE(other.ok());
  EXPECT_NE(other.status().message().find("another process uses the checkpoint directory"),
            std::string::npos);
}

TEST_F(CheckpointStoreTest, LeavesNothingWhereItCannotWrite) {
  const auto store = Open();
  std::filesystem::create_directory(directory_ + "/checkpoint-0000000001");
  EXPECT_NE(Write(store.get(), "state").message().find("cannot write checkpoint"),
            std::string::npos);
  EXPECT_FALSE(std::filesystem::exists(directory_ + "/unfinished"));
  std::filesystem::remove(directory_ + "/checkpoint-0000000001");
  EXPECT_TRUE(Write(store.get(), "state").ok());
}

/// Has no room for another file.
struct FullDisk final : Disk {
  std::unique_ptr<File> Open(const std::string& path) override { return disk->Open(path); }
  std::unique_ptr<File> Create(const std::string&) override {
    errno = ENOSPC;
    return nullptr;
  }
  bool Rename(const std::string& from, const std::string& to) override {
    return disk->Rename(from, to);
  }
  bool Remove(const std::string& path) override { return disk->Remove(path); }
  bool SyncNames(const std::string& directory) override { return disk->SyncNames(directory); }
  bool List(const std::string& directory, std::vector<std::string>* names) override {
    return disk->List(directory, names);
  }
  bool MakeDirectories(const std::string& directory) override {
    return disk->MakeDirectories(directory);
  }
  Disk* disk = SystemDisk();
};

TEST_F(CheckpointStoreTest, SaysWhatToDoWhereADiskIsFull) {
  FullDisk disk;
  const auto store = CheckpointStore::Open(directory_, kKept, &disk);
  ASSERT_TRUE(store.ok()) << store.status().message();
  const Status status = Write(store->get(), "state");
  EXPECT_EQ(status.code(), StatusCode::kResourceExhausted);
  EXPECT_EQ(status.message(), "cannot write checkpoint " + directory_ +
                                  "/checkpoint-0000000001: No space left on device; make room and "
                                  "start the job again, it goes on from its last checkpoint");
}

TEST_F(CheckpointStoreTest, SaysWhyItCannotWrite) {
  const auto store = Open();
  std::filesystem::remove_all(directory_);
  const Status status = Write(store.get(), "state");
  EXPECT_EQ(status.message(), "cannot write checkpoint " + directory_ +
                                  "/checkpoint-0000000001: No such file or directory; the folder "
                                  "is gone and with it what the job could go on from: bring it "
                                  "back, or start the job anew");
}

}  // namespace
}  // namespace joist
