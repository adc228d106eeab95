// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Random strategies, and scripts of elements, watermark and processing time for them: what tests of
// groupings in event time have in common. The same seed gives the same script.

#ifndef JOIST_MODEL_RANDOM_SCRIPTS_H_
#define JOIST_MODEL_RANDOM_SCRIPTS_H_

#include <algorithm>
#include <cstdint>
#include <random>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "joist/model/custom_windows.h"
#include "joist/model/naive_grouping.h"

namespace joist {

class Random {
 public:
  explicit Random(uint64_t seed) : bits_(seed) {}
  int64_t Below(int64_t bound) {
    return static_cast<int64_t>(bits_() % static_cast<uint64_t>(bound));
  }
  bool OneIn(int64_t n) { return Below(n) == 0; }

 private:
  std::minstd_rand bits_;
};

inline std::vector<Trigger::Delay> RandomDelays(Random& random) {
  std::vector<Trigger::Delay> delays;
  for (int64_t i = random.Below(3); i > 0; --i) {
    Trigger::Delay delay{Duration::Seconds(random.Below(5)), {}, {}};
    if (random.OneIn(3)) {
      delay.period = Duration::Seconds(1 + random.Below(4));
      delay.offset = Duration::Millis(random.Below(delay.period.millis));
    }
    delays.push_back(delay);
  }
  return delays;
}

inline Trigger RandomTrigger(Random& random, int depth) {
  const auto part = [&] { return RandomTrigger(random, depth - 1); };
  const auto parts = [&] {
    std::vector<Trigger> parts;
    for (int64_t i = 1 + random.Below(3); i > 0; --i) parts.push_back(part());
    return parts;
  };
  switch (random.Below(depth == 0 ? 9 : 18)) {
    case 0:
    case 1: return Trigger::AfterCount(1 + random.Below(4));
    case 2:
    case 3:
    case 4: {
      Trigger trigger = Trigger::AfterProcessingTime();
      trigger.delays = RandomDelays(random);
      return trigger;
    }
    case 5: return Trigger::AfterSynchronizedProcessingTime();
    case 6: return Trigger::AfterWatermark();
    case 7: return Trigger::Always();
    case 8: return random.OneIn(2) ? Trigger::Never() : Trigger::Default();
    case 9:
    case 10: return Trigger::Repeatedly(part());
    case 11:
    case 12: return Trigger::OrFinally(part(), part());
    case 13:
    case 14: return Trigger::AfterEach(parts());
    case 15: return Trigger::AfterFirst(parts());
    case 16: return Trigger::AfterAll(parts());
    default: return Trigger::AfterWatermark(part(), part());
  }
}

/// Long windows become the short one that they begin in, which may come later.
struct ShortTakesLong {
  static constexpr Duration kShort = Duration::Seconds(10);
  Window AssignWindow(Timestamp t) const {
    return SessionWindow(t, t.millis / 1000 % 3 == 0 ? kShort : Duration::Seconds(25));
  }
  void MergeWindows(WindowMerger& merger) const {
    std::set<Window> taken;
    for (const Window& taker : merger.windows()) {
      if (taker.span() != kShort) continue;
      std::vector<Window> from = {taker};
      for (const Window& window : merger.windows()) {
        const bool is_long = window.span() != kShort;
        if (is_long && taker.Contains(window.start) && taken.insert(window).second) {
          from.push_back(window);
        }
      }
      merger.Merge(from, taker);
    }
  }
};

/// Sessions that end before they are longer than 15 s.
struct CappedSessions {
  Window AssignWindow(Timestamp t) const { return SessionWindow(t, Duration::Seconds(10)); }
  void MergeWindows(WindowMerger& merger) const {
    const std::span<const Window> windows = merger.windows();
    for (size_t first = 0, last = 0; first < windows.size(); first = last) {
      Window span = windows[first];
      for (last = first + 1; last < windows.size() && windows[last].Intersects(span); ++last) {
        const Window longer = {span.start, std::max(span.end, windows[last].end)};
        if (longer.span() > Duration::Seconds(15)) break;
        span = longer;
      }
      merger.Merge({windows.begin() + static_cast<ptrdiff_t>(first),
                    windows.begin() + static_cast<ptrdiff_t>(last)},
                   span);
    }
  }
};

/// Two windows that overlap become the first second of the later one, which may have expired
/// before.
struct Beginnings {
  Window AssignWindow(Timestamp t) const { return SessionWindow(t, Duration::Seconds(10)); }
  void MergeWindows(WindowMerger& merger) const {
    const std::span<const Window> windows = merger.windows();
    std::set<Window> known(windows.begin(), windows.end());
    for (size_t i = 0; i + 1 < windows.size(); ++i) {
      const Window later = windows[i + 1];
      const Window first = {later.start, later.start + Duration::Seconds(1)};
      if (!windows[i].Intersects(later) || !known.insert(first).second) continue;
      merger.Merge({windows[i], later}, first);
      ++i;
    }
  }
};

/// Windows that overlap become the second of them as soon as they are three.
struct Crowds {
  Window AssignWindow(Timestamp t) const { return SessionWindow(t, Duration::Seconds(10)); }
  void MergeWindows(WindowMerger& merger) const {
    const std::span<const Window> windows = merger.windows();
    for (size_t first = 0, last = 0; first < windows.size(); first = last) {
      for (last = first + 1; last < windows.size() && windows[last].Intersects(windows[first]);) {
        ++last;
      }
      if (last - first < 3) continue;
      merger.Merge({windows.begin() + static_cast<ptrdiff_t>(first),
                    windows.begin() + static_cast<ptrdiff_t>(last)},
                   windows[first + 1]);
    }
  }
};

inline WindowFn RandomWindowFn(Random& random) {
  switch (random.Below(12)) {
    case 11: return CustomWindows(Crowds());
    case 10: return CustomWindows(Beginnings());
    case 8: return CustomWindows(ShortTakesLong());
    case 9: return CustomWindows(CappedSessions());
    case 0: return WindowFn::Global();
    case 1: return WindowFn::Fixed(Duration::Seconds(10));
    case 2: return WindowFn::Fixed(Duration::Seconds(3), Duration::Millis(random.Below(3000)));
    case 3: return WindowFn::Sliding(Duration::Seconds(10), Duration::Seconds(5));
    case 4:
      return WindowFn::Sliding(Duration::Seconds(1 + random.Below(9)),
                               Duration::Seconds(1 + random.Below(4)));
    case 5: return WindowFn::Sessions(Duration::Seconds(1 + random.Below(5)));
    default: return WindowFn::Sessions(Duration::Seconds(10));
  }
}

inline WindowingStrategy RandomStrategy(Random& random) {
  WindowingStrategy strategy;
  strategy.window_fn = RandomWindowFn(random);
  switch (random.Below(7)) {
    case 0: break;
    case 1:
    case 2: strategy.trigger = RandomTrigger(random, static_cast<int>(random.Below(4))); break;
    case 6: {
      Trigger delay = Trigger::AfterProcessingTime();
      delay.delays = RandomDelays(random);
      strategy.trigger = Trigger::Repeatedly(
          Trigger::AfterFirst({Trigger::AfterCount(1 + random.Below(4)), std::move(delay)}));
      break;
    }
    case 3: strategy.trigger = Trigger::Repeatedly(RandomTrigger(random, 1)); break;
    case 4:
      strategy.trigger =
          Trigger::AfterWatermark(random.OneIn(2) ? Trigger::Never() : RandomTrigger(random, 1),
                                  random.OneIn(2) ? Trigger::Never() : RandomTrigger(random, 1));
      break;
    default:
      strategy.trigger = Trigger::AfterWatermark(
          random.OneIn(2) ? Trigger::Never() : Trigger::AfterCount(1 + random.Below(3)),
          random.OneIn(2) ? Trigger::Never() : Trigger::AfterCount(1 + random.Below(3)));
  }
  if (random.OneIn(2)) strategy.accumulation_mode = AccumulationMode::kAccumulating;
  switch (random.Below(8)) {
    case 0:
    case 1: break;
    case 2: strategy.allowed_lateness = Duration::Millis(random.Below(20)); break;
    case 3: strategy.allowed_lateness = Duration::Seconds(1000); break;
    case 4: strategy.allowed_lateness = Duration::Days(2); break;  // Windows never expire.
    default: strategy.allowed_lateness = Duration::Seconds(random.Below(20));
  }
  strategy.timestamp_combiner = static_cast<TimestampCombiner>(random.Below(3));
  strategy.closing_behavior = static_cast<ClosingBehavior>(random.Below(2));
  strategy.on_time_behavior = static_cast<OnTimeBehavior>(random.Below(2));
  return strategy;
}

struct Script {
  struct Event {
    enum class Kind : uint8_t { kElements, kWatermark, kProcessingTime };
    Kind kind;
    std::vector<NaiveGrouping::Element> elements;
    Timestamp time;  ///< To which a clock is advanced.
  };

  WindowingStrategy strategy;
  std::vector<NaiveGrouping::Element> elements;  ///< All of them: element i has the value i.
  std::vector<Event> events;                     ///< Ends with the watermark's end.
};

class ScriptWriter {
 public:
  /// `scale`: so many times the usual number of keys and elements.
  ScriptWriter(uint64_t seed, int64_t scale) : random_(seed), scale_(scale) {}

  Script Write() {
    script_.strategy = RandomStrategy(random_);
    keys_ = scale_ * (1 + random_.Below(random_.OneIn(4) ? 20 : 3));
    most_together_ = scale_ * (random_.OneIn(8) ? 40 : 4);
    span_ = Duration::Seconds(random_.OneIn(3) ? 20 : 60);
    int64_t steps = 1 + random_.Below(16);
    if (random_.OneIn(8)) MakeWindowsComeBack(&steps);
    for (int64_t step = 0; step < steps; ++step) {
      switch (random_.Below(clocks_ * 2)) {
        case 0: MoveWatermark(); break;
        case 1: MoveProcessingTime(); break;
        default: AddElements();
      }
    }
    if (random_.OneIn(4)) {  // Elements after the end of time are late, but for some windows.
      Advance(Script::Event::Kind::kWatermark, Timestamp::Max());
      AddElements();
      MoveProcessingTime();
    }
    Advance(Script::Event::Kind::kWatermark, Timestamp::Max());
    return std::move(script_);
  }

 private:
  void Advance(Script::Event::Kind kind, Timestamp to) {
    script_.events.push_back({kind, {}, to});
    (kind == Script::Event::Kind::kWatermark ? watermark_ : processing_time_) = to;
  }

  // A key, and few times: windows that their triggers have closed are met again.
  void MakeWindowsComeBack(int64_t* steps) {
    if (random_.OneIn(2)) script_.strategy.window_fn = WindowFn::Sessions(Duration::Seconds(10));
    script_.strategy.allowed_lateness = Duration::Seconds(1000);
    keys_ = scale_;
    span_ = Duration::Seconds(30);
    every_ = 5;
    *steps = 20;
    clocks_ = 4;
  }

  // By some seconds, or to where something happens to a window that was seen, or 1 ms beside.
  void MoveWatermark() {
    Timestamp to = watermark_ + Duration::Seconds(random_.Below(15));
    if (!script_.elements.empty() && random_.OneIn(2)) {
      const auto& element = script_.elements[static_cast<size_t>(
          random_.Below(static_cast<int64_t>(script_.elements.size())))];
      AssignWindows(script_.strategy.window_fn, element.timestamp, [&](const Window& window) {
        if (window.is_global() || random_.OneIn(3)) return;
        to = window.max_timestamp() + Duration::Millis(random_.Below(4) - 1);
        if (random_.OneIn(3)) to = to + script_.strategy.allowed_lateness;
      });
    }
    Advance(Script::Event::Kind::kWatermark, std::max(watermark_, to));
  }

  void MoveProcessingTime() {
    const Duration by =
        random_.OneIn(3) ? Duration::Millis(random_.Below(3)) : Duration::Seconds(random_.Below(6));
    Advance(Script::Event::Kind::kProcessingTime, processing_time_ + by);
  }

  void AddElements() {
    std::vector<NaiveGrouping::Element> elements(
        1 + static_cast<size_t>(random_.Below(most_together_)));
    const bool one_time = random_.OneIn(8);
    Timestamp time;
    for (auto& element : elements) {
      if (&element == elements.data() || !one_time) time = RandomTime();
      element = {"k" + std::to_string(random_.Below(keys_)),
                 static_cast<int64_t>(script_.elements.size()), time};
      script_.elements.push_back(element);
    }
    script_.events.push_back({Script::Event::Kind::kElements, std::move(elements), {}});
  }

  // Seconds, so that elements meet, mostly; or where the watermark is.
  Timestamp RandomTime() {
    switch (random_.Below(8)) {
      case 0: return Timestamp::Millis(random_.Below(span_.millis));
      case 1:
        return std::min(watermark_ + Duration::Millis(random_.Below(3) - 1),
                        Window::Global().max_timestamp());
      default: return Timestamp::Seconds(every_ * random_.Below(span_.millis / 1000 / every_));
    }
  }

  Random random_;
  const int64_t scale_;
  Script script_;
  int64_t keys_ = 1;
  int64_t most_together_ = 1;
  Duration span_;
  int64_t every_ = 1;   ///< Seconds between the times of most elements.
  int64_t clocks_ = 2;  ///< Half of the events are elements if 2, more if more.
  Timestamp watermark_ = Timestamp::Millis(0);
  Timestamp processing_time_ = Timestamp::Millis(0);
};

inline Script RandomScript(uint64_t seed, int64_t scale = 1) {
  return ScriptWriter(seed, scale).Write();
}

}  // namespace joist

#endif  // JOIST_MODEL_RANDOM_SCRIPTS_H_
