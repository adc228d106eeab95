// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/model/window_merger.h"

#include <algorithm>
#include <stdexcept>
#include <string>

namespace joist {
namespace {

[[noreturn]] void Refuse(const char* verb, const Window& window, const char* why) {
  throw std::invalid_argument(std::string("MergeWindows ") + verb + " " + window.ToString() + ", " +
                              why);
}

}  // namespace

size_t WindowMerger::PlaceOf(const Window& window) const {
  const auto at = std::lower_bound(windows_.begin(), windows_.end(), window, StartsBefore);
  return at != windows_.end() && *at == window ? static_cast<size_t>(at - windows_.begin()) : kNone;
}

void WindowMerger::Merge(const std::vector<Window>& from, const Window& to) {
  for (const Window& window : from) {
    const size_t place = PlaceOf(window);
    if (place == kNone) Refuse("merges", window, "which is none of the windows it was given");
    if (is_merged_[place]) Refuse("merges", window, "which it has merged before");
    is_merged_[place] = true;
    became_[place] = to;
  }
  const size_t same = PlaceOf(to);
  if (!results_.insert(to).second || (same != kNone && became_[same] != to) ||
      (same != kNone && !is_merged_[same])) {
    Refuse("makes windows", to, "which another of the windows is already");
  }
}

}  // namespace joist
