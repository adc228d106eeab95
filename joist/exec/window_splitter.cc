// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/exec/window_splitter.h"

#include <algorithm>
#include <utility>

#include "joist/base/status.h"
#include "joist/model/custom_windows.h"

namespace joist {

void WindowSplitter::Clear() {
  times_.clear();
  groups_.clear();
}

int64_t WindowSplitter::held_bytes() const {
  return static_cast<int64_t>(times_.capacity() * sizeof(ElementTime) +
                              entries_.capacity() * sizeof(Entry) +
                              (ends_.capacity() + group_of_.capacity()) * sizeof(uint32_t) +
                              groups_.capacity() * sizeof(Group));
}

void WindowSplitter::Split(std::span<const std::span<uint32_t>> numbers, size_t keys) {
  // By key: counts become places, and at last the ends.
  ends_.assign(keys, 0);
  for (const std::span<uint32_t> part : numbers) {
    for (const uint32_t key : part) ++ends_[key];
  }
  uint32_t sum = 0;
  for (uint32_t& end : ends_) sum += std::exchange(end, sum);
  JOIST_CHECK(sum == times_.size());
  entries_.resize(sum);
  group_of_.resize(sum);
  uint32_t element = 0;
  for (const std::span<uint32_t> part : numbers) {
    for (const uint32_t key : part) {
      entries_[ends_[key]++] = {times_[element], element};
      ++element;
    }
  }
  uint32_t begin = 0;
  for (uint32_t key = 0; key < keys; ++key) {
    SplitKey(key, std::span(entries_).subspan(begin, ends_[key] - begin));
    begin = ends_[key];
  }
  element = 0;
  for (const std::span<uint32_t> part : numbers) {
    for (uint32_t& number : part) number = group_of_[element++];
  }
}

void WindowSplitter::SortByWindow(std::span<Entry> entries) {
  const auto before = [](const Entry& a, const Entry& b) {
    return StartsBefore(a.time.window, b.time.window);
  };
  if (!std::is_sorted(entries.begin(), entries.end(), before)) {
    std::sort(entries.begin(), entries.end(), before);
  }
}

// Each element is put into the window that its own one becomes.
void WindowSplitter::MergeByFunction(std::span<Entry> entries) {
  std::vector<Window> windows;
  for (const Entry& entry : entries) {
    if (windows.empty() || windows.back() != entry.time.window) {
      windows.push_back(entry.time.window);
    }
  }
  WindowMerger merger(windows);
  strategy_->window_fn.custom->Merge(merger);
  size_t at = 0;
  for (Entry& entry : entries) {
    if (entry.time.window != windows[at]) ++at;
    entry.time.window = merger.became()[at];
  }
}

void WindowSplitter::SplitKey(uint32_t key, std::span<Entry> entries) {
  SortByWindow(entries);
  const bool merges = strategy_->merges() && strategy_->window_fn.merges_overlapping();
  if (strategy_->merges() && !merges) {
    MergeByFunction(entries);
    SortByWindow(entries);
  }
  for (size_t first = 0, next; first < entries.size(); first = next) {
    Group group{key, entries[first].time.window, entries[first].time.timestamp};
    for (next = first; next < entries.size(); ++next) {
      const ElementTime& time = entries[next].time;
      if (merges ? time.window.start >= group.window.end : time.window != group.window) break;
      group.window.end = std::max(group.window.end, time.window.end);
      group.timestamp = strategy_->timestamp_combiner == TimestampCombiner::kEarliest
                            ? std::min(group.timestamp, time.timestamp)
                            : std::max(group.timestamp, time.timestamp);
      group_of_[entries[next].element] = static_cast<uint32_t>(groups_.size());
    }
    const Timestamp last = group.window.max_timestamp();
    group.timestamp = strategy_->timestamp_combiner == TimestampCombiner::kEndOfWindow
                          ? last
                          : std::min(group.timestamp, last);
    groups_.push_back(group);
  }
}

}  // namespace joist
