// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Spool<T>: elements kept for later, in order, with their times and windows. A share fills its own;
// committed spools are read by many threads at once.

#ifndef JOIST_EXEC_SPOOL_H_
#define JOIST_EXEC_SPOOL_H_

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "joist/base/arena.h"
#include "joist/exec/batch.h"

namespace joist {

template <class T>
class Spool {
 public:
  /// At most kBatchSize elements, with a Meta that is constant unless they differ in it.
  struct Block {
    std::vector<Stored<T>> values;
    Meta constant;
    std::vector<Timestamp> timestamps;
    std::vector<Window> windows;
    std::vector<PaneInfo> panes;
  };

  void Append(const Batch<T>& batch) {
    if (batch.count == 0) return;
    Block& block = blocks_.emplace_back();
    block.values.reserve(batch.count);
    for (size_t i = 0; i < batch.count; ++i) {
      block.values.push_back(ElementForm<T>::Store(batch[i], arena_));
    }
    block.constant = batch.meta;
    if (!batch.meta.is_constant()) {
      for (size_t i = 0; i < batch.count; ++i) {
        block.timestamps.push_back(batch.timestamp(i));
        block.windows.push_back(batch.window(i));
        block.panes.push_back(batch.pane(i));
      }
      block.constant = {SharedColumn<Timestamp>(block.timestamps.data()),
                        SharedColumn<Window>(block.windows.data()),
                        SharedColumn<PaneInfo>(block.panes.data())};
    }
    size_ += batch.count;
  }

  size_t size() const { return size_; }
  const std::vector<Block>& blocks() const { return blocks_; }

 private:
  std::vector<Block> blocks_;
  Arena arena_;
  size_t size_ = 0;
};

/// Makes batches again of what a spool keeps.
template <class T>
class SpoolPlayer {
 public:
  void Play(const typename Spool<T>::Block& block, const Output<T>& output) {
    const ColumnWriter<T> writer = column_.writer();
    for (size_t i = 0; i < block.values.size(); ++i) {
      writer.SetView(i, ElementForm<T>::ViewOf(block.values[i]));
    }
    output.Push({column_.view(), block.values.size(), block.constant});
  }

 private:
  ColumnBuffer<T> column_;
};

}  // namespace joist

#endif  // JOIST_EXEC_SPOOL_H_
