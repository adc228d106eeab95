// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/transforms/regex.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "joist/sdk/testing/test_pipeline.h"

namespace joist {
namespace {

TEST(Regex, Example) {
  TestPipeline p;
  auto lines = p | Create({"id=12, ab-cd", "7", "x", ""});
  // [example]
  auto numbers = lines | joist::Regex::Matches("[0-9]+");
  auto ids = lines | joist::Regex::Find("id=([0-9]+)", 1);
  auto all = lines | joist::Regex::FindAll("[0-9a-z]+");
  auto pairs = lines | joist::Regex::FindKV("(\\w+)=(?P<value>\\w+)", 1, "value");
  auto swapped = lines | joist::Regex::ReplaceAll("([a-z]+)-([a-z]+)", "\\2-\\1");
  auto pieces = lines | joist::Regex::Split(",\\s*");
  // [example]
  PAssert::That(numbers).ContainsInAnyOrder({"7"});
  PAssert::That(ids).ContainsInAnyOrder({"12"});
  PAssert::That(all).ContainsInAnyOrder({{"id", "12", "ab", "cd"}, {"7"}, {"x"}});
  PAssert::That(pairs).ContainsInAnyOrder({{"id", "12"}});
  PAssert::That(swapped).ContainsInAnyOrder({"id=12, cd-ab", "7", "x", ""});
  PAssert::That(pieces).ContainsInAnyOrder({"id=12", "ab-cd", "7", "x"});
  EXPECT_TRUE(p.RunOk());
}

TEST(Regex, OtherForms) {
  TestPipeline p;
  auto lines = p | Create({"a1b2", "c3", "zz"});
  PAssert::That(lines | Regex::MatchesKV("([a-z])([0-9])", 1, 2)).ContainsInAnyOrder({{"c", "3"}});
  PAssert::That(lines | Regex::AllMatches("([a-z])([0-9])(.*)"))
      .ContainsInAnyOrder({{"a1b2", "a", "1", "b2"}, {"c3", "c", "3", ""}});
  PAssert::That(lines | Regex::FindAll("([a-z])([0-9])", 2))
      .ContainsInAnyOrder({{"1", "2"}, {"3"}});
  PAssert::That(lines | Regex::ReplaceFirst("[0-9]", "<\\0>"))
      .ContainsInAnyOrder({"a<1>b2", "c<3>", "zz"});
  PAssert::That(lines | Regex::Find("(x)?z", 1)).ContainsInAnyOrder({""});
  EXPECT_TRUE(p.RunOk());
}

TEST(Regex, EmptyMatchesAndPieces) {
  TestPipeline p;
  auto lines = p | "Lines" >> Create({",a,,b,", "äö"});
  PAssert::That(lines | Regex::Split(",", /*output_empty=*/true))
      .ContainsInAnyOrder({"", "a", "", "b", "", "äö"});
  PAssert::That(lines | Regex::Split(",")).ContainsInAnyOrder({"a", "b", "äö"});
  PAssert::That(lines | "Letters" >> Regex::Split(""))
      .ContainsInAnyOrder({",", "a", ",", ",", "b", ",", "ä", "ö"});
  auto empty = p | "Empty" >> Create({""});
  PAssert::That(empty | Regex::Split(",", true)).ContainsInAnyOrder({""});
  PAssert::That(empty | Regex::Matches("x*")).ContainsInAnyOrder({""});
  PAssert::That(empty | Regex::FindAll("x*")).ContainsInAnyOrder({{""}});
  PAssert::That(lines | Regex::FindAll("b*"))
      .ContainsInAnyOrder({{"", "", "", "", "b", ""}, {"", "", ""}});
  EXPECT_TRUE(p.RunOk());
}

TEST(Regex, ManyLinesByThreads) {
  std::vector<std::string> lines, expected;
  for (int i = 0; i < 20'000; ++i) {
    lines.push_back("user" + std::to_string(i % 100) + " spent " + std::to_string(i) + " cents");
    expected.push_back(std::to_string(i));
  }
  TestPipeline p;
  p.set_threads(4);
  PAssert::That(p | Create(lines) | Regex::Find("spent ([0-9]+)", 1)).ContainsInAnyOrder(expected);
  EXPECT_TRUE(p.RunOk());
}

template <class X>
std::string PatternFault(const X& transform) {
  TestPipeline p;
  p | Create({"a"}) | transform;
  const JobOutcome outcome = p.RunToEnd();
  EXPECT_EQ(outcome.state, JobState::kFailed);
  return outcome.status.message();
}

TEST(Regex, Refusals) {
  using testing::HasSubstr;
  EXPECT_THAT(PatternFault(Regex::Find("a(b")), HasSubstr("missing ): a(b"));
  EXPECT_THAT(PatternFault(Regex::Find("a(b)", 2)),
              testing::AllOf(HasSubstr("the regular expression \"a(b)\" at regex_test.cc:"),
                             HasSubstr("has no group 2; its groups are")));
  EXPECT_THAT(PatternFault(Regex::FindKV("a(b)", 1, "name")), HasSubstr("has no group \"name\""));
  EXPECT_THAT(PatternFault(Regex::Find("a", -1)), HasSubstr("has no group -1"));
  EXPECT_THAT(PatternFault(Regex::ReplaceAll("a", "\\1")),
              HasSubstr("does not go with its replacement"));
}

}  // namespace
}  // namespace joist
