// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// WaitingElements: elements of a stream that wait for the side inputs of their window.

#ifndef JOIST_EXEC_WAITING_ELEMENTS_H_
#define JOIST_EXEC_WAITING_ELEMENTS_H_

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "joist/exec/saved_element.h"
#include "joist/exec/spool.h"

namespace joist {

/// Belongs to one thread.
template <class T>
class WaitingElements {
 public:
  /// Elements of one window.
  void Add(const Batch<T>& batch) {
    auto of = std::find_if(windows_.begin(), windows_.end(),
                           [&](const Waiting& w) { return w.window == batch.window(0); });
    if (of == windows_.end()) {
      of = windows_.insert(of, {batch.window(0), std::make_unique<Spool<T>>(), Timestamp::Max()});
    }
    of->spool->Append(batch);
    for (size_t i = 0; i < batch.count; ++i)
      of->earliest = std::min(of->earliest, batch.timestamp(i));
  }
  /// Gives the elements of those windows to `to` for which is_ready(window).
  template <class IsReady>
  void Release(IsReady is_ready, BatchReceiver<T>* to) {
    Output<T> output;
    output.Connect(to);
    SpoolPlayer<T> player;
    for (Waiting& waiting : std::exchange(windows_, {})) {
      if (!is_ready(waiting.window)) {
        windows_.push_back(std::move(waiting));
        continue;
      }
      for (const auto& block : waiting.spool->blocks()) player.Play(*waiting.spool, block, output);
    }
  }
  bool empty() const { return windows_.empty(); }
  size_t size() const {
    size_t size = 0;
    for (const Waiting& waiting : windows_) size += waiting.spool->size();
    return size;
  }
  void Save(std::string* out) {
    PutVarint(size(), out);
    ElementSaver<T> saver(out);
    Output<T> output;
    output.Connect(static_cast<BatchReceiver<T>*>(&saver));
    SpoolPlayer<T> player;
    for (const Waiting& waiting : windows_) {
      for (const auto& block : waiting.spool->blocks()) player.Play(*waiting.spool, block, output);
    }
  }
  /// Those for which takes(view).
  template <class Takes>
  bool Restore(ByteReader* in, Takes takes) {
    uint64_t count;
    if (!in->TakeVarint(&count)) return false;
    ColumnBuffer<T> column;
    for (; count > 0; --count) {
      SavedElement<T> element;
      if (!element.Restore(in)) return false;
      if (!takes(element.view())) continue;
      column.writer().SetView(0, element.view());
      Add({column.view(), 1, element.meta()});
    }
    return true;
  }
  /// The earliest timestamp that waits.
  Timestamp earliest() const {
    Timestamp earliest = Timestamp::Max();
    for (const Waiting& waiting : windows_) earliest = std::min(earliest, waiting.earliest);
    return earliest;
  }

 private:
  struct Waiting {
    Window window;
    std::unique_ptr<Spool<T>> spool;
    Timestamp earliest;
  };
  std::vector<Waiting> windows_;
};

}  // namespace joist

#endif  // JOIST_EXEC_WAITING_ELEMENTS_H_
