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
