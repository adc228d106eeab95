// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// The scripts of conformance/*.yaml on NaiveGrouping and on WindowGroups. A case that fails prints
// what came out, as YAML.

#include "joist/model/testing/conformance_cases.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "joist/model/grouped_values.h"
#include "joist/model/naive_grouping.h"

namespace joist {
namespace {

template <class Grouping>
std::vector<NaiveGrouping::Pane> PanesOf(const YAML::Node& yaml) {
  Grouping grouping(StrategyOf(yaml));
  std::vector<NaiveGrouping::Pane> panes;
  Timestamp processing_time = Timestamp::Millis(0);
  const auto take = [&](std::vector<NaiveGrouping::Pane> more) {
    for (auto& pane : more) panes.push_back(std::move(pane));
  };
  take(grouping.AdvanceProcessingTime(processing_time));
  for (const YAML::Node& step : yaml["script"]) {
    if (step["add"]) {
      std::vector<NaiveGrouping::Element> elements;
      for (const YAML::Node& element : step["add"]) {
        elements.push_back(
            {element[0].as<std::string>(), element[1].as<int64_t>(), SecondOf(element[2])});
      }
      take(grouping.Add(elements));
    } else if (step["watermark"]) {
      take(grouping.AdvanceWatermark(SecondOf(step["watermark"])));
    } else {
      processing_time = processing_time + SecondsOf(step["processing_time"]);
      take(grouping.AdvanceProcessingTime(processing_time));
    }
  }
  take(grouping.AdvanceWatermark(Timestamp::Max()));
  for (const NaiveGrouping::Pane& pane : panes) EXPECT_EQ(pane.info.is_first, pane.info.index == 0);
  return panes;
}

template <class Grouping>
void ExpectThePanesOfTheScripts() {
  ForEachCase([](const YAML::Node& yaml, const std::vector<std::string>& expected) {
    std::vector<NaiveGrouping::Pane> panes = PanesOf<Grouping>(yaml);
    // Keys are apart: between them there is no order.
    std::stable_sort(panes.begin(), panes.end(),
                     [](const auto& a, const auto& b) { return a.key < b.key; });
    std::vector<std::string> found;
    std::string text = "  panes:";
    for (NaiveGrouping::Pane& pane : panes) {
      found.push_back(TextOf(std::move(pane)));
      text += "\n    - " + found.back();
    }
    EXPECT_EQ(found, expected) << text;
  });
}

TEST(Conformance, NaiveGroupingGivesThePanesOfTheScripts) {
  ExpectThePanesOfTheScripts<NaiveGrouping>();
}

TEST(Conformance, WindowGroupsGiveThePanesOfTheScripts) {
  ExpectThePanesOfTheScripts<GroupedValues>();
}

}  // namespace
}  // namespace joist
