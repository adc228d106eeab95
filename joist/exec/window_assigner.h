// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// WindowAssigner: the windows of a batch's elements, made of their timestamps. No value is touched.

#ifndef JOIST_EXEC_WINDOW_ASSIGNER_H_
#define JOIST_EXEC_WINDOW_ASSIGNER_H_

#include <cstddef>
#include <vector>

#include "joist/exec/batch.h"
#include "joist/model/windowing.h"

namespace joist {

/// Belongs to one thread.
class WindowAssigner {
 public:
  /// `fn` is valid and outlives all batches.
  explicit WindowAssigner(const WindowFn* fn);

  /// Calls take(first, count, meta) with each element of a batch of `count` elements in each of its
  /// windows. Sliding windows are given as slices where that pays. `meta` is that of the batch.
  template <class Take>
  void Assign(const Meta& meta, size_t count, Take take) {
    if (assigns_one_) {
      take(0, count, AssignOne(meta, count));
      return;
    }
    for (size_t i = 0; i < count; ++i) {
      Meta one = meta.From(i);
      one.slices_of = nullptr;
      AssignWindows(*fn_, meta.timestamps[i], [&](const Window& window) {
        one.windows = SharedColumn<Window>(window);
        take(i, size_t{1}, one);
      });
    }
  }

 private:
  Meta AssignOne(const Meta& meta, size_t count);
  Window WindowOf(Timestamp t) const;

  const WindowFn* fn_;
  WindowFn slices_;   ///< Of sliding windows.
  bool assigns_one_;  ///< A window, or a slice.
  std::vector<Window> windows_;
};

}  // namespace joist

#endif  // JOIST_EXEC_WINDOW_ASSIGNER_H_
