// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// SavedRun: a stream's run between bundles, as a checkpoint holds it. Pure values.

#ifndef JOIST_ENGINE_SAVED_RUN_H_
#define JOIST_ENGINE_SAVED_RUN_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "joist/engine/state_layout.h"
#include "joist/exec/metrics.h"
#include "joist/model/timestamp.h"

namespace joist {

/// Of a node of the graph. What is decoded refers to the bytes.
struct SavedStep {
  std::string_view name;
  uint32_t id = 0;         ///< The same as long as the job goes on, however the program changes.
  Timestamp watermark;     ///< Of its output.
  std::string_view stats;  ///< Of all lanes, by EncodeStats.
  StateLayout layout;
  /// What its operators say whole, by lane, or its source.
  std::vector<std::string_view> states;
};

struct SavedRun {
  bool is_drained = false;
  std::vector<SavedStep> steps;  ///< In the order of the graph.
};

/// SavedKeys (exec/saved_state.h) of one step.
struct StepKeys {
  uint32_t step = 0;  ///< Its id.
  std::string keys;
};

std::string EncodeSavedRun(const SavedRun& run);
/// What a step has counted, but for the time it took.
std::string EncodeStats(const StepStats& stats);
bool DecodeStats(std::string_view bytes, StepStats* stats);
/// False where the bytes are none.
bool DecodeSavedRun(std::string_view bytes, SavedRun* run);

}  // namespace joist

#endif  // JOIST_ENGINE_SAVED_RUN_H_
