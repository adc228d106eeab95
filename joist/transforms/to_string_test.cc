// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/transforms/to_string.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "joist/sdk/testing/test_pipeline.h"

namespace joist {
namespace {

TEST(ToString, Example) {
  TestPipeline p;
  auto numbers = p | "Numbers" >> Create<int64_t>({7, -3});
  auto counts = p | "Counts" >> Create<KV<std::string, int64_t>>({{"cat", 2}, {"", 0}});
  auto rows = p | "Rows" >> Create<std::vector<int>>({{1, 2, 3}, {}, {4}});
  // [example]
  auto digits = numbers | joist::ToString::Elements();
  auto lines = counts | joist::ToString::KVs(": ");
  auto csv = rows | joist::ToString::Iterables();
  // [example]
  PAssert::That(digits).ContainsInAnyOrder({"7", "-3"});
  PAssert::That(lines).ContainsInAnyOrder({"cat: 2", ": 0"});
  PAssert::That(csv).ContainsInAnyOrder({"1,2,3", "", "4"});
  EXPECT_TRUE(p.RunOk());
}

TEST(ToString, TextIsNotQuoted) {
  TestPipeline p;
  auto words = p | "Words" >> Create({"a", "\"b\"", ""});
  PAssert::That(words | ToString::Elements()).ContainsInAnyOrder({"a", "\"b\"", ""});
  auto lists = p | "Lists" >> Create<std::vector<std::string>>({{"x", "y"}, {"z"}});
  PAssert::That(lists | ToString::Iterables(" ")).ContainsInAnyOrder({"x y", "z"});
  EXPECT_TRUE(p.RunOk());
}

TEST(ToString, OtherTypes) {
  TestPipeline p;
  PAssert::That(p | "Reals" >> Create({0.1, 1e300, -2.0}) | ToString::Elements())
      .ContainsInAnyOrder({"0.1", "1e+300", "-2"});
  PAssert::That(p | "Bools" >> Create({true, false}) | ToString::Elements())
      .ContainsInAnyOrder({"true", "false"});
  PAssert::That(p | "Times" >> Create({Timestamp{0}}) | ToString::Elements())
      .ContainsInAnyOrder({"1970-01-01T00:00:00.000Z"});
  PAssert::That(p | "KVs" >> Create<KV<int, double>>({{1, 0.5}}) | ToString::KVs())
      .ContainsInAnyOrder({"1,0.5"});
  auto groups = p | "Pairs" >> Create<KV<int, std::string>>({{1, "a"}, {1, "a"}}) | GroupByKey();
  PAssert::That(groups | Values() | ToString::Iterables("-")).ContainsInAnyOrder({"a-a"});
  EXPECT_TRUE(p.RunOk());
}

TEST(ToString, ManyElements) {
  std::vector<int64_t> numbers;
  std::vector<std::string> expected;
  for (int64_t n = 0; n < 20'000; ++n) {
    numbers.push_back(n * n);
    expected.push_back(std::to_string(n * n));
  }
  TestPipeline p;
  PAssert::That(p | Create(numbers) | ToString::Elements()).ContainsInAnyOrder(expected);
  EXPECT_TRUE(p.RunOk());
}

}  // namespace
}  // namespace joist
