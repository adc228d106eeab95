// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// WindowSplitter: groups elements by key and window where windows can't be kept apart from the
// beginning: windows that merge (a key's elements are needed for that), and windows so many that
// gathering each by itself would cost more than it saves. Also the place where a group's timestamp
// is made of those of its elements. For bounded input, whose groups have one pane.

#ifndef JOIST_EXEC_WINDOW_SPLITTER_H_
#define JOIST_EXEC_WINDOW_SPLITTER_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "joist/model/timestamp.h"
#include "joist/model/window.h"
#include "joist/model/windowing.h"

namespace joist {

/// What is kept of an element's event time beside its key and value.
struct ElementTime {
  Window window;
  Timestamp timestamp;
};

/// Belongs to one thread; keeps its memory from use to use.
class WindowSplitter {
 public:
  struct Group {
    uint32_t key = 0;
    Window window;
    Timestamp timestamp;
  };

  /// `strategy` outlives it.
  explicit WindowSplitter(const WindowingStrategy* strategy) : strategy_(strategy) {}

  /// Forgets everything.
  void Clear();
  /// The times of the next elements.
  void Append(const ElementTime* from, const ElementTime* to) {
    times_.insert(times_.end(), from, to);
  }
  /// The same of `count` elements with one time.
  void Append(const ElementTime& time, size_t count) { times_.insert(times_.end(), count, time); }

  /// `numbers` has, for the elements in the order of Append, the numbers of their keys, below
  /// `keys`; puts there the numbers of their groups. Groups are in the order of their keys, and of
  /// one key in the order of time.
  void Split(std::span<const std::span<uint32_t>> numbers, size_t keys);
  const std::vector<Group>& groups() const { return groups_; }

  int64_t held_bytes() const;

 private:
  /// An element among those of its key.
  struct Entry {
    ElementTime time;
    uint32_t element = 0;
  };
  static void SortByWindow(std::span<Entry> entries);
  void MergeByFunction(std::span<Entry> entries);
  void SplitKey(uint32_t key, std::span<Entry> entries);

  const WindowingStrategy* strategy_;
  std::vector<ElementTime> times_;
  std::vector<uint32_t> ends_;  ///< By key, of its entries.
  std::vector<Entry> entries_;
  std::vector<uint32_t> group_of_;  ///< By element.
  std::vector<Group> groups_;
};

}  // namespace joist

#endif  // JOIST_EXEC_WINDOW_SPLITTER_H_
