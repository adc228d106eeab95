// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/engine/phase_waits.h"

#include <gtest/gtest.h>

namespace joist {
namespace {

// Three lanes in a phase of the nodes 1 and 2: the second is longest, most of it in node 2.
TEST(PhaseWaits, ArePutDownToTheStepThatWasWaitedFor) {
  PhaseWaits waits(3, 4);
  const std::vector<int> phase = {1, 2};
  std::vector<std::vector<StepStats>> stats(3, std::vector<StepStats>(4));
  for (int lane = 0; lane < 3; ++lane) {
    stats[static_cast<size_t>(lane)][1].ticks = 1000;  // Of phases before.
    // That a thread is woken late is nobody's fault.
    waits.Begin(lane, phase, stats[static_cast<size_t>(lane)], 100 * static_cast<uint64_t>(lane));
  }
  stats[0][1].ticks += 10;
  stats[1][1].ticks += 20;
  stats[1][2].ticks += 50;
  stats[2][2].ticks += 30;
  waits.End(0, phase, stats[0], 15);
  waits.End(1, phase, stats[1], 180);
  waits.End(2, phase, stats[2], 235);
  waits.Charge();
  EXPECT_EQ(waits.blocked(2), (80 - 15) + (80 - 35));
  EXPECT_EQ(waits.blocked(1), 0);

  // It adds up.
  for (int lane = 0; lane < 3; ++lane) {
    waits.Begin(lane, phase, stats[static_cast<size_t>(lane)], 1000);
    if (lane == 0) stats[0][1].ticks += 5;
    waits.End(lane, phase, stats[static_cast<size_t>(lane)], lane == 0 ? 1005 : 1000);
  }
  waits.Charge();
  EXPECT_EQ(waits.blocked(1), 10);
  EXPECT_EQ(waits.blocked(2), 110);
}

TEST(PhaseWaits, AreNothingOfOneLane) {
  PhaseWaits waits(1, 1);
  std::vector<StepStats> stats(1);
  waits.Begin(0, {0}, stats, 0);
  stats[0].ticks = 100;
  waits.End(0, {0}, stats, 100);
  waits.Charge();
  EXPECT_EQ(waits.blocked(0), 0);
}

}  // namespace
}  // namespace joist
