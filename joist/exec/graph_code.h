// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// A graph as bytes, for another process that runs the same executable: each step by its key in the
// registry and its encoded state (docs/adr/0001). Pure functions.

#ifndef JOIST_EXEC_GRAPH_CODE_H_
#define JOIST_EXEC_GRAPH_CODE_H_

#include <string>
#include <string_view>

#include "joist/base/status.h"
#include "joist/model/graph.h"

namespace joist {

/// OK if every step of `graph` stands by itself; else names the first that doesn't, its line and
/// why: it captures something that can't be encoded, or its type's name is not unique.
Status CheckTravels(const Graph& graph);

/// The graph's bytes. CheckTravels must hold.
Result<std::string> EncodeGraph(const Graph& graph);

/// The inverse; in the same executable only. Bounded by the size of `bytes`.
Result<Graph> DecodeGraph(std::string_view bytes);

}  // namespace joist

#endif  // JOIST_EXEC_GRAPH_CODE_H_
