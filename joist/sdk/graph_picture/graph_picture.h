// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Pictures of a pipeline: what is in its graph, gathered for people, and drawn as a tree of text,
// as an SVG, or for Graphviz. Pure functions; equal graphs give equal pictures.

#ifndef JOIST_SDK_GRAPH_PICTURE_GRAPH_PICTURE_H_
#define JOIST_SDK_GRAPH_PICTURE_GRAPH_PICTURE_H_

#include <string>
#include <string_view>
#include <vector>

#include "joist/model/graph.h"
#include "joist/sdk/graph_picture/graph_format.h"

namespace joist {

struct GraphPicture {
  struct Step {
    std::string name;                ///< Within its composite: "Split".
    std::string full_name;           ///< "CountWords/Split".
    std::string kind;                ///< "ParDo", "GroupByKey".
    std::string function;            ///< The type of the user's function or source, if it has one.
    std::string where;               ///< "main.cc:12", or empty.
    std::vector<std::string> types;  ///< Of the elements of each output.
    std::vector<DisplayItem> display_data;
    int composite = 0;
    int stage = -1;        ///< FusedStages.
    bool gathers = false;  ///< Needs all of its input before it gives anything.
  };
  struct Composite {
    std::string name;
    std::string full_name;
    std::vector<DisplayItem> display_data;
    int parent = -1;
  };
  struct Edge {
    int from = 0;
    int to = 0;
    std::string type;  ///< Of the elements.
    bool side = false;
  };

  std::string title;
  std::vector<DisplayItem> options;
  std::vector<Step> steps;            ///< In the order of building.
  std::vector<Composite> composites;  ///< The first is the pipeline; parents before children.
  std::vector<Edge> edges;
  int stages = 0;
};

/// `stages` as FusedStages gives them, or nothing. `title` is the program's name.
GraphPicture MakeGraphPicture(const Graph& graph, const std::vector<int>& stages,
                              std::string_view title, std::vector<DisplayItem> options);

/// UTF-8 text. Lines are as long as they need to be.
std::string DrawTree(const GraphPicture& picture);
/// A document for dot: composites are clusters, stages colours.
std::string DrawDot(const GraphPicture& picture);
/// A document that needs no other file, nor scripts, and follows the reader's choice of a light or
/// a dark page.
std::string DrawSvg(const GraphPicture& picture);

std::string DrawGraph(const GraphPicture& picture, GraphFormat format);

}  // namespace joist

#endif  // JOIST_SDK_GRAPH_PICTURE_GRAPH_PICTURE_H_
