// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// GraphFormat: how a picture of a pipeline is written.

#ifndef JOIST_SDK_GRAPH_PICTURE_GRAPH_FORMAT_H_
#define JOIST_SDK_GRAPH_PICTURE_GRAPH_FORMAT_H_

#include <cstdint>

#include "joist/model/fields.h"

namespace joist {

enum class GraphFormat : uint8_t {
  kTree,  ///< Text for a terminal.
  kSvg,   ///< A drawing that needs nothing else.
  kDot,   ///< For Graphviz.
};
JOIST_ENUM(GraphFormat, kTree, kSvg, kDot)

}  // namespace joist

#endif  // JOIST_SDK_GRAPH_PICTURE_GRAPH_FORMAT_H_
