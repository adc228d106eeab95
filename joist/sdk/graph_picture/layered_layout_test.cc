// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// What the head of layered_layout.h promises, on random graphs in random groups.

#include "joist/sdk/graph_picture/layered_layout.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace joist {
namespace {

constexpr double kExact = 1e-6;

bool Overlap(const LayoutRect& a, const LayoutRect& b) {
  return a.x + a.width > b.x + kExact && b.x + b.width > a.x + kExact &&
         a.y + a.height > b.y + kExact && b.y + b.height > a.y + kExact;
}

bool Within(const LayoutRect& inner, const LayoutRect& outer) {
  return inner.x >= outer.x - kExact && inner.y >= outer.y - kExact &&
         inner.x + inner.width <= outer.x + outer.width + kExact &&
         inner.y + inner.height <= outer.y + outer.height + kExact;
}

std::set<int> GroupsAround(const LayoutInput& input, int group) {
  std::set<int> groups;
  for (int g = group; g >= 0; g = input.groups[g].parent) groups.insert(g);
  return groups;
}

/// The box in which a curve with vertical ends stays between two points.
LayoutRect Between(const LayoutPoint& a, const LayoutPoint& b) {
  return {std::min(a.x, b.x), std::min(a.y, b.y), std::abs(a.x - b.x), std::abs(a.y - b.y)};
}

void CheckLayout(const LayoutInput& input, const Layout& layout) {
  ASSERT_EQ(layout.nodes.size(), input.nodes.size());
  ASSERT_EQ(layout.groups.size(), input.groups.size());
  ASSERT_EQ(layout.routes.size(), input.edges.size());
  const LayoutRect page{0, 0, layout.width, layout.height};
  std::vector<std::set<int>> around;
  for (size_t n = 0; n < input.nodes.size(); ++n) {
    EXPECT_EQ(layout.nodes[n].width, input.nodes[n].width);
    EXPECT_EQ(layout.nodes[n].height, input.nodes[n].height);
    EXPECT_TRUE(Within(layout.nodes[n], page));
    around.push_back(GroupsAround(input, input.nodes[n].group));
    for (int g : around[n]) EXPECT_TRUE(Within(layout.nodes[n], layout.groups[g]));
    for (size_t m = 0; m < n; ++m) {
      EXPECT_FALSE(Overlap(layout.nodes[n], layout.nodes[m])) << n << " and " << m;
    }
    for (int g = 0; g < static_cast<int>(input.groups.size()); ++g) {
      if (around[n].contains(g)) continue;
      EXPECT_FALSE(Overlap(layout.nodes[n], layout.groups[g])) << n << " and group " << g;
    }
  }
  for (int g = 1; g < static_cast<int>(input.groups.size()); ++g) {
    EXPECT_GE(layout.groups[g].width, input.groups[g].least_width);
    const std::set<int> outer = GroupsAround(input, g);
    for (int other = 1; other < g; ++other) {
      if (outer.contains(other)) {
        EXPECT_TRUE(Within(layout.groups[g], layout.groups[other]));
      } else {
        EXPECT_FALSE(Overlap(layout.groups[g], layout.groups[other])) << g << " and " << other;
      }
    }
  }
  for (size_t e = 0; e < input.edges.size(); ++e) {
    const LayoutInput::Edge& edge = input.edges[e];
    const std::vector<LayoutPoint>& route = layout.routes[e];
    if (edge.from == edge.to) {
      EXPECT_TRUE(route.empty());
      continue;
    }
    ASSERT_GE(route.size(), 2U);
    // It begins and ends on the borders of its nodes.
    const auto touches = [](const LayoutPoint& p, const LayoutRect& rect) {
      return p.x >= rect.x - kExact && p.x <= rect.x + rect.width + kExact &&
             (std::abs(p.y - rect.y) < kExact || std::abs(p.y - rect.y - rect.height) < kExact);
    };
    EXPECT_TRUE(touches(route.front(), layout.nodes[edge.from])) << "edge " << e;
    EXPECT_TRUE(touches(route.back(), layout.nodes[edge.to])) << "edge " << e;
    for (size_t i = 1; i < route.size(); ++i) {
      const LayoutRect part = Between(route[i - 1], route[i]);
      // A line has no area, so that Overlap asks for its inside.
      for (size_t n = 0; n < input.nodes.size(); ++n) {
        EXPECT_FALSE(Overlap(part, layout.nodes[n])) << "edge " << e << " and node " << n;
      }
      for (int g = 0; g < static_cast<int>(input.groups.size()); ++g) {
        if (around[edge.from].contains(g) || around[edge.to].contains(g)) continue;
        EXPECT_FALSE(Overlap(part, layout.groups[g])) << "edge " << e << " and group " << g;
      }
    }
    if (edge.label_width > 0) {
      EXPECT_TRUE(Within(layout.labels[e], page));
      for (size_t n = 0; n < input.nodes.size(); ++n) {
        EXPECT_FALSE(Overlap(layout.labels[e], layout.nodes[n])) << "label " << e;
      }
      for (size_t other = 0; other < e; ++other) {
        EXPECT_FALSE(Overlap(layout.labels[e], layout.labels[other])) << e << ", " << other;
      }
    }
  }
}

LayoutInput RandomGraph(std::mt19937* random, bool acyclic) {
  const auto below = [&](int n) {
    return static_cast<int>((*random)() % static_cast<unsigned>(n));
  };
  LayoutInput input;
  input.groups.emplace_back();
  for (int g = below(6); g > 0; --g) {
    input.groups.push_back({below(static_cast<int>(input.groups.size())), 10.0 * below(40)});
  }
  const int nodes = below(25);
  for (int n = 0; n < nodes; ++n) {
    input.nodes.push_back(
        {20.0 + below(200), 20.0 + below(60), below(static_cast<int>(input.groups.size()))});
  }
  for (int e = nodes == 0 ? 0 : below(2 * nodes); e > 0; --e) {
    int from = below(nodes);
    int to = below(nodes);
    if (acyclic && from > to) std::swap(from, to);
    const bool labelled = below(4) > 0;
    input.edges.push_back({from, to, labelled ? 10.0 + below(100) : 0, labelled ? 12.0 : 0});
  }
  return input;
}

TEST(LayeredLayout, OfNothing) {
  LayoutInput input;
  input.groups.emplace_back();
  CheckLayout(input, LayOut(input));
  input.nodes.push_back({30, 20, 0});
  CheckLayout(input, LayOut(input));
}

TEST(LayeredLayout, AChainIsAStraightLine) {
  LayoutInput input;
  input.groups.emplace_back();
  for (int n = 0; n < 4; ++n) {
    input.nodes.push_back({20.0 + 10 * n, 20, 0});
    if (n > 0) input.edges.push_back({n - 1, n, 30, 10});
  }
  const Layout layout = LayOut(input);
  CheckLayout(input, layout);
  for (const auto& route : layout.routes) {
    for (const LayoutPoint& point : route) EXPECT_NEAR(point.x, route[0].x, kExact);
  }
  for (int n = 1; n < 4; ++n) EXPECT_GT(layout.nodes[n].y, layout.nodes[n - 1].y + 20);
}

TEST(LayeredLayout, OrdersSoThatNothingCrosses) {
  // Two chains whose second halves were built in the other order.
  LayoutInput input;
  input.groups.emplace_back();
  for (int n = 0; n < 4; ++n) input.nodes.push_back({40, 20, 0});
  input.edges = {{0, 3, 0, 0}, {1, 2, 0, 0}};
  const Layout layout = LayOut(input);
  CheckLayout(input, layout);
  EXPECT_EQ(layout.nodes[0].x < layout.nodes[1].x, layout.nodes[3].x < layout.nodes[2].x);
}

TEST(LayeredLayout, GroupsThatFeedEachOther) {
  // 0 and 2 in a group, 1 outside between them: the graph has no cycle, the groups have one.
  LayoutInput input;
  input.groups = {{-1, 0}, {0, 50}};
  input.nodes = {{40, 20, 1}, {40, 20, 0}, {40, 20, 1}};
  input.edges = {{0, 1, 20, 10}, {1, 2, 20, 10}, {0, 2, 20, 10}};
  CheckLayout(input, LayOut(input));
}

TEST(LayeredLayout, RandomGraphs) {
  std::mt19937 random(7);
  for (int i = 0; i < 400 && !testing::Test::HasFailure(); ++i) {
    const LayoutInput input = RandomGraph(&random, i % 4 != 0);
    SCOPED_TRACE("graph " + std::to_string(i));
    const Layout layout = LayOut(input);
    CheckLayout(input, layout);
    const Layout again = LayOut(input);
    for (size_t n = 0; n < input.nodes.size(); ++n) {
      EXPECT_EQ(layout.nodes[n].x, again.nodes[n].x);
      EXPECT_EQ(layout.nodes[n].y, again.nodes[n].y);
    }
  }
}

}  // namespace
}  // namespace joist
