// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/engine/lane_threads.h"

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace joist {
namespace {

TEST(LaneThreads, CallOnceForEachLaneInItsThread) {
  constexpr int kLanes = 4;
  LaneThreads threads(kLanes);
  std::vector<std::thread::id> ids(kLanes);
  std::vector<int> calls(kLanes);
  for (int round = 1; round <= 500; ++round) {
    threads.Run([&](int lane) {
      const auto i = static_cast<size_t>(lane);
      if (round == 1) ids[i] = std::this_thread::get_id();
      EXPECT_EQ(ids[i], std::this_thread::get_id());
      ++calls[i];
    });
    EXPECT_EQ(calls, std::vector<int>(kLanes, round)) << "Run has returned before all were done";
  }
  EXPECT_EQ(ids[0], std::this_thread::get_id());
}

TEST(LaneThreads, ThrowWhatTheFirstLaneThatFailedHasThrown) {
  LaneThreads threads(3);
  for (int round = 0; round < 3; ++round) {
    try {
      threads.Run([](int lane) {
        if (lane > 0) throw std::runtime_error("lane " + std::to_string(lane));
      });
      ADD_FAILURE() << "nothing was thrown";
    } catch (const std::runtime_error& failure) {
      EXPECT_STREQ(failure.what(), "lane 1");
    }
    threads.Run([](int) {});
  }
}

}  // namespace
}  // namespace joist
