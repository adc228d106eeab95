// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// A layered drawing of a directed graph whose nodes lie in nested groups: boxes in rows from top to
// bottom, edges as lines between the rows. Pure functions.
//
// K. Sugiyama, S. Tagawa, M. Toda, "Methods for Visual Understanding of Hierarchical System
// Structures" (IEEE Trans. SMC 11(2), 1981): cycles are broken by turning edges around, layers come
// from longest paths, long edges get a bend in each layer that they pass, the order in a layer
// comes from barycentres, swept down and up. Each group is drawn by itself and is then one box of
// the group around it; an edge that leaves it does so through a port on its border, which has its
// place in the order. Coordinates along a layer are the least squares solution for being below and
// above one's neighbours in the given order with the given gaps, found by pooling adjacent
// violators (M. Ayer et al., Ann. Math. Stat. 26(4), 1955).
//
// Invariants of the result:
//  1. No two boxes overlap, unless one is a group that holds the other.
//  2. No edge runs through a node, and it crosses the borders of those groups only that hold one of
//     its ends and not the other.
//  3. Equal inputs give equal drawings.

#ifndef JOIST_SDK_GRAPH_PICTURE_LAYERED_LAYOUT_H_
#define JOIST_SDK_GRAPH_PICTURE_LAYERED_LAYOUT_H_

#include <vector>

namespace joist {

struct LayoutInput {
  struct Node {
    double width = 0;
    double height = 0;
    int group = 0;
  };
  /// The first one is the whole drawing; a group's parent comes before it.
  struct Group {
    int parent = -1;
    double least_width = 0;  ///< Of its title.
  };
  /// Between two nodes, with room for a label unless that is empty.
  struct Edge {
    int from = 0;
    int to = 0;
    double label_width = 0;
    double label_height = 0;
  };
  std::vector<Node> nodes;
  std::vector<Group> groups;
  std::vector<Edge> edges;
};

struct LayoutPoint {
  double x = 0;
  double y = 0;
};

struct LayoutRect {
  double x = 0;  ///< Left.
  double y = 0;  ///< Top.
  double width = 0;
  double height = 0;
};

struct Layout {
  double width = 0;
  double height = 0;
  std::vector<LayoutRect> nodes;
  std::vector<LayoutRect> groups;
  /// By edge, from its beginning to its end; empty for one from a node to itself.
  std::vector<std::vector<LayoutPoint>> routes;
  std::vector<LayoutRect> labels;  ///< By edge.
};

/// What lies above the content of a group: the room for its title.
inline constexpr double kGroupTitle = 24;

Layout LayOut(const LayoutInput& input);

}  // namespace joist

#endif  // JOIST_SDK_GRAPH_PICTURE_LAYERED_LAYOUT_H_
