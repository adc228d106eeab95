// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// StateLayout: how the state of a step looks in a checkpoint, so that a program that has changed
// since can tell whether it understands it. Values; pure functions.

#ifndef JOIST_ENGINE_STATE_LAYOUT_H_
#define JOIST_ENGINE_STATE_LAYOUT_H_

#include <string>
#include <string_view>
#include <vector>

#include "joist/base/status.h"
#include "joist/exec/step.h"
#include "joist/model/graph.h"
#include "joist/model/wire.h"

namespace joist {

struct StateLayout {
  std::string windowing;  ///< Of the input, described.
  /// The input's elements ("element", where there are several "element 2" and so on), then what the
  /// step knows.
  std::vector<StateCell> cells;
};

StateLayout LayoutOf(const Graph& graph, int node);

void EncodeLayout(const StateLayout& layout, std::string* out);
bool DecodeLayout(ByteReader* in, StateLayout* layout);

/// Whether a step that is `now` so can go on from state that `was` so: all is the same, but that
/// rows may have more fields at their ends, which are nullable. Else an error that names step, cell
/// and field.
Status CheckLayout(std::string_view step, const StateLayout& was, const StateLayout& now);

}  // namespace joist

#endif  // JOIST_ENGINE_STATE_LAYOUT_H_
