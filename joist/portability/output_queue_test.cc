// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/portability/output_queue.h"

#include <gtest/gtest.h>

#include <deque>
#include <random>

namespace joist::portability {
namespace {

std::shared_ptr<OutputMemory> Memory(size_t limit) {
  return std::make_shared<OutputMemory>(limit, testing::TempDir());
}

BundleOutput Output(const std::string& bytes) { return {"sink", "family", bytes}; }

TEST(OutputQueue, GivesWhatItWasGivenInOrder) {
  OutputQueue queue(Memory(10'000));
  std::deque<BundleOutput> expected;
  std::mt19937 random(1);
  for (int i = 0; i < 20'000; ++i) {
    // Now it grows, now it shrinks, so that memory and the file take turns.
    const bool grows = i / 500 % 2 == 0;
    if (random() % 4 < (grows ? 3 : 1)) {
      expected.push_back(Output(std::string(random() % 300, static_cast<char>('a' + i % 26))));
      if (i % 3 == 0) expected.back().timer_family_id.clear();
      ASSERT_EQ(queue.Put(expected.back()), OkStatus());
    } else if (!expected.empty()) {
      ASSERT_FALSE(queue.empty());
      const BundleOutput output = queue.Take().value();
      ASSERT_EQ(output.transform_id, expected.front().transform_id);
      ASSERT_EQ(output.timer_family_id, expected.front().timer_family_id);
      ASSERT_EQ(output.bytes, expected.front().bytes);
      expected.pop_front();
    }
    ASSERT_EQ(queue.empty(), expected.empty());
  }
}

TEST(OutputQueue, WhatIsTakenOrClearedMakesRoom) {
  const auto memory = Memory(1000);
  OutputQueue queue(memory);
  ASSERT_EQ(queue.Put(Output(std::string(500, 'x'))), OkStatus());
  EXPECT_FALSE(memory->Take(500));
  ASSERT_TRUE(queue.Take().ok());
  EXPECT_TRUE(memory->Take(1000));
  memory->GiveBack(1000);
  ASSERT_EQ(queue.Put(Output(std::string(500, 'x'))), OkStatus());
  ASSERT_EQ(queue.Put(Output(std::string(5000, 'y'))), OkStatus());
  queue.Clear();
  EXPECT_TRUE(queue.empty());
  EXPECT_TRUE(memory->Take(1000));
}

TEST(OutputQueue, SaysWhereThereIsNoDisk) {
  OutputQueue queue(std::make_shared<OutputMemory>(10, "/nowhere/at/all"));
  const Status status = queue.Put(Output(std::string(100, 'x')));
  EXPECT_EQ(status.code(), StatusCode::kNotFound);
  EXPECT_TRUE(status.message().starts_with(
      "what a bundle has output exceeds the memory for it, and the server cannot make a temporary "
      "file in /nowhere/at/all"))
      << status.message();
  EXPECT_TRUE(queue.empty());
}

}  // namespace
}  // namespace joist::portability
