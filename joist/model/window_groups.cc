// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/model/window_groups.h"

#include <algorithm>
#include <map>

#include "joist/base/status.h"
#include "joist/model/coder.h"
#include "joist/model/custom_windows.h"

namespace joist {
namespace {

constexpr size_t kAhead = 16;  // Elements; what they need is fetched before.

template <class T>
const T& Of(std::span<const T> column, size_t i) {
  return column.size() == 1 ? column[0] : column[i];
}

}  // namespace

WindowGroups::WindowGroups(const WindowingStrategy& strategy, Owner* owner)
    : strategy_(strategy),
      trigger_(strategy.trigger, strategy.window_fn.is_merging()),
      owner_(owner),
      only_first_counts_(trigger_.waits_for_end() &&
                         strategy.timestamp_combiner == TimestampCombiner::kEndOfWindow),
      merged_trigger_(trigger_.parts()) {}

Timestamp WindowGroups::Expiry(const Window& window) const {
  return std::min(window.max_timestamp() + strategy_.allowed_lateness,
                  Window::Global().max_timestamp());
}

TriggerClock WindowGroups::ClockOf(const Window& window) const {
  return {window.max_timestamp(), watermark_, processing_time_, processing_time_};
}

// ---- Elements

void WindowGroups::Place(std::span<const KeyNumber> keys, std::span<const Timestamp> timestamps,
                         std::span<const Window> windows, GroupNumber* groups) {
  if (keys.empty()) return;
  keys_.Include(*std::max_element(keys.begin(), keys.end()));
  if (strategy_.window_fn.is_merging()) {
    PlaceMerging(keys, timestamps, windows, groups);
  } else {
    PlaceApart(keys, timestamps, windows, groups);
  }
}

void WindowGroups::PlaceApart(std::span<const KeyNumber> keys,
                              std::span<const Timestamp> timestamps,
                              std::span<const Window> windows, GroupNumber* groups) {
  for (size_t i = 0; i < keys.size(); ++i) {
    if (i + kAhead < keys.size()) keys_.Prefetch(keys[i + kAhead]);
    const KeyNumber key = keys[i];
    const Window& window = Of(windows, i);
    groups[i] = kDropped;
    if (IsLate(window)) {
      ++dropped_late_;
      Drop(key);
      continue;
    }
    const GroupNumber open = KeyWindows::Find(window, keys_.open(key));
    if (open != KeyWindows::kNone) {
      groups[i] = open;
      if (only_first_counts_ && HasEnded(window)) AddTo(open, Of(timestamps, i));
    } else if (KeyWindows::Find(window, keys_.closed(key)) != KeyWindows::kNone) {
      ++dropped_closed_;
    } else {
      groups[i] = Open(key, window);
      if (only_first_counts_) AddTo(groups[i], Of(timestamps, i));
    }
  }
  if (only_first_counts_) return;
  for (size_t i = 0; i < keys.size(); ++i) {
    if (i + kAhead < keys.size()) PrefetchGroup(groups[i + kAhead]);
    if (groups[i] != kDropped) AddTo(groups[i], Of(timestamps, i));
  }
}

// All new windows of a key merge before an element is added to one.
void WindowGroups::PlaceMerging(std::span<const KeyNumber> keys,
                                std::span<const Timestamp> timestamps,
                                std::span<const Window> windows, GroupNumber* groups) {
  next_of_key_.resize(keys.size());
  for (size_t i = keys.size(); i-- > 0;) {
    if (i >= kAhead) keys_.Prefetch(keys[i - kAhead]);
    uint32_t& first = keys_.mark(keys[i]);
    if (first == 0) batch_keys_.push_back(keys[i]);
    next_of_key_[i] = first;
    first = static_cast<uint32_t>(i) + 1;
  }
  for (size_t k = 0; k < batch_keys_.size(); ++k) {
    if (k + kAhead < batch_keys_.size()) {
      const auto open = keys_.open(batch_keys_[k + kAhead]);
      if (!open.empty()) PrefetchGroup(open.back().group);
    }
    const KeyNumber key = batch_keys_[k];
    uint32_t& first = keys_.mark(key);
    for (uint32_t next = first; next != 0; next = next_of_key_[next - 1]) {
      const size_t i = next - 1;
      if (IsLate(Of(windows, i))) {
        groups[i] = kDropped;
        ++dropped_late_;
        Drop(key);
      } else {
        fresh_.push_back({Of(windows, i), i});
      }
    }
    first = 0;
    if (strategy_.window_fn.merges_overlapping()) {
      PlaceFresh(key, timestamps, groups);
    } else {
      PlaceByFunction(key, timestamps, groups);
    }
    fresh_.clear();
  }
  batch_keys_.clear();
}

void WindowGroups::PlaceFresh(KeyNumber key, std::span<const Timestamp> timestamps,
                              GroupNumber* groups) {
  std::sort(fresh_.begin(), fresh_.end(),
            [](const Fresh& a, const Fresh& b) { return a.window.start < b.window.start; });
  for (size_t first = 0, last = 0; first < fresh_.size(); first = last) {
    Window span = fresh_[last++].window;
    const std::span<KeyWindows::Known> open = keys_.open(key);
    // The first open one that ends after the span begins.
    const size_t begin = KeyWindows::PlaceOf({Timestamp::Max(), span.start}, open);
    size_t end = begin;
    while (true) {
      if (last < fresh_.size() && fresh_[last].window.start < span.end) {
        span.end = std::max(span.end, fresh_[last++].window.end);
      } else if (end < open.size() && open[end].window.start < span.end) {
        span.start = std::min(span.start, open[end].window.start);
        span.end = std::max(span.end, open[end++].window.end);
      } else {
        break;
      }
    }
    const GroupNumber merged = begin == end ? kDropped : MergeRange(key, begin, end, span);
    PutInto(key, merged, span, std::span(fresh_).subspan(first, last - first), timestamps, groups);
  }
}

void WindowGroups::PlaceByFunction(KeyNumber key, std::span<const Timestamp> timestamps,
                                   GroupNumber* groups) {
  std::vector<Window> windows;
  for (const Fresh& fresh : fresh_) windows.push_back(fresh.window);
  for (const KeyWindows::Known& known : keys_.open(key)) windows.push_back(known.window);
  std::sort(windows.begin(), windows.end(), StartsBefore);
  windows.erase(std::unique(windows.begin(), windows.end()), windows.end());
  WindowMerger merger(windows);
  strategy_.window_fn.custom->Merge(merger);

  std::map<Window, std::vector<Window>> merges;  // By what they become.
  for (size_t i = 0; i < windows.size(); ++i) merges[merger.became()[i]].push_back(windows[i]);
  for (Fresh& fresh : fresh_) {
    const auto at = std::lower_bound(windows.begin(), windows.end(), fresh.window, StartsBefore);
    fresh.window = merger.became()[static_cast<size_t>(at - windows.begin())];
  }
  std::sort(fresh_.begin(), fresh_.end(),
            [](const Fresh& a, const Fresh& b) { return a.window < b.window; });
  size_t first = 0;
  for (const auto& [to, from] : merges) {
    const GroupNumber merged = MergeSome(key, from, to);
    size_t last = first;
    while (last < fresh_.size() && fresh_[last].window == to) ++last;
    PutInto(key, merged, to, std::span(fresh_).subspan(first, last - first), timestamps, groups);
    first = last;
  }
}

void WindowGroups::PutInto(KeyNumber key, GroupNumber group, const Window& window,
                           std::span<const Fresh> fresh, std::span<const Timestamp> timestamps,
                           GroupNumber* groups) {
  if (KeyWindows::Find(window, keys_.closed(key)) != KeyWindows::kNone) {
    dropped_closed_ += static_cast<int64_t>(fresh.size());
    for (const Fresh& one : fresh) groups[one.element] = kDropped;
    return;
  }
  if (group == kDropped) group = Open(key, window);
  for (const Fresh& one : fresh) {
    groups[one.element] = group;
    AddTo(group, Of(timestamps, one.element));
  }
}

void WindowGroups::Drop(KeyNumber key) {
  if (keys_.empty(key) && (dropped_keys_.empty() || dropped_keys_.back() != key)) {
    dropped_keys_.push_back(key);
  }
}

WindowGroups::GroupNumber WindowGroups::Make(KeyNumber key, const Window& window) {
  if (free_.empty()) {
    const GroupNumber made = groups_made_++;
    groups_.Include(groups_made_);
    last_panes_.Include(groups_made_);
    triggers_.Include(groups_made_ * trigger_.parts());
    groups_[made] = Group();
    free_.push_back(made);
  }
  const GroupNumber number = free_.back();
  free_.pop_back();
  Group& group = groups_[number];
  group.window = window;
  group.key = key;
  return number;
}

WindowGroups::GroupNumber WindowGroups::Open(KeyNumber key, const Window& window) {
  const GroupNumber number = Make(key, window);
  trigger_.Begin(TriggerOf(number));
  keys_.Open(key, window, number);
  SetTimer(number, TimerOf(window));
  return number;
}

WindowGroups::GroupNumber WindowGroups::MergeRange(KeyNumber key, size_t begin, size_t end,
                                                   const Window& to) {
  const std::span<KeyWindows::Known> merged = keys_.open(key).subspan(begin, end - begin);
  if (merged[0].window == to) return merged[0].group;  // Nothing else is in it.
  for (const KeyWindows::Known& known : merged) from_.push_back(known.group);
  merged[0].window = to;
  keys_.EraseOpen(key, begin + 1, from_.size() - 1);
  return Merge(to);
}

WindowGroups::GroupNumber WindowGroups::MergeSome(KeyNumber key, std::span<const Window> windows,
                                                  const Window& to) {
  for (const Window& window : windows) {
    const GroupNumber group = KeyWindows::Find(window, keys_.open(key));
    if (group != KeyWindows::kNone) from_.push_back(group);
  }
  if (from_.empty()) return kDropped;
  if (from_.size() == 1 && groups_[from_[0]].window == to) {
    const GroupNumber same = from_[0];
    from_.clear();
    return same;
  }
  for (const GroupNumber group : from_) {
    keys_.EraseOpen(key, KeyWindows::PlaceOf(groups_[group].window, keys_.open(key)), 1);
  }
  const GroupNumber merged = Merge(to);
  keys_.Open(key, to, merged);
  return merged;
}

WindowGroups::GroupNumber WindowGroups::Merge(const Window& to) {
  // One that has this window already goes on.
  const auto same = std::find_if(from_.begin(), from_.end(),
                                 [&](GroupNumber group) { return groups_[group].window == to; });
  const bool goes_on = same != from_.end();
  const GroupNumber number = goes_on ? *same : from_[0];

  Timestamp hold = kNever;
  bool is_empty = true;
  bool is_touched = false;
  for (const GroupNumber from : from_) {
    const Group& group = groups_[from];
    from_triggers_.push_back(TriggerOf(from));
    is_empty = is_empty && group.is_empty;
    is_touched = is_touched || group.is_touched;
    if (group.hold == kNever) continue;
    switch (strategy_.timestamp_combiner) {
      case TimestampCombiner::kEndOfWindow: hold = to.max_timestamp(); break;
      case TimestampCombiner::kEarliest: hold = std::min(hold, group.hold); break;
      case TimestampCombiner::kLatest:
        hold = hold == kNever ? group.hold : std::max(hold, group.hold);
        break;
    }
  }
  trigger_.Merge(from_triggers_, goes_on ? TriggerOf(number) : nullptr, ClockOf(to),
                 merged_trigger_.data());
  std::copy(merged_trigger_.begin(), merged_trigger_.end(), TriggerOf(number));
  if (from_.size() > 1) {
    owner_->Merge(number, from_);
    for (const GroupNumber from : from_) {
      if (from != number) Forget(from);
    }
  }
  from_.clear();
  from_triggers_.clear();

  Group& group = groups_[number];
  group.window = to;
  group.is_empty = is_empty;
  // A window that shrinks may be late already, or even expired, and then holds nothing back.
  group.hold = HasEnded(to) ? kNever : hold;
  group.holds_end = false;
  group.has_pane = goes_on && group.has_pane;
  if (is_touched && !group.is_touched) {
    group.is_touched = true;
    touched_.push_back(number);
  }
  SetTimer(number, TimerOf(to));
  QueueHold(number);
  QueueDelay(number);
  return number;
}

void WindowGroups::AddTo(GroupNumber number, Timestamp timestamp) {
  Group& group = groups_[number];
  group.is_empty = false;
  trigger_.OnElement(ClockOf(group.window), TriggerOf(number));
  if (!group.is_touched) {
    group.is_touched = true;
    touched_.push_back(number);
  }
  const bool at_end = strategy_.timestamp_combiner == TimestampCombiner::kEndOfWindow;
  const Timestamp time = at_end ? group.window.max_timestamp() : timestamp;
  // An element that is late for what is behind holds nothing back.
  if (time < output_watermark_ || HasEnded(group.window)) return;
  const bool is_latest = strategy_.timestamp_combiner == TimestampCombiner::kLatest;
  if (group.hold != kNever && (is_latest ? time <= group.hold : time >= group.hold)) return;
  group.hold = time;
  QueueHold(number);
}

void WindowGroups::Settle() {
  for (const GroupNumber number : touched_) {
    if (!groups_[number].is_touched) continue;  // Merged into another.
    groups_[number].is_touched = false;
    Look(number);
  }
  touched_.clear();
  std::sort(dropped_keys_.begin(), dropped_keys_.end());
  dropped_keys_.erase(std::unique(dropped_keys_.begin(), dropped_keys_.end()), dropped_keys_.end());
  for (const KeyNumber key : dropped_keys_) {
    if (keys_.empty(key)) owner_->KeyIsGone(key);
  }
  dropped_keys_.clear();
  FindOutputWatermark();
}

// ---- Clocks

void WindowGroups::AdvanceWatermark(Timestamp to) {
  JOIST_CHECK(to >= watermark_ && touched_.empty());
  watermark_ = to;
  FindOutputWatermark();
  while (const TimeQueue::Entry* entry = timers_.FirstBefore(watermark_)) {
    const auto [time, number] = *entry;
    if (const auto* ahead = timers_.Ahead(2 * kAhead)) PrefetchGroup(ahead->number);
    if (const auto* ahead = timers_.Ahead(kAhead)) keys_.Prefetch(groups_[ahead->number].key);
    timers_.Pop();
    Group& group = groups_[number];
    if (group.timer_queued != time) continue;
    group.timer_queued = kNever;
    if (group.timer > time) {  // The window has grown.
      SetTimer(number, group.timer);
    } else if (time >= Expiry(group.window)) {
      Expire(number);
    } else {
      SetTimer(number, Expiry(group.window));
      if (!group.is_closed) Look(number);
    }
  }
  FindOutputWatermark();
}

void WindowGroups::AdvanceProcessingTime(Timestamp to) {
  JOIST_CHECK(to >= processing_time_ && touched_.empty());
  processing_time_ = to;
  while (const TimeQueue::Entry* entry = delays_.FirstBefore(processing_time_)) {
    if (const auto* ahead = delays_.Ahead(kAhead)) PrefetchGroup(ahead->number);
    Group& group = groups_[entry->number];
    if (group.delay_queued == entry->time) {
      group.delay_queued = kNever;
      due_.push_back(entry->number);
    }
    delays_.Pop();
  }
  for (size_t i = 0; i < due_.size(); ++i) {
    if (i + kAhead < due_.size()) PrefetchGroup(due_[i + kAhead]);
    const GroupNumber number = due_[i];
    if (trigger_.Due(TriggerOf(number)) < processing_time_) {
      Look(number);
    } else {
      QueueDelay(number);
    }
  }
  due_.clear();
  FindOutputWatermark();
}

Timestamp WindowGroups::next_processing_time() const {
  return std::max(delays_.earliest(), processing_time_) + Duration::Millis(1);
}

// ---- Panes

void WindowGroups::Look(GroupNumber number) {
  const TriggerClock clock = ClockOf(groups_[number].window);
  TriggerMachine::Part* const trigger = TriggerOf(number);
  if (trigger_.ShouldFire(clock, trigger)) {
    trigger_.OnFire(clock, trigger);
    const bool finished = TriggerMachine::IsFinished(trigger);
    Emit(number, finished);
    if (finished) return Close(number);
  }
  QueueDelay(number);
}

void WindowGroups::Emit(GroupNumber number, bool finished) {
  Group& group = groups_[number];
  owner_->Changes(group.key);
  const Timestamp end = group.window.max_timestamp();
  const Timestamp timestamp = std::min(group.hold, end);
  const bool fires_always = strategy_.on_time_behavior == OnTimeBehavior::kFireAlways;
  group.hold = kNever;
  // A pane that will come even if it is empty.
  group.holds_end = !finished && fires_always && watermark_ <= end;
  const PaneInfo info = NextPane(number, finished);
  const bool was_empty = group.is_empty;
  group.is_empty = true;
  if (!was_empty || (info.timing == PaneTiming::kOnTime && fires_always) ||
      (finished && strategy_.closing_behavior == ClosingBehavior::kEmitAlways)) {
    if (!finished) {
      group.has_pane = true;
      last_panes_[number] = info;
    }
    owner_->Fire({group.key, number, group.window, timestamp, info});
  }
  if (finished) {
    owner_->Free(number);
    return;
  }
  if (!was_empty && strategy_.accumulation_mode == AccumulationMode::kDiscarding) {
    owner_->Clear(number);
  }
  QueueHold(number);
}

PaneInfo WindowGroups::NextPane(GroupNumber number, bool finished) const {
  const Group& group = groups_[number];
  const PaneInfo last = group.has_pane ? last_panes_[number] : PaneInfo::NoFiring();
  const Timestamp end = group.window.max_timestamp();
  PaneInfo info;
  info.is_first = !group.has_pane;
  info.is_last = finished;
  info.index = info.is_first ? 0 : last.index + 1;
  info.on_time_index = info.is_first ? 0 : last.on_time_index + 1;
  const bool only_early = info.is_first || last.timing == PaneTiming::kEarly;
  if (!only_early || end < output_watermark_) {
    info.timing = PaneTiming::kLate;
  } else if (watermark_ <= end) {
    info.timing = PaneTiming::kEarly;
    info.on_time_index = -1;
  } else {
    info.timing = PaneTiming::kOnTime;
  }
  return info;
}

// The trigger has finished and its last pane is out.
void WindowGroups::Close(GroupNumber number) {
  Group& group = groups_[number];
  group.is_closed = true;
  group.delay_queued = kNever;
  keys_.EraseOpen(group.key, KeyWindows::PlaceOf(group.window, keys_.open(group.key)), 1);
  if (KeyWindows::Find(group.window, keys_.closed(group.key)) == KeyWindows::kNone) {
    keys_.Close(group.key, group.window, number);
  } else {
    Forget(number);  // It was merged into a window that had been closed already.
  }
}

void WindowGroups::Expire(GroupNumber number) {
  const Window window = groups_[number].window;
  const KeyNumber key = groups_[number].key;
  if (groups_[number].is_closed) {
    owner_->Changes(key);
    keys_.EraseClosed(key, KeyWindows::PlaceOf(window, keys_.closed(key)));
  } else {
    Emit(number, /*finished=*/true);
    keys_.EraseOpen(key, KeyWindows::PlaceOf(window, keys_.open(key)), 1);
  }
  Forget(number);
  if (keys_.empty(key)) owner_->KeyIsGone(key);
}

void WindowGroups::Forget(GroupNumber number) {
  groups_[number] = Group();
  free_.push_back(number);
}

// ---- As bytes

namespace {

enum GroupFlag : uint8_t {
  kIsClosed = 1,
  kIsEmpty = 2,
  kHasPane = 4,
  kHoldsEnd = 8,
  kHasHold = 16,
};

void PutTime(Timestamp time, std::string* out) { PutInstant(time.millis, out); }
bool TakeTime(ByteReader* in, Timestamp* time) { return in->TakeInstant(&time->millis); }

void PutPart(const TriggerMachine::Part& part, std::string* out) {
  const bool has_due = part.due != Timestamp::Max();
  PutByte(static_cast<uint8_t>((part.finished ? 1 : 0) | (has_due ? 2 : 0)), out);
  PutVarint(static_cast<uint64_t>(part.count), out);
  if (has_due) PutTime(part.due, out);
}
bool TakePart(ByteReader* in, TriggerMachine::Part* part) {
  uint8_t flags;
  uint64_t count;
  if (!in->TakeByte(&flags) || !in->TakeVarint(&count)) return false;
  part->finished = (flags & 1) != 0;
  part->count = static_cast<int64_t>(count);
  part->due = Timestamp::Max();
  return (flags & 2) == 0 || TakeTime(in, &part->due);
}

}  // namespace

void WindowGroups::SaveClocks(std::string* out) const {
  JOIST_CHECK(touched_.empty() && dropped_keys_.empty());
  PutTime(watermark_, out);
  PutTime(processing_time_, out);
  PutVarint(static_cast<uint64_t>(dropped_late_), out);
  PutVarint(static_cast<uint64_t>(dropped_closed_), out);
}

bool WindowGroups::RestoreClocks(ByteReader* in) {
  uint64_t late, closed;
  if (!TakeTime(in, &watermark_) || !TakeTime(in, &processing_time_) || !in->TakeVarint(&late) ||
      !in->TakeVarint(&closed)) {
    return false;
  }
  dropped_late_ = static_cast<int64_t>(late);
  dropped_closed_ = static_cast<int64_t>(closed);
  return true;
}

void WindowGroups::SaveKey(KeyNumber key, std::string* out, FunctionRef<void(GroupNumber)> save) {
  JOIST_CHECK(touched_.empty() && dropped_keys_.empty());
  const auto put = [&](const KeyWindows::Known& known) {
    const Group& group = groups_[known.group];
    const auto flag = [](bool is_set, GroupFlag of) { return is_set ? of : 0; };
    PutByte(static_cast<uint8_t>(flag(group.is_closed, kIsClosed) | flag(group.is_empty, kIsEmpty) |
                                 flag(group.has_pane, kHasPane) | flag(group.holds_end, kHoldsEnd) |
                                 flag(group.hold != kNever, kHasHold)),
            out);
    Coder<Window>::Encode(group.window, out, /*nested=*/true);
    if (group.is_closed) return;
    if (group.hold != kNever) PutTime(group.hold, out);
    if (group.has_pane) Coder<PaneInfo>::Encode(last_panes_[known.group], out, /*nested=*/true);
    for (size_t i = 0; i < trigger_.parts(); ++i) PutPart(TriggerOf(known.group)[i], out);
    save(known.group);
  };
  PutVarint(keys_.open(key).size() + keys_.closed(key).size(), out);
  for (const KeyWindows::Known& known : keys_.open(key)) put(known);
  for (const KeyWindows::Known& known : keys_.closed(key)) put(known);
}

bool WindowGroups::RestoreKey(KeyNumber key, ByteReader* in,
                              FunctionRef<bool(GroupNumber)> restore) {
  keys_.Include(key);
  uint64_t windows;
  if (!in->TakeVarint(&windows)) return false;
  for (; windows > 0; --windows) {
    uint8_t flags;
    Window window;
    if (!in->TakeByte(&flags) || !Coder<Window>::Decode(in, &window, /*nested=*/true)) return false;
    const GroupNumber number = Make(key, window);
    Group& group = groups_[number];
    group.is_closed = (flags & kIsClosed) != 0;
    group.is_empty = (flags & kIsEmpty) != 0;
    group.has_pane = (flags & kHasPane) != 0;
    group.holds_end = (flags & kHoldsEnd) != 0;
    SetTimer(number, TimerOf(window));
    if (group.is_closed) {
      keys_.Close(key, window, number);
      continue;
    }
    keys_.Open(key, window, number);
    if ((flags & kHasHold) != 0 && !TakeTime(in, &group.hold)) return false;
    if (group.has_pane && !Coder<PaneInfo>::Decode(in, &last_panes_[number], /*nested=*/true)) {
      return false;
    }
    for (size_t i = 0; i < trigger_.parts(); ++i) {
      if (!TakePart(in, &TriggerOf(number)[i])) return false;
    }
    if (!restore(number)) return false;
    QueueHold(number);
    QueueDelay(number);
  }
  return true;
}

// ---- Queues

Timestamp WindowGroups::TimerOf(const Window& window) const {
  if (!HasEnded(window)) return window.max_timestamp();
  // What has shrunk may have expired in the past, where nothing happens any more.
  return std::max(Expiry(window), watermark_ - Duration::Millis(1));
}

void WindowGroups::SetTimer(GroupNumber number, Timestamp time) {
  Group& group = groups_[number];
  group.timer = time;
  if (time >= group.timer_queued) return;
  group.timer_queued = time;
  timers_.Push(time, number);
  if (timers_.is_crowded()) {
    timers_.Keep(
        [&](const auto& entry) { return groups_[entry.number].timer_queued == entry.time; });
  }
}

Timestamp WindowGroups::HoldOf(const Group& group) {
  return group.holds_end ? std::min(group.hold, group.window.max_timestamp()) : group.hold;
}

void WindowGroups::QueueHold(GroupNumber number) {
  Group& group = groups_[number];
  const Timestamp time = HoldOf(group);
  if (time >= group.hold_queued) return;
  group.hold_queued = time;
  holds_.Push(time, number);
  if (holds_.is_crowded()) {
    holds_.Keep([&](const auto& entry) { return groups_[entry.number].hold_queued == entry.time; });
  }
}

// When processing time alone may make the group fire.
void WindowGroups::QueueDelay(GroupNumber number) {
  Group& group = groups_[number];
  if (!trigger_.has_delays()) return;
  const TriggerMachine::Part* const trigger = TriggerOf(number);
  Timestamp time = trigger_.Due(trigger);
  if (time < processing_time_) {
    // What is over and has not made it fire, does so together with what comes later, unless it was
    // not looked at.
    time = trigger_.ShouldFire(ClockOf(group.window), trigger)
               ? processing_time_ - Duration::Millis(1)
               : trigger_.Due(trigger, processing_time_);
  }
  if (time >= group.delay_queued) return;
  group.delay_queued = time;
  delays_.Push(time, number);
  if (delays_.is_crowded()) {
    delays_.Keep(
        [&](const auto& entry) { return groups_[entry.number].delay_queued == entry.time; });
  }
}

void WindowGroups::FindOutputWatermark() {
  output_watermark_ = watermark_;
  while (const TimeQueue::Entry* entry = holds_.FirstBefore(watermark_)) {
    if (const auto* ahead = holds_.Ahead(kAhead)) PrefetchGroup(ahead->number);
    const auto [time, number] = *entry;
    Group& group = groups_[number];
    const bool is_expected = group.hold_queued == time;
    if (is_expected && HoldOf(group) == time) {
      output_watermark_ = time;
      return;
    }
    holds_.Pop();
    if (!is_expected) continue;
    group.hold_queued = kNever;
    QueueHold(number);
  }
}

}  // namespace joist
