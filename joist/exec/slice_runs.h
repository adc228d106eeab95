// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// SlicedWindows: the windows that some slices of a sliding function belong to. SliceRuns<K>: what
// each key has in each slice, side by side by key in the order of time, so that what a window has
// of a key is a run of them: a key is looked up once for each slice, however many windows share it.

#ifndef JOIST_EXEC_SLICE_RUNS_H_
#define JOIST_EXEC_SLICE_RUNS_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "joist/exec/element.h"
#include "joist/exec/key_table.h"
#include "joist/model/window.h"
#include "joist/model/windowing.h"

namespace joist {

/// Parts are numbered, in the order of their slices; several may be of one slice.
struct SlicedWindows {
  /// The parts [first, end) are those of its slices.
  struct Item {
    Window window;
    uint32_t first;
    uint32_t end;
  };
  std::vector<Item> items;  ///< Neither `first` nor `end` falls from one to the next.

  /// `slices` are those of the parts, in order. Null where time ends and windows are cut so that
  /// this is no form for them.
  static std::unique_ptr<const SlicedWindows> Of(const WindowFn& sliding,
                                                 const std::vector<Window>& slices);
};

/// K is uint64_t or std::string. Belongs to one thread; keeps its memory from use to use.
template <class K>
class SliceRuns {
 public:
  /// What a window has of a key: the cells from `begin` to `end`.
  struct Run {
    uint32_t begin;
    uint32_t end;
  };

  /// Forgets everything. The hashes of the keys to come have their first `skip_bits` bits in
  /// common.
  void Clear(int skip_bits);
  /// The next part: `cells` with their keys, none of which comes twice in it.
  void AddPart(const ColumnView<K>& keys, const void* const* cells, size_t count);
  /// All parts are there.
  void Finish();
  /// The keys' runs in a window; windows are asked for in their order.
  std::span<const Run> RunsOf(const SlicedWindows::Item& window);
  const void* cell(size_t i) const { return cells_[i]; }

  int64_t held_bytes() const;

 private:
  struct Entry {
    uint32_t key;
    uint32_t part;
    const void* cell;
  };
  /// Of each key the first cell whose part is not before the edge.
  struct Edge {
    uint32_t part = 0;
    std::vector<uint32_t> at;
  };
  void Advance(Edge* edge, uint32_t part);

  int skip_bits_ = 0;
  KeyTable<K, uint32_t> numbers_;
  std::vector<Entry> entries_;
  uint32_t keys_ = 0;
  uint32_t parts_ = 0;
  std::vector<uint32_t> keys_after_;  ///< By part: the keys that are there after it.
  std::vector<uint32_t> places_;
  // By place: those of a key side by side, and behind them one of no part.
  std::vector<uint32_t> part_of_;
  std::vector<const void*> cells_;
  Edge first_, end_;
  std::vector<Run> runs_;
};

extern template class SliceRuns<uint64_t>;
extern template class SliceRuns<std::string>;

}  // namespace joist

#endif  // JOIST_EXEC_SLICE_RUNS_H_
