// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/portability/jobserver/progress_lines.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace joist::portability {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

JobStatus After(Duration time, uint64_t elements) {
  JobStatus status;
  status.job = "job";
  status.run_time = time;
  status.gathered_at = Timestamp::Seconds(1000) + time;
  status.stage = 1;
  status.stages = 2;
  status.steps.resize(1);
  status.steps[0].name = "Parse";
  status.steps[0].elements_in = elements;
  return status;
}

TEST(ProgressLines, ComeEverMoreRarely) {
  ProgressLines lines;
  std::vector<int64_t> minutes;
  std::vector<int64_t> seconds;
  for (int64_t second = 0; second < 5 * 3600; ++second) {
    if (!lines.Line(After(Duration::Seconds(second), 0)).has_value()) continue;
    (second < 60 ? seconds : minutes).push_back(second < 60 ? second : second / 60);
  }
  EXPECT_THAT(seconds, ElementsAre(10, 20, 40));
  EXPECT_THAT(minutes, ElementsAre(1, 2, 5, 10, 21, 42, 85, 145, 205, 265));
}

TEST(ProgressLines, SayWhatCameSinceTheLastOne) {
  ProgressLines lines;
  EXPECT_FALSE(lines.Line(After(Duration::Seconds(0), 0)).has_value());
  EXPECT_THAT(lines.Line(After(Duration::Seconds(10), 100)).value_or(""),
              HasSubstr("job  10.0s  [1/2] 0 %; 100 elements, 10 elements/s into steps"));
  EXPECT_FALSE(lines.Line(After(Duration::Seconds(12), 200)).has_value());
  EXPECT_THAT(lines.Line(After(Duration::Seconds(20), 400)).value_or(""),
              HasSubstr("400 elements, 30 elements/s into steps"));
}

}  // namespace
}  // namespace joist::portability
