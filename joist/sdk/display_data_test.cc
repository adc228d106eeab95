// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/sdk/display_data.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "joist/sdk/testing/test_pipeline.h"

namespace joist {
namespace {

using Type = DisplayItem::Type;

struct Longer {
  size_t least = 2;
  bool operator()(std::string_view word) const { return word.size() > least; }
  void DisplayData(joist::DisplayData& data) const { data.Add("least", "Longer than", least); }
};
JOIST_ROW(Longer, least)

struct LongWords : Transform {
  static constexpr std::string_view kKind = "LongWords";
  size_t least = 4;
  auto Expand(const PCollection<std::string>& words) const {
    return words | "Filter" >> Filter(Longer{least});
  }
  void DisplayData(joist::DisplayData& data) const {
    data.Add("words", "Which words", "long ones").Include(Longer{least});
  }
};

/// LongWords, which says nothing.
struct Silent : Transform {
  static constexpr std::string_view kKind = "LongWords";
  auto Expand(const PCollection<std::string>& words) const {
    return words | "Filter" >> Filter(Longer{4});
  }
};

std::string Said(const Pipeline& p, std::string_view name) {
  const std::vector<DisplayItem>* items = p.graph().display_data(name);
  if (items == nullptr) return "nothing";
  std::string text;
  for (const DisplayItem& item : *items) {
    text += item.key + "|" + item.label + "|" + item.value + ";";
  }
  return text;
}

TEST(DisplayData, HasTypedItems) {
  DisplayData data;
  data.Add("text", "Text", "x").Add("flag", "Flag", true).Add("count", "Count", uint8_t{200});
  data.Add("share", "Share", 0.1).Add("time", "Time", Duration::Millis(1500));
  data.Add("text", "Again", std::string("y"));
  data.AddIfNotDefault("a", "A", 3, 3).AddIfNotDefault("b", "B", 4, 3);
  data.AddIfNotNull("c", "C", std::optional<int>()).AddIfNotNull("d", "D", std::optional<int>(5));
  const std::vector<DisplayItem> expected = {
      {"text", "Again", "y", Type::kString},
      {"flag", "Flag", "true", Type::kBoolean},
      {"count", "Count", "200", Type::kInteger},
      {"share", "Share", "0.1", Type::kDouble},
      {"time", "Time", Duration::Millis(1500).ToString(), Type::kString},
      {"b", "B", "4", Type::kInteger},
      {"d", "D", "5", Type::kInteger}};
  EXPECT_EQ(data.items(), expected);
}

TEST(DisplayData, IsKeptUnderTheFullName) {
  TestPipeline p;
  auto words = p | Create({"a", "long", "longest"});
  words | LongWords();
  words | LongWords();
  auto named = words | "Mine" >> Composite([](const PCollection<std::string>& in) {
                         return in | "Inner" >> LongWords();
                       });
  words | "Other" >> Filter(Longer{1});
  words | Filter([](std::string_view) { return true; });
  EXPECT_EQ(Said(p, "Create"), "count|Elements|3;");
  const std::string long_words = "words|Which words|long ones;least|Longer than|4;";
  EXPECT_EQ(Said(p, "LongWords"), long_words);
  EXPECT_EQ(Said(p, "LongWords_2"), long_words);
  EXPECT_EQ(Said(p, "LongWords/Filter"), "least|Longer than|4;");
  EXPECT_EQ(Said(p, "Mine/Inner"), long_words);
  EXPECT_EQ(Said(p, "Mine"), "nothing");
  EXPECT_EQ(Said(p, "Other"), "least|Longer than|1;");
  EXPECT_EQ(Said(p, "Map"), "nothing");
  PAssert::That(named).ContainsInAnyOrder({"longest"});
  EXPECT_TRUE(p.RunOk());
}

TEST(DisplayData, ChangesNothingElseOfTheGraph) {
  Pipeline with;
  Pipeline without;
  with | Create({"a"}) | LongWords();
  without | Create({"a"}) | Silent();
  EXPECT_EQ(with.graph().Fingerprint(), without.graph().Fingerprint());
  EXPECT_TRUE(with.graph().Validate().ok());
}

TEST(DisplayData, OfOptions) {
  const char* const argv[] = {"program", "--job_name=x", "--labels=a,b", "--streaming"};
  const Result<PipelineOptions> options = PipelineOptions::Parse(4, argv);
  ASSERT_TRUE(options.ok());
  DisplayData data;
  data.Include(*options);
  const std::vector<DisplayItem> expected = {
      {"job_name", "Name of the job; derived from the program's if empty", "x"},
      {"labels", "Labels of the job, as name=value (also --label)", "a,b"},
      {"streaming", "Run as a streaming job", "true"}};
  EXPECT_EQ(data.items(), expected);
}

}  // namespace
}  // namespace joist
