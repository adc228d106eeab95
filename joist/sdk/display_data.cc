// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/sdk/display_data.h"

#include <algorithm>
#include <charconv>

namespace joist {

DisplayData& DisplayData::Put(std::string_view key, std::string_view label, std::string value,
                              DisplayItem::Type type) {
  DisplayItem item{std::string(key), std::string(label), std::move(value), type};
  const auto same = std::find_if(items_.begin(), items_.end(),
                                 [&](const DisplayItem& other) { return other.key == key; });
  if (same != items_.end()) {
    *same = std::move(item);
  } else {
    items_.push_back(std::move(item));
  }
  return *this;
}

std::string DisplayData::Shortest(double value) {
  char text[32];
  return std::string(text, std::to_chars(text, text + sizeof(text), value).ptr);
}

namespace display_data_internal {

// The builder knows the name and gives it to steps alone.
std::string CurrentName(PipelineBuilder& builder) {
  builder.Add(StepKind::kFlatten, nullptr, {}, {}, {});
  return builder.graph().TakeBackLast().name;
}

}  // namespace display_data_internal
}  // namespace joist
