// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/transforms/log_elements.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>
#include <string>
#include <vector>

#include "joist/sdk/testing/test_pipeline.h"

namespace joist {
namespace {

/// The lines that a pipeline printed, in order.
std::vector<std::string> LinesOf(TestPipeline& p) {
  testing::internal::CaptureStdout();
  EXPECT_TRUE(p.RunOk());
  std::fflush(stdout);
  std::istringstream text(testing::internal::GetCapturedStdout());
  std::vector<std::string> lines;
  for (std::string line; std::getline(text, line);) lines.push_back(line);
  std::sort(lines.begin(), lines.end());
  return lines;
}

TEST(LogElements, Example) {
  TestPipeline p;
  auto counts = p | "Counts" >> Create<KV<std::string, int64_t>>({{"cat", 2}, {"dog", 1}});
  auto names = p | "Names" >> Create({"ann"});
  // [example]
  counts | joist::LogElements();
  names | joist::LogElements("name: ");
  // [example]
  EXPECT_EQ(LinesOf(p), (std::vector<std::string>{"name: ann", "{\"cat\": 2}", "{\"dog\": 1}"}));
}

TEST(LogElements, PassesItsInput) {
  TestPipeline p;
  auto logged = p | Create({"b", "a", "b"}) | LogElements("> ");
  PAssert::That(logged).ContainsInAnyOrder({"a", "b", "b"});
  EXPECT_EQ(LinesOf(p), (std::vector<std::string>{"> a", "> b", "> b"}));
}

TEST(LogElements, TimestampAndWindow) {
  TestPipeline p;
  p | Create({7}) | FlatMap([](int n, Emit<int> emit) { emit(n, Timestamp::Seconds(1)); }) |
      LogElements().WithTimestamp().WithWindow();
  EXPECT_EQ(LinesOf(p),
            (std::vector<std::string>{"7, timestamp=1970-01-01T00:00:01.000Z, window=global"}));
}

}  // namespace
}  // namespace joist
