// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// For tests: the scripts of conformance/*.yaml, whose folder is JOIST_CONFORMANCE, as values.

#ifndef JOIST_MODEL_TESTING_CONFORMANCE_CASES_H_
#define JOIST_MODEL_TESTING_CONFORMANCE_CASES_H_

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <yaml-cpp/yaml.h>

#include "joist/model/naive_grouping.h"

namespace joist {
inline Duration SecondsOf(const YAML::Node& yaml) {
  return Duration::Millis(std::llround(yaml.as<double>() * 1000));
}
inline Timestamp SecondOf(const YAML::Node& yaml) { return Timestamp::Millis(0) + SecondsOf(yaml); }

inline WindowFn WindowFnOf(const YAML::Node& yaml) {
  if (yaml.IsScalar()) {
    EXPECT_EQ(yaml.as<std::string>(), "global");
    return WindowFn::Global();
  }
  if (yaml["fixed"]) return WindowFn::Fixed(SecondsOf(yaml["fixed"]));
  if (yaml["sessions"]) return WindowFn::Sessions(SecondsOf(yaml["sessions"]));
  return WindowFn::Sliding(SecondsOf(yaml["sliding"][0]), SecondsOf(yaml["sliding"][1]));
}

inline Trigger TriggerOf(const YAML::Node& yaml);

inline std::vector<Trigger> TriggersOf(const YAML::Node& yaml) {
  std::vector<Trigger> triggers;
  for (const YAML::Node& trigger : yaml) triggers.push_back(TriggerOf(trigger));
  return triggers;
}

inline Trigger TriggerOf(const YAML::Node& yaml) {
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

inline WindowingStrategy StrategyOf(const YAML::Node& yaml) {
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

inline std::string TextOf(Timestamp time) {
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

inline std::string TextOf(NaiveGrouping::Pane pane) {
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

/// Calls take(case, the panes expected) for each case of all files.
template <class Take>
void ForEachCase(Take take) {
  int cases = 0;
  for (const auto& file : std::filesystem::directory_iterator(JOIST_CONFORMANCE)) {
    if (file.path().extension() != ".yaml") continue;
    for (const YAML::Node& yaml : YAML::LoadFile(file.path().string())) {
      ++cases;
      SCOPED_TRACE(file.path().filename().string() + ": " + yaml["name"].as<std::string>());
      std::vector<std::string> expected;
      for (const YAML::Node& pane : yaml["panes"]) {
        YAML::Emitter out;
        out << YAML::Flow << pane;
        expected.push_back(out.c_str());
      }
      take(yaml, expected);
    }
  }
  EXPECT_GE(cases, 30);
}

}  // namespace joist

#endif  // JOIST_MODEL_TESTING_CONFORMANCE_CASES_H_
