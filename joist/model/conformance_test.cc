// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// The scripts of conformance/*.yaml on NaiveGrouping and on WindowGroups. A case that fails prints
// what came out, as YAML.

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <yaml-cpp/yaml.h>

#include "joist/model/grouped_values.h"
#include "joist/model/naive_grouping.h"

namespace joist {
namespace {

Duration SecondsOf(const YAML::Node& yaml) {
  return Duration::Millis(std::llround(yaml.as<double>() * 1000));
}
Timestamp SecondOf(const YAML::Node& yaml) { return Timestamp::Millis(0) + SecondsOf(yaml); }

WindowFn WindowFnOf(const YAML::Node& yaml) {
  if (yaml.IsScalar()) {
    EXPECT_EQ(yaml.as<std::string>(), "global");
    return WindowFn::Global();
  }
  if (yaml["fixed"]) return WindowFn::Fixed(SecondsOf(yaml["fixed"]));
  if (yaml["sessions"]) return WindowFn::Sessions(SecondsOf(yaml["sessions"]));
  return WindowFn::Sliding(SecondsOf(yaml["sliding"][0]), SecondsOf(yaml["sliding"][1]));
}

Trigger TriggerOf(const YAML::Node& yaml);

std::vector<Trigger> TriggersOf(const YAML::Node& yaml) {
  std::vector<Trigger> triggers;
  for (const YAML::Node& trigger : yaml) triggers.push_back(TriggerOf(trigger));
  return triggers;
}

Trigger TriggerOf(const YAML::Node& yaml) {
  if (!yaml.IsDefined()) return Trigger::Never();  // The early or the late part of a trigger.
  if (yaml.IsScalar()) {
    const auto name = yaml.as<std::string>();
    if (name == "always") return Trigger::Always();
    if (name == "never") return Trigger::Never();
    EXPECT_EQ(name, "default");
    return Trigger::Default();
  }
  const auto name = yaml.begin()->first.as<std::string>();
  const YAML::Node of = yaml.begin()->second;
  if (name == "after_count") return Trigger::AfterCount(of.as<int64_t>());
  if (name == "after_processing_time") return Trigger::AfterProcessingTime(SecondsOf(of));
  if (name == "after_watermark") {
    return Trigger::AfterWatermark(TriggerOf(of["early"]), TriggerOf(of["late"]));
  }
  if (name == "repeatedly") return Trigger::Repeatedly(TriggerOf(of));
  if (name == "or_finally") return Trigger::OrFinally(TriggerOf(of[0]), TriggerOf(of[1]));
  if (name == "after_each") return Trigger::AfterEach(TriggersOf(of));
  if (name == "after_first") return Trigger::AfterFirst(TriggersOf(of));
  EXPECT_EQ(name, "after_all");
  return Trigger::AfterAll(TriggersOf(of));
}

/// The index of the value among `names`, 0 where there is none.
template <class E>
E EnumOf(const YAML::Node& yaml, const std::vector<std::string>& names) {
  if (!yaml.IsDefined()) return E{};
  const auto found = std::find(names.begin(), names.end(), yaml.as<std::string>());
  EXPECT_NE(found, names.end()) << yaml;
  return static_cast<E>(found - names.begin());
}

WindowingStrategy StrategyOf(const YAML::Node& yaml) {
  WindowingStrategy strategy;
  strategy.window_fn = WindowFnOf(yaml["windows"]);
  if (yaml["trigger"]) strategy.trigger = TriggerOf(yaml["trigger"]);
  strategy.accumulation_mode =
      EnumOf<AccumulationMode>(yaml["mode"], {"discarding", "accumulating"});
  if (yaml["lateness"]) strategy.allowed_lateness = SecondsOf(yaml["lateness"]);
  strategy.timestamp_combiner =
      EnumOf<TimestampCombiner>(yaml["timestamps"], {"end_of_window", "earliest", "latest"});
  strategy.closing_behavior = EnumOf<ClosingBehavior>(yaml["closing"], {"if_nonempty", "always"});
  strategy.on_time_behavior = EnumOf<OnTimeBehavior>(yaml["on_time"], {"always", "if_nonempty"});
  const Status valid = strategy.Validate();
  EXPECT_TRUE(valid.ok()) << valid.message();
  return strategy;
}

std::string TextOf(Timestamp time) {
  if (time == Window::Global().end) return "end";
  if (time == Timestamp::Min()) return "start";
  if (time == Window::Global().max_timestamp()) return "last";
  std::string text = std::to_string(time.millis / 1000);
  if (time.millis % 1000 != 0) {
    std::string rest = std::to_string(time.millis % 1000);
    rest.insert(0, 3 - rest.size(), '0');
    text += "." + rest;
  }
  return text;
}

std::string TextOf(NaiveGrouping::Pane pane) {
  std::sort(pane.values.begin(), pane.values.end());
  std::string values;
  for (const int64_t value : pane.values) {
    values += (values.empty() ? "" : ", ") + std::to_string(value);
  }
  return "{key: " + pane.key + ", window: [" + TextOf(pane.window.start) + ", " +
         TextOf(pane.window.end) + "], values: [" + values + "], at: " + TextOf(pane.timestamp) +
         ", timing: " + std::string(PaneTimingName(pane.info.timing)) +
         ", index: " + std::to_string(pane.info.index) +
         ", on_time_index: " + std::to_string(pane.info.on_time_index) +
         ", last: " + (pane.info.is_last ? "true" : "false") + "}";
}

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
  int cases = 0;
  for (const auto& file : std::filesystem::directory_iterator(JOIST_CONFORMANCE)) {
    if (file.path().extension() != ".yaml") continue;
    for (const YAML::Node& yaml : YAML::LoadFile(file.path().string())) {
      ++cases;
      std::vector<NaiveGrouping::Pane> panes = PanesOf<Grouping>(yaml);
      // Keys are apart: between them there is no order.
      std::stable_sort(panes.begin(), panes.end(),
                       [](const auto& a, const auto& b) { return a.key < b.key; });
      std::vector<std::string> found;
      for (NaiveGrouping::Pane& pane : panes) found.push_back(TextOf(std::move(pane)));
      std::vector<std::string> expected;
      for (const YAML::Node& pane : yaml["panes"]) {
        YAML::Emitter out;
        out << YAML::Flow << pane;
        expected.push_back(out.c_str());
      }
      std::string text = "  panes:";
      for (const std::string& pane : found) text += "\n    - " + pane;
      EXPECT_EQ(found, expected) << file.path() << ": " << yaml["name"] << "\n" << text;
    }
  }
  EXPECT_GE(cases, 30);
}

TEST(Conformance, NaiveGroupingGivesThePanesOfTheScripts) {
  ExpectThePanesOfTheScripts<NaiveGrouping>();
}

TEST(Conformance, WindowGroupsGiveThePanesOfTheScripts) {
  ExpectThePanesOfTheScripts<GroupedValues>();
}

}  // namespace
}  // namespace joist
