// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/portability/job_options.h"

#include <gtest/gtest.h>

#include <limits>

namespace joist::portability {
namespace {

template <class Set>
JobOptions OptionsWith(const std::string& key, const Set& set) {
  ::google::protobuf::Struct options;
  set(&(*options.mutable_fields())[key]);
  return JobOptions(options.SerializeAsString());
}
JobOptions WithText(const std::string& key, const std::string& text) {
  return OptionsWith(key, [&](auto* value) { value->set_string_value(text); });
}
JobOptions WithNumber(double number) {
  return OptionsWith("n", [&](auto* value) { value->set_number_value(number); });
}

TEST(JobOptions, AreFoundByBothNames) {
  EXPECT_EQ(WithText("dir", "a").Text("dir"), "a");
  EXPECT_EQ(WithText("beam:option:dir:v1", "a").Text("dir"), "a");
  EXPECT_EQ(WithText("other", "a").Text("dir"), "");
  EXPECT_TRUE(WithText("streaming", "true").Flag("streaming"));
  EXPECT_FALSE(WithText("streaming", "no").Flag("streaming"));
  const auto null = [](auto* value) { value->set_null_value(::google::protobuf::NULL_VALUE); };
  EXPECT_EQ(OptionsWith("n", null).Number("n", 7, 1, 9).value(), 7);
  EXPECT_EQ(JobOptions("no message").Text("dir"), "");
}

TEST(JobOptions, NumbersAreWholeAndWithinTheirLimits) {
  EXPECT_EQ(WithText("n", "5").Number("n", 7, 1, 9).value(), 5);
  EXPECT_EQ(WithNumber(5).Number("n", 7, 1, 9).value(), 5);
  EXPECT_EQ(WithText("m", "5").Number("n", 7, 1, 9).value(), 7);
  for (const char* wrong : {"", "x", "5x", "0", "10", "-3", "99999999999999999999"}) {
    EXPECT_FALSE(WithText("n", wrong).Number("n", 7, 1, 9).ok()) << wrong;
  }
  constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
  for (const double wrong : {1.5, 0.0, 10.0, 1e300, -1e300, kNone}) {
    EXPECT_FALSE(WithNumber(wrong).Number("n", 7, 1, 9).ok()) << wrong;
  }
  EXPECT_EQ(WithText("n", "10").Number("n", 7, 1, 9, " (--most)").status().message(),
            "the pipeline option n is 10; it is a whole number from 1 to 9 (--most)");
  EXPECT_EQ(WithText("n", "a\nb").Number("n", 7, 1, 9).status().message(),
            "the pipeline option n is \"a b\"; it is a whole number from 1 to 9");
}

}  // namespace
}  // namespace joist::portability
