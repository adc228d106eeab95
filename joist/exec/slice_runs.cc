// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/exec/slice_runs.h"

#include <algorithm>
#include <map>
#include <utility>

#include "joist/base/status.h"
#include "joist/exec/batch.h"

namespace joist {

std::unique_ptr<const SlicedWindows> SlicedWindows::Of(const WindowFn& sliding,
                                                       const std::vector<Window>& slices) {
  struct Parts {
    uint32_t first = 0;
    uint32_t end = 0;
    uint32_t count = 0;
  };
  std::map<std::pair<Timestamp, Timestamp>, Parts> by_window;  // In the order of their starts.
  for (uint32_t part = 0; part < slices.size(); ++part) {
    for (const Window& window : WindowsOfSlice(sliding, slices[part])) {
      Parts& parts = by_window[{window.start, window.end}];
      if (parts.count++ == 0) parts.first = part;
      parts.end = part + 1;
    }
  }
  auto windows = std::make_unique<SlicedWindows>();
  for (const auto& [window, parts] : by_window) {
    if (parts.end - parts.first != parts.count) return nullptr;
    if (!windows->items.empty()) {
      const Item& before = windows->items.back();
      if (parts.first < before.first || parts.end < before.end) return nullptr;
    }
    windows->items.push_back({{window.first, window.second}, parts.first, parts.end});
  }
  return windows;
}

template <class K>
void SliceRuns<K>::Clear(int skip_bits) {
  if (skip_bits == skip_bits_) {
    numbers_.Clear();
  } else {
    numbers_ = KeyTable<K, uint32_t>(0, skip_bits);
    skip_bits_ = skip_bits;
  }
  entries_.clear();
  keys_after_.clear();
  keys_ = 0;
  parts_ = 0;
}

template <class K>
void SliceRuns<K>::AddPart(const ColumnView<K>& keys, const void* const* cells, size_t count) {
  const size_t before = entries_.size();
  JOIST_CHECK(before + count < UINT32_MAX / 2);
  entries_.resize(before + count);
  Entry* const entries = entries_.data() + before;
  numbers_.Upsert(
      count, [&](size_t i) { return keys[i]; }, [this] { return keys_++; },
      [&](size_t i, uint32_t number) { entries[i] = {number, parts_, cells[i]}; });
  ++parts_;
  keys_after_.push_back(keys_);
}

template <class K>
void SliceRuns<K>::Finish() {
  // Behind each key's cells is the place of no part.
  places_.assign(keys_, 1);
  for (const Entry& entry : entries_) ++places_[entry.key];
  uint32_t sum = 0;
  for (uint32_t& place : places_) sum += std::exchange(place, sum);
  part_of_.assign(sum, UINT32_MAX);
  cells_.resize(sum);
  first_.part = end_.part = 0;
  first_.at = places_;
  end_.at = places_;
  runs_.resize(keys_ + 1);
  for (const Entry& entry : entries_) {
    const uint32_t place = places_[entry.key]++;
    part_of_[place] = entry.part;
    cells_[place] = entry.cell;
  }
}

/// A key has one cell at the most in each part: without a branch that anybody must guess.
template <class K>
void SliceRuns<K>::Advance(Edge* edge, uint32_t part) {
  const uint32_t* const part_of = part_of_.data();
  for (; edge->part < part; ++edge->part) {
    uint32_t* const at = edge->at.data();
    for (uint32_t key = 0; key < keys_after_[edge->part]; ++key) {
      at[key] += part_of[at[key]] == edge->part ? 1 : 0;
    }
  }
}

template <class K>
std::span<const typename SliceRuns<K>::Run> SliceRuns<K>::RunsOf(
    const SlicedWindows::Item& window) {
  Advance(&first_, window.first);
  Advance(&end_, window.end);
  Run* const runs = runs_.data();
  size_t count = 0;
  for (uint32_t key = 0; key < keys_after_[window.end - 1]; ++key) {
    runs[count] = {first_.at[key], end_.at[key]};
    count += runs[count].begin < runs[count].end ? 1 : 0;
  }
  return {runs, count};
}

template <class K>
int64_t SliceRuns<K>::held_bytes() const {
  return static_cast<int64_t>(
      numbers_.held_bytes() + entries_.capacity() * sizeof(Entry) +
      (places_.capacity() + part_of_.capacity() + first_.at.capacity() + end_.at.capacity()) *
          sizeof(uint32_t) +
      cells_.capacity() * sizeof(void*) + runs_.capacity() * sizeof(Run));
}

template class SliceRuns<uint64_t>;
template class SliceRuns<std::string>;

}  // namespace joist
