// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// FusedStages: which steps the embedded engine runs as one loop. Like RunEmbedded
// (joist/sdk/runner.h), it is defined in joist/engine, which is linked into every program. Pure.

#ifndef JOIST_SDK_GRAPH_PICTURE_FUSED_STAGES_H_
#define JOIST_SDK_GRAPH_PICTURE_FUSED_STAGES_H_

#include <vector>

#include "joist/model/graph.h"

namespace joist {

/// By node of `graph`, which must be valid: the stage that works on its input, from 0 on in the
/// order in which stages run; -1 for those that cost nothing (Flatten). Groupings and views belong
/// to the first stage that fills them.
std::vector<int> FusedStages(const Graph& graph);

}  // namespace joist

#endif  // JOIST_SDK_GRAPH_PICTURE_FUSED_STAGES_H_
