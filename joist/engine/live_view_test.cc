// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/engine/live_view.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "joist/engine/testing/terminal.h"

namespace joist {
namespace {

using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;

class LiveViewTest : public testing::Test {
 protected:
  LiveViewTest() {
    Node node;
    node.name = "Numbers";
    node.kind = StepKind::kRead;
    graph_.Add(std::move(node), {&element_type<int64_t>});
  }
  Graph graph_;
  MemoryBudget memory_{1 << 20, 1, "/"};
};

TEST_F(LiveViewTest, RedrawsATableAndLetsLogLinesStand) {
  const JobWatch watch(&graph_, &memory_, "job");
  Terminal terminal(80, 24);
  {
    LiveView view(&watch, terminal.file());
    EXPECT_THAT(terminal.Until("Numbers"), HasSubstr("job  "));
    // Title, heading, step; the age of the figures after a second.
    EXPECT_THAT(terminal.Until("Numbers"), ContainsRegex("\033\\[[34]F\033\\[J"));
    view.Tell("joist: a line");
    EXPECT_THAT(terminal.Until("a line"), ContainsRegex("\033\\[[34]F\033\\[Jjoist: a line"));
    EXPECT_THAT(terminal.Until("Numbers"), Not(ContainsRegex("\033\\[[34]F")));
  }
  EXPECT_THAT(terminal.Until("F\033[J"), ContainsRegex("\033\\[[34]F\033\\[J$"));
}

TEST_F(LiveViewTest, DrawsOneLineWhereThereIsNoRoomForATable) {
  const JobWatch watch(&graph_, &memory_, "job");
  Terminal terminal(30, 24);
  const LiveView view(&watch, terminal.file());
  const std::string line = terminal.Until("\n");
  EXPECT_THAT(line, HasSubstr("job  "));
  EXPECT_LE(line.size(), 34) << "the dots are three bytes, the end two";
  EXPECT_THAT(terminal.Until("\n"), HasSubstr("\033[1F\033[J"));
}

TEST_F(LiveViewTest, WritesLinesWhereThereIsNoTerminal) {
  const JobWatch watch(&graph_, &memory_, "job");
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  {
    LiveView view(&watch, ends[1]);
    view.Tell("joist: a line");
    usleep(600'000);
  }
  close(ends[1]);
  char seen[1000];
  const ssize_t size = read(ends[0], seen, sizeof(seen));
  close(ends[0]);
  EXPECT_EQ(std::string(seen, static_cast<size_t>(std::max<ssize_t>(size, 0))), "joist: a line\n");
}

}  // namespace
}  // namespace joist
