// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// StageOutput: elements that come from a worker, on their way into the engine's graph.

#ifndef JOIST_PORTABILITY_STAGE_OUTPUT_H_
#define JOIST_PORTABILITY_STAGE_OUTPUT_H_

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "joist/base/status.h"
#include "joist/exec/batch.h"
#include "joist/portability/window_codec.h"
#include "joist/portability/wire_coder.h"

namespace joist::portability {

/// A column of a batch that is written from its beginning to its end. It has memory only where its
/// items differ: most elements of a bounded pipeline have one time, window and pane.
template <class T>
class VaryingColumn {
 public:
  /// Each i in turn, below kBatchSize; 0 begins again.
  void Set(size_t i, const T& item) {
    if (i == 0) {
      constant_ = item;
      varies_ = false;
    }
    if (!varies_) {
      if (item == constant_) [[likely]]
        return;
      varies_ = true;
      items_.resize(kBatchSize);
      std::fill_n(items_.begin(), i, constant_);
    }
    items_[i] = item;
  }
  /// Good until the next Set.
  SharedColumn<T> column() const {
    return varies_ ? SharedColumn<T>(items_.data()) : SharedColumn<T>(constant_);
  }

 private:
  T constant_ = {};
  bool varies_ = false;
  std::vector<T> items_;
};

/// Belongs to one thread.
class StageOutput {
 public:
  /// Both outlive this.
  StageOutput(const WireCoder* coder, const WindowCodec* windows);
  void Connect(Receiver* consumer) { output_.Connect(consumer); }

  /// Pushes windowed values that are encoded one after the other, once for each of their windows.
  /// Returns how many, or kInternal where the bytes are none: nothing tells what they were.
  Result<size_t> Push(std::string_view bytes);

 private:
  void Flush();

  const WireCoder* const coder_;
  const WindowCodec* const windows_codec_;
  WindowedHeader header_;
  ColumnBuffer<std::string> values_;
  VaryingColumn<Timestamp> timestamps_;
  VaryingColumn<Window> windows_;
  VaryingColumn<PaneInfo> panes_;
  size_t count_ = 0;
  Output<std::string> output_;
};

}  // namespace joist::portability

#endif  // JOIST_PORTABILITY_STAGE_OUTPUT_H_
