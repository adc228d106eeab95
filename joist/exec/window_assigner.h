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
  /// custom(i) gives the windows of element i by Custom, for functions that look at it.
  template <class OfElement, class Take>
  void Assign(const Meta& meta, size_t count, OfElement custom, Take take) {
    if (by_element_ && assigns_one_) {
      windows_.resize(count);
      for (size_t i = 0; i < count; ++i) windows_[i] = custom(i).front();
      Meta out = meta;
      out.windows = SharedColumn<Window>(windows_.data());
      take(0, count, out);
      return;
    }
    if (assigns_one_) {
      take(0, count, AssignOne(meta, count));
      return;
    }
    for (size_t i = 0; i < count; ++i) {
      Meta one = meta.From(i);
      one.slices_of = nullptr;
      const auto give = [&](const Window& window) {
        one.windows = SharedColumn<Window>(window);
        take(i, size_t{1}, one);
      };
      if (by_element_) {
        for (const Window& window : custom(i)) give(window);
      } else {
        AssignWindows(*fn_, meta.timestamps[i], give);
      }
    }
  }
  /// The windows of an element by a custom function. Valid until the next call.
  const std::vector<Window>& Custom(const void* element, Timestamp t);

 private:
  Meta AssignOne(const Meta& meta, size_t count);
  Window WindowOf(Timestamp t);

  const WindowFn* fn_;
  WindowFn slices_;   ///< Of sliding windows.
  bool by_element_;   ///< The time alone does not tell.
  bool assigns_one_;  ///< A window, or a slice.
  std::vector<Window> windows_;
  std::vector<Window> custom_;
};

}  // namespace joist

#endif  // JOIST_EXEC_WINDOW_ASSIGNER_H_
