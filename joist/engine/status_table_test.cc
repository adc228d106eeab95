// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/engine/status_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace joist {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

StepStatus StepNamed(std::string name, uint64_t in, uint64_t out) {
  StepStatus step;
  step.name = std::move(name);
  step.elements_in = in;
  step.elements_out = out;
  return step;
}

/// Two seconds apart.
struct TwoStatuses {
  JobStatus before;
  JobStatus now;
};

TwoStatuses Clicks() {
  JobStatus before;
  before.job = "clicks";
  before.is_stream = true;
  before.lanes = 2;
  before.gathered_at = Timestamp::Seconds(1000);
  before.steps = {StepNamed("Read/Keep", 4, 1000), StepNamed("Read", 1000, 100'000),
                  StepNamed("Sums of users by minute/Combine", 100'000, 50)};
  JobStatus now = before;
  now.gathered_at = Timestamp::Seconds(1002);
  now.run_time = Duration::Seconds(83);
  now.bundles = 4211;
  now.memory_bytes = 12'300'000;
  now.checkpoint =
      CheckpointStatus{41, Timestamp::Millis(998'900), Duration::Millis(120), 4'100'000};
  now.steps[0].elements_out = 1300;
  now.steps[0].watermark = Timestamp::Seconds(999);
  now.steps[0].lag = Duration::Millis(3100);
  now.steps[0].held_by = {0, OperatorStatus::Holds::kWork};
  now.steps[0].holds.waiting = 4;
  now.steps[1].elements_in = 1300;
  now.steps[1].elements_out = 300'000;
  now.steps[1].busy_seconds = 1;
  now.steps[1].lag = Duration::Millis(3100);
  now.steps[1].held_by = {0, OperatorStatus::Holds::kWork};
  now.steps[2].elements_in = 300'000;
  now.steps[2].dropped_late = 12;
  now.steps[2].busy_seconds = 2.4;
  now.steps[2].blocked_seconds = 0.2;
  now.steps[2].lag = Duration::Seconds(63);
  now.steps[2].held_by = {2, OperatorStatus::Holds::kWindows};
  now.steps[2].holds.cells = 12'345;
  return {before, now};
}

TEST(StatusTable, ShowsStepsWithWhatTheyDoBySecond) {
  const TwoStatuses clicks = Clicks();
  EXPECT_THAT(
      StatusTable(clicks.now, clicks.before, Timestamp::Seconds(1002), 80, 24),
      ElementsAre(
          "clicks  1m23s  2 lanes, 4.2k bundles, 12MB of memory",
          "checkpoint 41, 3.1s ago: 4.1MB in 120ms",
          "   STEP                 IN/S OUT/S    LAG HELD BY     WAIT STATE  LATE BUSY BLKD",
          " 1 Read/Keep               0   150   3.1s 1 source       4               0%   0%",
          " 2 Read                  150  100k   3.1s 1 source                      25%   0%",
          " 3 Sums o…nute/Combine  100k     0  1m03s 3 windows          12k    12  60%   5%"));
}

TEST(StatusTable, CountsWhatThereWasOfInputThatEnds) {
  TwoStatuses words = Clicks();
  for (JobStatus* status : {&words.before, &words.now}) {
    status->is_stream = false;
    status->checkpoint.reset();
    status->stage = 2;
    status->stages = 3;
    status->stage_progress = 0.48;
    status->job = "words";
  }
  EXPECT_THAT(
      StatusTable(words.now, words.before, Timestamp::Seconds(1002), 80, 24),
      ElementsAre("words  1m23s  [2/3] ██████░░░░░░ 48 %, 4.2k bundles, 12MB of memory",
                  "   STEP                               IN   OUT  IN/S OUT/S  WAIT  LATE",
                  " 1 Read/Keep                           4  1.3k     0   150     4      ",
                  " 2 Read                             1.3k  300k   150  100k            ",
                  " 3 Sums of users by minute/Combine  300k    50  100k     0          12"));
  EXPECT_THAT(StatusLine(words.now, words.before, Timestamp::Seconds(1002)),
              HasSubstr("12MB of memory; 301k elements, 100k elements/s into steps, most"));
}

TEST(StatusBlock, IsALineWhereThereIsNoRoomForATable) {
  const TwoStatuses clicks = Clicks();
  const auto block = [&](size_t columns, size_t rows) {
    return StatusBlock(clicks.now, clicks.before, Timestamp::Seconds(1002), columns, rows);
  };
  EXPECT_EQ(block(80, 5).size(), 5);
  EXPECT_EQ(block(80, 4).size(), 1);
  EXPECT_THAT(block(78, 24), ElementsAre(HasSubstr("clicks  1m23s")));
}

TEST(StatusTable, KeepsWithinTheTerminal) {
  TwoStatuses clicks = Clicks();
  clicks.now.job = std::string(200, 'j');
  for (int i = 0; i < 30; ++i) {
    clicks.now.steps.push_back(StepNamed("Step number " + std::to_string(i) + " äöü", 1, 1));
    clicks.now.steps.back().held_by = {1000, OperatorStatus::Holds::kSideInput};
    clicks.now.steps.back().lag = Duration::Days(1'000'000);
  }
  for (const size_t rows : {5, 10, 24, 35, 36, 50}) {
    for (const size_t columns : {79, 100, 300}) {
      const auto lines =
          StatusTable(clicks.now, clicks.before, Timestamp::Seconds(1005), columns, rows);
      EXPECT_LE(lines.size(), rows);
      for (const std::string& line : lines) {
        EXPECT_LE(
            line.size() - static_cast<size_t>(std::count_if(
                              line.begin(), line.end(), [](char c) { return (c & 0xC0) == 0x80; })),
            columns)
            << line;
      }
      EXPECT_THAT(lines[2], HasSubstr("figures of 3.0s ago"));
      if (rows == 24) {
        EXPECT_EQ(lines.back(), "   … and 14 more steps");
      }
      if (rows == 50) {
        EXPECT_EQ(lines.size(), 37);
      }
    }
  }
}

TEST(StatusTable, SaysThatAFailedStreamWaits) {
  TwoStatuses clicks = Clicks();
  clicks.now.is_paused = true;
  clicks.now.failures = 2;
  const auto lines = StatusTable(clicks.now, clicks.before, Timestamp::Seconds(1004), 80, 24);
  EXPECT_THAT(lines[0], HasSubstr(", 2 failures"));
  EXPECT_EQ(lines[2], "failed 2.0s ago, and waits before it is tried again");
}

TEST(StatusLine, SaysWhoHoldsTheSlowestStepAndWhereTimeGoes) {
  const TwoStatuses clicks = Clicks();
  const std::string line = StatusLine(clicks.now, clicks.before, Timestamp::Seconds(1002));
  EXPECT_THAT(line, HasSubstr("; 100k elements/s into steps, most time in \"Sums of users by "
                              "minute/Combine\"; lag 1m03s, held by \"Sums of users by "
                              "minute/Combine\" (windows); 12 late"));
  EXPECT_THAT(line, Not(HasSubstr("\n")));
}

TEST(Shortened, LosesTheMiddleAndWhatIsNoText) {
  EXPECT_EQ(Shortened("Count", 5), "Count");
  EXPECT_EQ(Shortened("Counts", 5), "C…nts");
  EXPECT_EQ(Shortened("äöüäöü", 4), "ä…öü");
  EXPECT_EQ(Shortened("a\033[2Jb\xFF\xC2\x9B\n", 20), "a?[2Jb???");
  EXPECT_EQ(Shortened("abc", 1), "…");
  EXPECT_EQ(Shortened("abc", 0), "");
}

TEST(ShortNumber, HasFiveCharactersAtMost) {
  EXPECT_EQ(ShortNumber(0), "0");
  EXPECT_EQ(ShortNumber(999.4), "999");
  EXPECT_EQ(ShortNumber(999.6), "1.0k");
  EXPECT_EQ(ShortNumber(9949), "9.9k");
  EXPECT_EQ(ShortNumber(9960), "10k");
  EXPECT_EQ(ShortNumber(999'600), "1.0M");
  EXPECT_EQ(ShortNumber(1.8e19), "18E");
}

TEST(ShortTime, IsReadable) {
  EXPECT_EQ(ShortTime(Duration::Millis(999)), "999ms");
  EXPECT_EQ(ShortTime(Duration::Millis(59'999)), "59.9s");
  EXPECT_EQ(ShortTime(Duration::Seconds(60)), "1m00s");
  EXPECT_EQ(ShortTime(Duration::Minutes(125)), "2h05m");
  EXPECT_EQ(ShortTime(Duration::Hours(76)), "3d04h");
  EXPECT_EQ(ShortTime(Duration::Days(1000)), "1000d");
  EXPECT_EQ(ShortTime(Duration::Millis(-1)), "ahead");
}

}  // namespace
}  // namespace joist
