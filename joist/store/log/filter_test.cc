// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/store/log/filter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>

#include "joist/store/log/publish_batch.h"

namespace joist::store {
namespace {

using ::testing::HasSubstr;

/// Whether the filter lets the attributes through; fails the test where it is none.
bool Lets(const std::string& text, const std::map<std::string, std::string>& attributes) {
  const auto filter = Filter::Parse(text);
  EXPECT_TRUE(filter.ok()) << text << ": " << filter.status().message();
  PublishBatch batch;
  EXPECT_TRUE(batch.Add("data", attributes, "").ok());
  size_t size = 0;
  const auto message = MessageView::Decode(batch.bytes().substr(sizeof(FrameHeader)), &size);
  return filter.ok() && message && filter.value().Matches(message->attributes);
}

TEST(FilterTest, Matches) {
  EXPECT_TRUE(Lets("", {}));
  EXPECT_TRUE(Lets("  ", {}));
  EXPECT_TRUE(Lets("attributes:a", {{"a", ""}}));
  EXPECT_FALSE(Lets("attributes:a", {{"b", ""}}));
  EXPECT_TRUE(Lets("attributes.a = \"x\"", {{"a", "x"}}));
  EXPECT_FALSE(Lets("attributes.a=\"x\"", {{"a", "xy"}}));
  EXPECT_FALSE(Lets("attributes.a=\"\"", {}));
  EXPECT_TRUE(Lets("attributes.a != \"x\"", {{"a", "y"}}));
  EXPECT_TRUE(Lets("attributes.a != \"x\"", {}));
  EXPECT_FALSE(Lets("attributes.a != \"x\"", {{"a", "x"}}));
  EXPECT_TRUE(Lets("hasPrefix(attributes.a, \"co\")", {{"a", "com"}}));
  EXPECT_FALSE(Lets("hasPrefix ( attributes . a , \"co\" )", {{"a", "c"}}));
  EXPECT_FALSE(Lets("hasPrefix(attributes.a, \"\")", {}));
}

TEST(FilterTest, Combines) {
  const std::map<std::string, std::string> both = {{"a", "1"}, {"b", "2"}};
  EXPECT_TRUE(Lets("attributes:a AND attributes:b", both));
  EXPECT_FALSE(Lets("attributes:a AND attributes:c", both));
  EXPECT_TRUE(Lets("attributes:c OR attributes:b", both));
  EXPECT_TRUE(Lets("NOT attributes:c", both));
  EXPECT_TRUE(Lets("-attributes:c AND NOT NOT attributes:a", both));
  EXPECT_TRUE(Lets("(attributes:a OR attributes:c) AND (attributes:b)", both));
  EXPECT_FALSE(Lets("NOT (attributes:a OR attributes:c)", both));
  EXPECT_TRUE(Lets("attributes:\"a.org/b\"", {{"a.org/b", ""}}));
  EXPECT_TRUE(Lets(R"(attributes."x y" = "\"\\\u00e9")", {{"x y", "\"\\\xc3\xa9"}}));
}

TEST(FilterTest, SaysWhereItIsWrong) {
  const auto wrong = [](const std::string& text) {
    const auto filter = Filter::Parse(text);
    EXPECT_EQ(filter.status().code(), StatusCode::kInvalidArgument) << text;
    return filter.status().message();
  };
  EXPECT_THAT(wrong("attributes"), HasSubstr("position 11"));
  EXPECT_THAT(wrong("attributes:"), HasSubstr("the name of an attribute"));
  EXPECT_THAT(wrong("attributes.a = x"), HasSubstr("position 16"));
  EXPECT_THAT(wrong("attributes.a = \"x"), HasSubstr("not closed"));
  EXPECT_THAT(wrong("attributes:a AND attributes:b OR attributes:c"), HasSubstr("position 31"));
  EXPECT_THAT(wrong("attributes:a and attributes:b"), HasSubstr("position 14"));
  EXPECT_THAT(wrong("(attributes:a"), HasSubstr("')'"));
  EXPECT_THAT(wrong(R"(attributes.a = "\q")"), HasSubstr("escape"));
  EXPECT_THAT(wrong(R"(attributes.a = "\ud800")"), HasSubstr("escape"));
  EXPECT_THAT(wrong("hasPrefix(attributes:a, \"x\")"), HasSubstr("attributes.NAME"));
  EXPECT_THAT(wrong(std::string(100, '(')), HasSubstr("levels"));
  EXPECT_THAT(wrong(std::string(100, '-')), HasSubstr("levels"));
  EXPECT_THAT(wrong(std::string(257, ' ')), HasSubstr("256"));
}

TEST(FilterTest, AnyTextIsParsedOrRefused) {
  const std::vector<std::string> tokens = {"attributes", ":",   ".",  "a", "=",   "!=", "\"x\"",
                                           "hasPrefix",  "(",   ")",  ",", "AND", "OR", "NOT",
                                           "-",          "\\u", "\"", " ", "\xff"};
  std::mt19937 random(1);
  int parsed = 0;
  int refused = 0;
  for (int i = 0; i < 200'000; ++i) {
    std::string text;
    const size_t count = random() % 12;
    for (size_t token = 0; token < count; ++token) {
      text += tokens[random() % tokens.size()];
      if (random() % 3 == 0) text += " ";
    }
    const auto filter = Filter::Parse(text);
    filter.ok() ? ++parsed : ++refused;
    if (filter.ok()) (void)filter.value().Matches({});
  }
  EXPECT_GT(parsed, 100);
  EXPECT_GT(refused, 1000);
}

}  // namespace
}  // namespace joist::store
