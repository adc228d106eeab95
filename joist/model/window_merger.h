// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// WindowMerger: what a merging window function of one's own is given (model/custom_windows.h): the
// windows of a key, some of which it makes one.

#ifndef JOIST_MODEL_WINDOW_MERGER_H_
#define JOIST_MODEL_WINDOW_MERGER_H_

#include <cstddef>
#include <cstdint>
#include <set>
#include <span>
#include <vector>

#include "joist/model/window.h"

namespace joist {

class WindowMerger {
 public:
  /// `windows`: different ones, by their starts, then their ends.
  explicit WindowMerger(std::span<const Window> windows)
      : windows_(windows), became_(windows.begin(), windows.end()), is_merged_(windows.size()) {}

  /// By their starts, then their ends.
  std::span<const Window> windows() const { return windows_; }
  /// Makes `from` one window, `to`. They are some of windows(), each merged once at the most. `to`
  /// is one of them, or a window that is not there. Throws std::invalid_argument otherwise.
  void Merge(const std::vector<Window>& from, const Window& to);

  /// What each of windows() has become.
  const std::vector<Window>& became() const { return became_; }

 private:
  static constexpr size_t kNone = SIZE_MAX;
  size_t PlaceOf(const Window& window) const;

  std::span<const Window> windows_;
  std::vector<Window> became_;
  std::vector<bool> is_merged_;  ///< By window.
  std::set<Window> results_;     ///< Of calls of Merge.
};

}  // namespace joist

#endif  // JOIST_MODEL_WINDOW_MERGER_H_
