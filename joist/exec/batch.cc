// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/exec/batch.h"

#include <algorithm>

namespace joist {
namespace {

/// Lets `column` be one with a value for each element, in `room`.
template <class C>
void Vary(std::vector<C>* room, SharedColumn<C>* column) {
  room->resize(kBatchSize);
  *column = SharedColumn<C>(room->data());
}

}  // namespace

std::vector<Window> WindowsOfSlice(const WindowFn& sliding, const Window& slice) {
  std::vector<Window> windows;
  // The last moment of a slice is inside of it even where time ends.
  AssignWindows(sliding, slice.max_timestamp(),
                [&](const Window& window) { windows.push_back(window); });
  return windows;
}

size_t EndOfWindowRun(const SharedColumn<Window>& windows, size_t first, size_t count) {
  if (windows.is_constant()) return count;
  size_t end = first + 1;
  while (end < count && windows[end] == windows[first]) ++end;
  return end;
}

bool UnslicedParts::Next(Part* part) {
  if (meta_.slices_of == nullptr) {
    if (end_ == count_) return false;
    end_ = count_;
    *part = {0, count_, meta_};
    return true;
  }
  while (next_window_ == windows_.size()) {
    if (end_ == count_) return false;
    first_ = end_;
    end_ = EndOfWindowRun(meta_.windows, first_, count_);
    windows_ = WindowsOfSlice(*meta_.slices_of, meta_.windows[first_]);
    next_window_ = 0;
  }
  *part = {first_, end_ - first_, meta_.From(first_)};
  part->meta.slices_of = nullptr;
  part->meta.windows = SharedColumn<Window>(windows_[next_window_++]);
  return true;
}

void MetaBuffer::Begin(const Meta& from) {
  meta_ = from;
  if (!from.timestamps.is_constant()) Vary(&timestamps_, &meta_.timestamps);
  if (!from.windows.is_constant()) Vary(&windows_, &meta_.windows);
  if (!from.panes.is_constant()) Vary(&panes_, &meta_.panes);
}

void MetaBuffer::VaryConstantTimestamps(size_t count) {
  const Timestamp before = meta_.timestamps[0];
  Vary(&timestamps_, &meta_.timestamps);
  std::fill_n(timestamps_.begin(), count, before);
}

}  // namespace joist
