// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/engine/cold_states.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>

namespace joist {
namespace {

constexpr int64_t kMemory = 1 << 20;

class ColdStatesTest : public testing::Test {
 protected:
  ColdStatesTest() { std::filesystem::create_directories(root_); }
  ~ColdStatesTest() override { std::filesystem::remove_all(root_); }

  static std::string NewFolder() {
    std::string path = (std::filesystem::temp_directory_path() / "cold_states_XXXXXX").string();
    EXPECT_NE(mkdtemp(path.data()), nullptr);
    return path;
  }
  static std::optional<std::string> Get(ColdState& states, const std::string& key) {
    std::string state;
    return states.Get(key, &state) ? std::optional(state) : std::nullopt;
  }

  const std::string root_ = NewFolder();
  const std::string work_ = root_ + "/cold";
  const std::string snapshot_ = root_ + "/snapshot";
};

TEST_F(ColdStatesTest, KeepTheStepsApart) {
  ColdStates all(work_, kMemory);
  EXPECT_TRUE(all.is_empty());
  const auto one = all.OfStep(1);
  const auto two = all.OfStep(2);
  EXPECT_EQ(Get(*one, "key"), std::nullopt);
  one->Put("key", "of one");
  two->Put("key", "of two");
  EXPECT_FALSE(all.is_empty());
  one->Erase("key");
  EXPECT_EQ(Get(*one, "key"), std::nullopt);
  EXPECT_EQ(Get(*two, "key"), "of two");
}

TEST_F(ColdStatesTest, LeaveNothingBehind) {
  {
    ColdStates all(work_, kMemory);
    all.OfStep(1)->Put("key", "state");
    EXPECT_TRUE(std::filesystem::exists(work_));
  }
  EXPECT_FALSE(std::filesystem::exists(work_));
}

TEST_F(ColdStatesTest, HaveASnapshotOfWhatWasThereWhenItWasBegun) {
  {
    ColdStates all(work_, kMemory);
    const auto states = all.OfStep(1);
    states->Put("stays", "1");
    states->Put("changes", "old");
    states->Put("goes", "1");
    ASSERT_TRUE(all.BeginSnapshot());
    states->Put("changes", "new");
    states->Put("comes", "1");
    states->Erase("goes");
    const auto expect_all = [&] {
      EXPECT_EQ(Get(*states, "stays"), "1");
      EXPECT_EQ(Get(*states, "changes"), "new");
      EXPECT_EQ(Get(*states, "comes"), "1");
      EXPECT_EQ(Get(*states, "goes"), std::nullopt);
    };
    expect_all();
    const Status taken = all.TakeSnapshot(snapshot_);
    ASSERT_TRUE(taken.ok()) << taken.message();
    expect_all();
  }
  ColdStates again(work_, kMemory);
  const Status restored = again.Restore(snapshot_);
  ASSERT_TRUE(restored.ok()) << restored.message();
  const auto states = again.OfStep(1);
  EXPECT_EQ(Get(*states, "stays"), "1");
  EXPECT_EQ(Get(*states, "changes"), "old");
  EXPECT_EQ(Get(*states, "goes"), "1");
  EXPECT_EQ(Get(*states, "comes"), std::nullopt);
}

TEST_F(ColdStatesTest, TakeSnapshotsOnlyOfWhatHasChanged) {
  ColdStates all(work_, kMemory);
  const auto states = all.OfStep(1);
  EXPECT_FALSE(all.BeginSnapshot());
  states->Put("key", "1");
  ASSERT_TRUE(all.BeginSnapshot());
  ASSERT_TRUE(all.TakeSnapshot(snapshot_).ok());
  EXPECT_FALSE(all.BeginSnapshot());
  states->Erase("key");
  EXPECT_TRUE(all.BeginSnapshot());
  ASSERT_TRUE(all.TakeSnapshot(snapshot_).ok());
}

TEST_F(ColdStatesTest, WhatWaitedForASnapshotIsInTheNext) {
  {
    ColdStates all(work_, kMemory);
    const auto states = all.OfStep(1);
    states->Put("key", "first");
    ASSERT_TRUE(all.BeginSnapshot());
    states->Put("key", "second");
    ASSERT_TRUE(all.TakeSnapshot(snapshot_).ok());
    ASSERT_TRUE(all.BeginSnapshot()) << "what waited has changed something";
    ASSERT_TRUE(all.TakeSnapshot(snapshot_).ok());
  }
  ColdStates again(work_, kMemory);
  ASSERT_TRUE(again.Restore(snapshot_).ok());
  EXPECT_EQ(Get(*again.OfStep(1), "key"), "second");
}

TEST_F(ColdStatesTest, LetWritersWaitWhereMuchWaitsForASnapshot) {
  ColdStates all(work_, kMemory);
  const auto states = all.OfStep(1);
  states->Put("key", "state");
  ASSERT_TRUE(all.BeginSnapshot());
  std::atomic<int> written{0};
  std::thread lane([&] {
    for (int key = 0; key < 8; ++key, ++written) {
      states->Put(std::to_string(key), std::string(kMemory / 4, 'x'));
    }
  });
  while (written.load() < 4) std::this_thread::yield();
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_EQ(written.load(), 4) << "the fifth is more than memory has room for";
  EXPECT_TRUE(all.TakeSnapshot(snapshot_).ok());
  lane.join();
  for (int key = 0; key < 8; ++key) {
    EXPECT_EQ(Get(*states, std::to_string(key)), std::string(kMemory / 4, 'x'));
  }
  ASSERT_TRUE(all.BeginSnapshot());
  states->Put("0", "is not kept waiting by what has been written");
  EXPECT_TRUE(all.TakeSnapshot(snapshot_).ok());
}

/// A job that is killed before each merge of its runs has ended must come further all the same.
TEST_F(ColdStatesTest, AreNotMergedBeforeASnapshotIsSafe) {
  const auto runs_in = [](const std::string& folder) {
    int runs = 0;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
      runs += entry.path().extension() == ".sst" ? 1 : 0;
    }
    return runs;
  };
  const auto life = [&](const std::function<void(ColdStates&)>& live) {
    ColdStates all(work_, kMemory);
    if (std::filesystem::exists(snapshot_)) EXPECT_TRUE(all.Restore(snapshot_).ok());
    live(all);
  };
  constexpr int kLives = 40;
  for (int i = 1; i <= kLives; ++i) {
    life([&](ColdStates& all) {
      all.OfStep(1)->Put("key " + std::to_string(i), std::string(1000, 'x'));
      ASSERT_TRUE(all.BeginSnapshot());
      ASSERT_TRUE(all.TakeSnapshot(root_ + "/next").ok());
      EXPECT_EQ(runs_in(root_ + "/next"), i);
    });
    std::filesystem::remove_all(snapshot_);
    std::filesystem::rename(root_ + "/next", snapshot_);
  }
  life([&](ColdStates& all) {
    const auto states = all.OfStep(1);
    for (int i = 1; i <= kLives; ++i) {
      EXPECT_EQ(Get(*states, "key " + std::to_string(i)), std::string(1000, 'x'));
    }
    for (int runs = kLives; runs >= kLives;) {
      states->Put("key", "state");
      ASSERT_TRUE(all.BeginSnapshot());
      ASSERT_TRUE(all.TakeSnapshot(snapshot_).ok());
      runs = runs_in(snapshot_);
    }
  });
}

TEST_F(ColdStatesTest, AreUsedByLanesWhileASnapshotIsTaken) {
  ColdStates all(work_, kMemory);
  const auto write = [&](int lane, int round) {
    const auto states = all.OfStep(1);
    for (int key = 0; key < 300; ++key) {
      const std::string name = std::to_string(lane) + "/" + std::to_string(key);
      states->Put(name, std::to_string(round));
      EXPECT_EQ(Get(*states, name), std::to_string(round));
    }
  };
  write(0, 0);
  write(1, 0);
  for (int round = 1; round <= 5; ++round) {
    ASSERT_TRUE(all.BeginSnapshot());
    std::thread lanes[] = {std::thread(write, 0, round), std::thread(write, 1, round)};
    EXPECT_TRUE(all.TakeSnapshot(snapshot_).ok());
    for (std::thread& lane : lanes) lane.join();
    ColdStates before(root_ + "/before", kMemory);
    ASSERT_TRUE(before.Restore(snapshot_).ok());
    for (const char* key : {"0/0", "0/299", "1/150"}) {
      EXPECT_EQ(Get(*before.OfStep(1), key), std::to_string(round - 1));
    }
  }
}

TEST_F(ColdStatesTest, SayWhatCannotBeTakenUp) {
  ColdStates all(work_, kMemory);
  const Status restored = all.Restore(root_ + "/nothing");
  EXPECT_FALSE(restored.ok());
  EXPECT_NE(restored.message().find(root_ + "/nothing"), std::string::npos) << restored.message();
}

}  // namespace
}  // namespace joist
