// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// WindowingChange: what a WindowInto sets of a collection's windowing; what it doesn't name stays.
// A value that travels.

#ifndef JOIST_MODEL_WINDOWING_CHANGE_H_
#define JOIST_MODEL_WINDOWING_CHANGE_H_

#include <optional>
#include <string>

#include "joist/model/coder.h"
#include "joist/model/windowing.h"

namespace joist {

struct WindowingChange {
  std::optional<WindowFn> window_fn;
  std::optional<Trigger> trigger;
  std::optional<AccumulationMode> accumulation_mode;
  std::optional<Duration> allowed_lateness;
  std::optional<TimestampCombiner> timestamp_combiner;
  std::optional<ClosingBehavior> closing_behavior;
  std::optional<OnTimeBehavior> on_time_behavior;

  WindowingStrategy Apply(WindowingStrategy to) const;

  friend bool operator==(const WindowingChange&, const WindowingChange&) = default;
};

template <>
struct Coder<WindowingChange> {
  static constexpr bool kDeterministic = true;
  static CoderSpec Spec() { return MakeCoderSpec(kBytesCoder); }
  static void Encode(const WindowingChange& change, std::string* out, bool nested);
  static bool Decode(ByteReader* in, WindowingChange* change, bool nested);
};

}  // namespace joist

#endif  // JOIST_MODEL_WINDOWING_CHANGE_H_
