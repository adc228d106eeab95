// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/cli/job_screen.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "joist/engine/testing/terminal.h"
#include "joist/exec/wall_time.h"

namespace joist::cli {
namespace {

using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;

JobStatus StatusOf(const std::string& job, size_t steps) {
  JobStatus status;
  status.job = job;
  status.gathered_at = WallTime() + Duration::Hours(1);  // So that it never gets old.
  status.stage = 1;
  status.stages = 2;
  status.steps.resize(steps);
  for (size_t i = 0; i < steps; ++i) {
    status.steps[i].name = "Step " + std::to_string(i + 1) + " of " + job;
  }
  return status;
}

TEST(JobScreen, ShowsEachJobUntilItIsTakenAway) {
  Terminal terminal(80, 24);
  JobScreen screen(terminal.file());
  screen.ShowProgress("a", StatusOf("a", 2));
  screen.ShowProgress("b", StatusOf("b", 1));
  EXPECT_THAT(terminal.Until("Step 1 of b"),
              ContainsRegex("a  [^\n]*\\[1/2\\] .*Step 1 of a.*\n.*Step 2 of a.*\n[^\n]*b  .*"));
  screen.Tell("a line");
  // Two tables, each with title and heading.
  EXPECT_THAT(terminal.Until("a line"), HasSubstr("\033[7F\033[Ja line"));
  EXPECT_THAT(terminal.Until("Step 1 of b"), HasSubstr("Step 2 of a"));
  screen.TakeAway("a");
  terminal.Until("\033[7F\033[J");
  EXPECT_THAT(terminal.Until("Step 1 of b"), Not(HasSubstr("of a")));
}

TEST(JobScreen, HasALineOfEachJobWhereThereAreMany) {
  Terminal terminal(80, 6);
  JobScreen screen(terminal.file());
  for (const char* job : {"a", "b", "c", "d", "e", "f", "g"}) {
    screen.ShowProgress(job, StatusOf(job, 10));
  }
  const std::string seen = terminal.Until("more jobs");
  EXPECT_THAT(seen, HasSubstr("d  "));
  EXPECT_THAT(seen, HasSubstr("… and 3 more jobs"));
  EXPECT_THAT(seen, Not(HasSubstr("Step 1")));
}

TEST(JobScreen, ShowsMessagesOfOneLineThatMoveNoCursor) {
  Terminal terminal(80, 24);
  JobScreen screen(terminal.file());
  screen.ShowMessage("a", "two\nlines \033[2J");
  EXPECT_EQ(terminal.Until("\n"), "job a: two lines ?[2J\r\n");
}

TEST(JobScreen, CutsLongGraphs) {
  Terminal terminal(80, 24);
  JobScreen screen(terminal.file());
  screen.ShowGraph("a", "job: 1 step\n└─ Read\n");
  EXPECT_EQ(terminal.Until("Read\r\n"), "job: 1 step\r\n└─ Read\r\n");
  std::string picture;
  for (int i = 0; i < 150; ++i) picture += "line " + std::to_string(i) + "\n";
  screen.ShowGraph("a", picture);
  const std::string seen = terminal.Until("more lines");
  EXPECT_THAT(seen, HasSubstr("line 99\r\n… and 50 more lines"));
}

}  // namespace
}  // namespace joist::cli
