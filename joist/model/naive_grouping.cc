// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/model/naive_grouping.h"

#include <algorithm>
#include <utility>

#include "joist/model/custom_windows.h"

namespace joist {

NaiveGrouping::NaiveGrouping(const WindowingStrategy& strategy)
    : strategy_(strategy), trigger_(strategy.trigger, strategy.window_fn.is_merging()) {}

Timestamp NaiveGrouping::Expiry(const Window& window) const {
  return std::min(window.max_timestamp() + strategy_.allowed_lateness,
                  Window::Global().max_timestamp());
}

TriggerClock NaiveGrouping::ClockOf(const Window& window) const {
  return {window.max_timestamp(), watermark_, processing_time_, processing_time_};
}

Timestamp NaiveGrouping::output_watermark() const {
  Timestamp least = watermark_;
  for (const auto& [key, windows] : keys_) {
    for (const auto& [window, group] : windows.open) {
      if (group.element_hold) least = std::min(least, *group.element_hold);
      if (group.window_hold) least = std::min(least, *group.window_hold);
    }
  }
  return least;
}

std::vector<NaiveGrouping::Pane> NaiveGrouping::Add(const std::vector<Element>& elements,
                                                    size_t batch) {
  output_watermark_ = output_watermark();
  std::map<std::string, std::vector<Element>> by_key;
  for (size_t i = 0; i < elements.size(); ++i) {
    by_key[elements[i].key].push_back(elements[i]);
    if ((i + 1) % batch != 0 && i + 1 != elements.size()) continue;
    for (const auto& [key, of_key] : by_key) AddToKey(key, of_key);
    by_key.clear();
  }
  std::vector<Pane> panes;
  for (const auto& [key, window] : std::exchange(touched_, {})) {
    if (trigger_.ShouldFire(ClockOf(window), keys_[key].open.at(window).trigger.data())) {
      Fire(key, window, &panes);
    }
  }
  return panes;
}

void NaiveGrouping::AddToKey(const std::string& key, const std::vector<Element>& elements) {
  std::vector<std::pair<const Element*, Window>> assigned;
  std::set<Window> fresh;
  for (const Element& element : elements) {
    AssignWindows(strategy_.window_fn, element.timestamp, [&](const Window& window) {
      if (window.max_timestamp() + strategy_.allowed_lateness < watermark_) {
        ++dropped_late_;
      } else {
        assigned.emplace_back(&element, window);
        fresh.insert(window);
      }
    });
  }
  const std::map<Window, Window> became = Merge(key, fresh);
  Windows& windows = keys_[key];
  for (const auto& [element, window] : assigned) {
    const Window& merged = became.at(window);
    if (windows.closed.contains(merged)) {
      ++dropped_closed_;
      continue;
    }
    touched_.insert({key, merged});
    const auto [at, is_new] = windows.open.try_emplace(merged);
    if (is_new) {
      at->second.trigger.resize(trigger_.parts());
      trigger_.Begin(at->second.trigger.data());
    }
    AddToWindow(*element, merged, &at->second);
  }
}

std::map<Window, Window> NaiveGrouping::Merge(const std::string& key,
                                              const std::set<Window>& fresh) {
  std::map<Window, Window> became;
  for (const Window& window : fresh) became[window] = window;
  if (!strategy_.window_fn.is_merging()) return became;

  std::vector<Window> all(fresh.begin(), fresh.end());
  for (const auto& [window, group] : keys_[key].open) all.push_back(window);
  std::sort(all.begin(), all.end(), StartsBefore);
  all.erase(std::unique(all.begin(), all.end()), all.end());
  if (!strategy_.window_fn.merges_overlapping()) {
    WindowMerger merger(all);
    strategy_.window_fn.custom->Merge(merger);
    for (const Window& to : std::set(merger.became().begin(), merger.became().end())) {
      std::vector<Window> from;
      for (size_t i = 0; i < all.size(); ++i) {
        if (merger.became()[i] != to) continue;
        from.push_back(all[i]);
        if (fresh.contains(all[i])) became[all[i]] = to;
      }
      MergeInto(key, from, to);
    }
    return became;
  }
  for (auto begin = all.begin(), end = begin; begin != all.end(); begin = end) {
    Window span = *begin;
    for (end = begin; end != all.end() && end->start < span.end; ++end) {
      span.end = std::max(span.end, end->end);
    }
    MergeInto(key, {begin, end}, span);
    for (auto window = begin; window != end; ++window) {
      if (fresh.contains(*window)) became[*window] = span;
    }
  }
  return became;
}

void NaiveGrouping::MergeInto(const std::string& key, const std::vector<Window>& from,
                              const Window& to) {
  Windows& windows = keys_[key];
  std::vector<Window> active;
  for (const Window& window : from) {
    if (windows.open.contains(window)) active.push_back(window);
  }
  if (active.empty() || (active.size() == 1 && active[0] == to)) return;

  Group result;
  std::vector<const TriggerMachine::Part*> states;
  const TriggerMachine::Part* own = nullptr;
  for (const Window& window : active) {
    const Group& group = windows.open.at(window);
    states.push_back(group.trigger.data());
    result.values.insert(result.values.end(), group.values.begin(), group.values.end());
    result.is_empty = result.is_empty && group.is_empty;
    if (group.element_hold) {
      const Timestamp held = *group.element_hold;
      switch (strategy_.timestamp_combiner) {
        case TimestampCombiner::kEndOfWindow: result.element_hold = to.max_timestamp(); break;
        case TimestampCombiner::kEarliest:
          result.element_hold = std::min(held, result.element_hold.value_or(held));
          break;
        case TimestampCombiner::kLatest:
          result.element_hold = std::max(held, result.element_hold.value_or(held));
          break;
      }
    }
    if (window == to) {
      own = group.trigger.data();
      result.last_pane = group.last_pane;
    }
  }
  // A window that shrinks may be late already, and then holds nothing back.
  if (to.max_timestamp() < watermark_) result.element_hold.reset();
  result.trigger.resize(trigger_.parts());
  trigger_.Merge(states, own, ClockOf(to), result.trigger.data());
  for (const Window& window : active) {
    windows.open.erase(window);
    if (!windows.closed.contains(window)) {  // Which expires still.
      timers_.erase({window.max_timestamp(), key, window});
      timers_.erase({Expiry(window), key, window});
    }
    if (touched_.erase({key, window}) > 0) touched_.insert({key, to});
  }
  windows.open.emplace(to, std::move(result));
  SetTimer(key, to);
}

void NaiveGrouping::SetTimer(const std::string& key, const Window& window) {
  const bool ended = window.max_timestamp() < watermark_;
  timers_.insert({ended ? Expiry(window) : window.max_timestamp(), key, window});
}

void NaiveGrouping::AddToWindow(const Element& element, const Window& window, Group* group) {
  group->values.push_back(element.value);
  group->is_empty = false;
  SetTimer(element.key, window);
  Hold(element, window, group);
  trigger_.OnElement(ClockOf(window), group->trigger.data());
}

// An element that is late for what is behind holds nothing back.
void NaiveGrouping::Hold(const Element& element, const Window& window, Group* group) {
  const bool at_end = strategy_.timestamp_combiner == TimestampCombiner::kEndOfWindow;
  const Timestamp time = at_end ? window.max_timestamp() : element.timestamp;
  if (time < output_watermark_ || window.max_timestamp() < watermark_) return;
  std::optional<Timestamp>& hold = group->element_hold;
  if (strategy_.timestamp_combiner == TimestampCombiner::kLatest) {
    hold = std::max(time, hold.value_or(time));
  } else {
    hold = std::min(time, hold.value_or(time));
  }
}

std::vector<NaiveGrouping::Pane> NaiveGrouping::AdvanceWatermark(Timestamp to) {
  watermark_ = to;
  output_watermark_ = output_watermark();
  std::vector<Pane> panes;
  while (!timers_.empty() && timers_.begin()->time < watermark_) {
    const Timer timer = *timers_.begin();
    timers_.erase(timers_.begin());
    if (timer.time >= Expiry(timer.window)) {
      Expire(timer.key, timer.window, &panes);
      continue;
    }
    const auto& open = keys_[timer.key].open;
    const auto group = open.find(timer.window);
    if (group != open.end() &&
        trigger_.ShouldFire(ClockOf(timer.window), group->second.trigger.data())) {
      Fire(timer.key, timer.window, &panes);
    }
    timers_.insert({Expiry(timer.window), timer.key, timer.window});
  }
  return panes;
}

std::vector<NaiveGrouping::Pane> NaiveGrouping::AdvanceProcessingTime(Timestamp to) {
  processing_time_ = to;
  output_watermark_ = output_watermark();
  std::vector<std::pair<std::string, Window>> due;
  for (const auto& [key, windows] : keys_) {
    for (const auto& [window, group] : windows.open) {
      if (trigger_.Due(group.trigger.data()) < processing_time_ &&
          trigger_.ShouldFire(ClockOf(window), group.trigger.data())) {
        due.emplace_back(key, window);
      }
    }
  }
  std::vector<Pane> panes;
  for (const auto& [key, window] : due) Fire(key, window, &panes);
  return panes;
}

void NaiveGrouping::Fire(const std::string& key, const Window& window, std::vector<Pane>* panes) {
  Windows& windows = keys_[key];
  Group& group = windows.open.at(window);
  trigger_.OnFire(ClockOf(window), group.trigger.data());
  const bool finished = TriggerMachine::IsFinished(group.trigger.data());
  Emit(key, window, finished, &group, panes);
  group.is_empty = true;
  if (strategy_.accumulation_mode == AccumulationMode::kDiscarding) group.values.clear();
  if (finished) {
    windows.open.erase(window);
    windows.closed.insert(window);
  }
}

void NaiveGrouping::Expire(const std::string& key, const Window& window, std::vector<Pane>* panes) {
  Windows& windows = keys_[key];
  const auto group = windows.open.find(window);
  if (group != windows.open.end()) {
    Emit(key, window, /*finished=*/true, &group->second, panes);
    windows.open.erase(group);
  }
  windows.closed.erase(window);
}

void NaiveGrouping::Emit(const std::string& key, const Window& window, bool finished, Group* group,
                         std::vector<Pane>* panes) {
  const Timestamp timestamp =
      std::min(group->element_hold.value_or(window.max_timestamp()), window.max_timestamp());
  group->element_hold.reset();
  group->window_hold.reset();
  // A pane that will come even if it is empty.
  if (!finished && strategy_.on_time_behavior == OnTimeBehavior::kFireAlways &&
      watermark_ <= window.max_timestamp()) {
    group->window_hold = window.max_timestamp();
  }
  const PaneInfo info = NextPane(window, *group, finished);
  const bool wanted = !group->is_empty ||
                      (info.timing == PaneTiming::kOnTime &&
                       strategy_.on_time_behavior == OnTimeBehavior::kFireAlways) ||
                      (finished && strategy_.closing_behavior == ClosingBehavior::kEmitAlways);
  if (!wanted) return;
  group->last_pane = info;
  panes->push_back({key, window, timestamp, group->values, info});
}

PaneInfo NaiveGrouping::NextPane(const Window& window, const Group& group, bool finished) const {
  PaneInfo info;
  info.is_first = !group.last_pane.has_value();
  info.is_last = finished;
  info.index = info.is_first ? 0 : group.last_pane->index + 1;
  info.on_time_index = info.is_first ? 0 : group.last_pane->on_time_index + 1;
  const bool only_early = info.is_first || group.last_pane->timing == PaneTiming::kEarly;
  if (!only_early || window.max_timestamp() < output_watermark_) {
    info.timing = PaneTiming::kLate;
  } else if (watermark_ <= window.max_timestamp()) {
    info.timing = PaneTiming::kEarly;
    info.on_time_index = -1;
  } else {
    info.timing = PaneTiming::kOnTime;
  }
  return info;
}

}  // namespace joist
