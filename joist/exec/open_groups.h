// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// OpenGroups<K>: for each key the one group that its latest element belonged to: its window as far
// as it reaches, its timestamp, and room for an accumulator. Elements come about in the order of
// time, so a key's next element mostly belongs to the same session or window, and is combined with
// those before it instead of being kept. Belongs to one thread.

#ifndef JOIST_EXEC_OPEN_GROUPS_H_
#define JOIST_EXEC_OPEN_GROUPS_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "joist/base/pages.h"
#include "joist/exec/element.h"
#include "joist/exec/key_table.h"
#include "joist/model/timestamp.h"
#include "joist/model/window.h"
#include "joist/model/windowing.h"

namespace joist {

/// The accumulator's bytes follow it.
struct OpenGroup {
  Window window;  ///< Empty, from 0 to 0: there is no group yet.
  Timestamp timestamp;

  bool is_empty() const { return window.start == window.end; }
  /// Takes in an element in `of`; false if it doesn't belong to the group.
  bool Extend(const WindowingStrategy& strategy, const Window& of, Timestamp t) {
    if (of != window) {
      const bool merges = strategy.merges() && strategy.window_fn.merges_overlapping();
      if (!merges || is_empty() || !window.Intersects(of)) return false;
      window = {std::min(window.start, of.start), std::max(window.end, of.end)};
    }
    timestamp = strategy.timestamp_combiner == TimestampCombiner::kEarliest
                    ? std::min(timestamp, t)
                    : std::max(timestamp, t);
    return true;
  }
  void* accumulator() { return this + 1; }
};

/// K is uint64_t or std::string. `accumulator_bytes` are aligned to 8.
template <class K>
class OpenGroups {
 public:
  explicit OpenGroups(size_t accumulator_bytes);

  /// The groups of `count` keys, at most kBatchSize; those of new keys are empty.
  void Find(const ColumnView<K>& keys, size_t count, OpenGroup** groups);
  /// Calls take(context, key, group) for each key.
  void ForEach(void (*take)(void* context, View<K> key, OpenGroup& group), void* context) const;
  void Clear();

  size_t size() const { return table_.size(); }
  /// Bytes held when so many keys have been added.
  int64_t bytes_with(size_t more) const;
  /// Does not grow in leaps that would take more than this.
  void set_most_bytes(size_t bytes) {
    most_bytes_ = bytes;
    table_.set_most_bytes(bytes);
  }

 private:
  OpenGroup* Make();

  const size_t group_bytes_;
  size_t most_bytes_ = SIZE_MAX;
  KeyTable<K, OpenGroup*> table_;
  std::vector<Pages> blocks_;
  size_t block_used_ = 0;
  size_t block_bytes_ = 0;  ///< Of all.
};

extern template class OpenGroups<uint64_t>;
extern template class OpenGroups<std::string>;

}  // namespace joist

#endif  // JOIST_EXEC_OPEN_GROUPS_H_
