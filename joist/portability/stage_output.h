// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// StageOutput: elements that come from a worker, on their way into the engine's graph.

#ifndef JOIST_PORTABILITY_STAGE_OUTPUT_H_
#define JOIST_PORTABILITY_STAGE_OUTPUT_H_

#include <string_view>
#include <vector>

#include "joist/base/status.h"
#include "joist/exec/batch.h"
#include "joist/portability/window_codec.h"
#include "joist/portability/wire_coder.h"

namespace joist::portability {

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
  std::vector<Timestamp> timestamps_;
  std::vector<Window> windows_;
  std::vector<PaneInfo> panes_;
  size_t count_ = 0;
  Output<std::string> output_;
};

}  // namespace joist::portability

#endif  // JOIST_PORTABILITY_STAGE_OUTPUT_H_
