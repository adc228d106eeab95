// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/sdk/graph_picture/layered_layout.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <numeric>
#include <utility>

namespace joist {
namespace {

constexpr double kPadding = 14;   // Between a group's border and what is in it.
constexpr double kLayerGap = 22;  // Between layers.
constexpr double kBoxGap = 20;    // Between boxes of a layer.
constexpr double kLineGap = 12;   // Between a line and what is beside it.
constexpr int kOrderSweeps = 12;
constexpr int kPlaceSweeps = 8;

/// What has a place in a layer.
struct Vertex {
  enum class Kind : uint8_t { kItem, kInPort, kOutPort, kBend, kLabel };
  Kind kind = Kind::kItem;
  int of = 0;  // The item; of the others, the edge.
  double width = 0;
  double height = 0;
  int layer = 0;
  double order = 0;  // Place in the layer.
  double x = 0;      // Middle.
};

/// An edge within one group's drawing: between items, or an item and a port.
struct LocalEdge {
  int from = 0;  // Vertices.
  int to = 0;
  int edge = 0;
  int least_span = 1;
  double from_offset = 0;  // Where it begins and ends, from the middle of the vertex.
  double to_offset = 0;
  std::vector<int> chain;  // All vertices that it passes, from and to included.
};

/// One step of an edge, from a layer to the next.
struct Link {
  int from = 0;
  int to = 0;
  double from_offset = 0;
  double to_offset = 0;
};

/// Places x for which the sum of (x - wanted)^2 is least, while neighbours keep their distances:
/// x[i + 1] - x[i] >= distance[i].
std::vector<double> KeepDistances(std::vector<double> wanted, const std::vector<double>& distance) {
  struct Pool {
    double sum;
    size_t size;
    double mean() const { return sum / static_cast<double>(size); }
  };
  std::vector<Pool> pools;
  double shift = 0;
  for (size_t i = 0; i < wanted.size(); ++i) {
    if (i > 0) shift += distance[i - 1];
    pools.push_back({wanted[i] - shift, 1});
    while (pools.size() > 1 && pools[pools.size() - 2].mean() >= pools.back().mean()) {
      const Pool last = pools.back();
      pools.pop_back();
      pools.back() = {pools.back().sum + last.sum, pools.back().size + last.size};
    }
  }
  size_t i = 0;
  shift = 0;
  for (const Pool& pool : pools) {
    for (size_t n = 0; n < pool.size; ++n, ++i) {
      if (i > 0) shift += distance[i - 1];
      wanted[i] = pool.mean() + shift;
    }
  }
  return wanted;
}

/// Draws the content of one group, whose items have sizes.
class GroupDrawing {
 public:
  std::vector<Vertex> vertices;
  std::vector<LocalEdge> edges;

  double width = 0;
  double height = 0;

  void Draw(double title, double least_width) {
    AssignLayers();
    BreakLongEdges();
    OrderLayers();
    PlaceInLayers();
    PlaceLayers(title, least_width);
  }

  LayoutRect RectOf(const Vertex& v) const {
    return {v.x - v.width / 2, top_[v.layer] + (tall_[v.layer] - v.height) / 2, v.width, v.height};
  }

  std::vector<LayoutPoint> RouteOf(const LocalEdge& edge) const {
    std::vector<LayoutPoint> route;
    for (size_t i = 0; i < edge.chain.size(); ++i) {
      const Vertex& v = vertices[edge.chain[i]];
      const bool first = i == 0;
      const bool last = i + 1 == edge.chain.size();
      const double x = v.x + (first ? edge.from_offset : last ? edge.to_offset : 0);
      const LayoutRect rect = RectOf(v);
      // Vertical through its own layer, however high the boxes beside it are.
      route.push_back({x, first ? rect.y + rect.height : top_[v.layer]});
      route.push_back({x, last ? rect.y : top_[v.layer] + tall_[v.layer]});
    }
    return route;
  }

 private:
  using Kind = Vertex::Kind;

  void AssignLayers() {
    std::vector<int> waiting(vertices.size());
    std::vector<std::vector<const LocalEdge*>> out(vertices.size());
    bool has_in_ports = false;
    for (const Vertex& v : vertices) has_in_ports |= v.kind == Kind::kInPort;
    for (Vertex& v : vertices) v.layer = v.kind == Kind::kInPort || !has_in_ports ? 0 : 1;
    for (const LocalEdge& edge : edges) {
      ++waiting[edge.to];
      out[edge.from].push_back(&edge);
    }
    const std::vector<int> incoming = waiting;
    std::vector<int> ready;
    for (int v = 0; v < static_cast<int>(vertices.size()); ++v) {
      if (waiting[v] == 0) ready.push_back(v);
    }
    for (size_t i = 0; i < ready.size(); ++i) {
      for (const LocalEdge* edge : out[ready[i]]) {
        int& layer = vertices[edge->to].layer;
        layer = std::max(layer, vertices[ready[i]].layer + edge->least_span);
        if (--waiting[edge->to] == 0) ready.push_back(edge->to);
      }
    }
    int last = 0;
    for (const Vertex& v : vertices) {
      if (v.kind != Kind::kOutPort) last = std::max(last, v.layer);
    }
    for (Vertex& v : vertices) {
      if (v.kind == Kind::kOutPort) v.layer = last + 1;
    }
    // What nothing leads to stands right above what it leads to, not at the top.
    for (int v = 0; v < static_cast<int>(vertices.size()); ++v) {
      if (vertices[v].kind != Kind::kItem || incoming[v] > 0 || out[v].empty()) continue;
      int lowest = last + 1;
      for (const LocalEdge* edge : out[v]) {
        lowest = std::min(lowest, vertices[edge->to].layer - edge->least_span);
      }
      vertices[v].layer = std::max(vertices[v].layer, lowest);
    }
    layers_.resize(last + 2);
  }

  int AddVertex(Vertex v) {
    vertices.push_back(v);
    return static_cast<int>(vertices.size()) - 1;
  }

  void BreakLongEdges() {
    for (LocalEdge& edge : edges) {
      const int from = vertices[edge.from].layer;
      const int to = vertices[edge.to].layer;
      edge.chain = {edge.from};
      for (int layer = from + 1; layer < to; ++layer) {
        const bool labelled = edge.least_span > 1 && layer == from + 1;
        Vertex v;
        v.kind = labelled ? Kind::kLabel : Kind::kBend;
        v.of = edge.edge;
        v.layer = layer;
        if (labelled) {
          v.width = label_sizes[edge.edge].first;
          v.height = label_sizes[edge.edge].second;
        }
        edge.chain.push_back(AddVertex(v));
      }
      edge.chain.push_back(edge.to);
      for (size_t i = 1; i < edge.chain.size(); ++i) {
        links_.push_back({edge.chain[i - 1], edge.chain[i], i == 1 ? edge.from_offset : 0,
                          i + 1 == edge.chain.size() ? edge.to_offset : 0});
      }
    }
    above_.resize(vertices.size());
    below_.resize(vertices.size());
    for (int i = 0; i < static_cast<int>(links_.size()); ++i) {
      above_[links_[i].to].push_back(i);
      below_[links_[i].from].push_back(i);
    }
  }

  /// Where in the order of its layer a link begins or ends: within a wide box the place matters.
  double OrderAt(int vertex, double offset) const {
    const Vertex& v = vertices[vertex];
    return v.order + (v.width > 0 ? 0.9 * offset / v.width : 0);
  }

  int64_t Crossings() const {
    int64_t crossings = 0;
    std::vector<std::vector<std::pair<double, double>>> ends(layers_.size());
    for (const Link& link : links_) {
      ends[vertices[link.from].layer].push_back(
          {OrderAt(link.from, link.from_offset), OrderAt(link.to, link.to_offset)});
    }
    for (auto& layer : ends) {
      std::sort(layer.begin(), layer.end());
      // Inversions of the lower ends, counted while inserting them in order.
      std::vector<double> lower;
      for (const auto& [from, to] : layer) {
        const auto at = std::upper_bound(lower.begin(), lower.end(), to);
        crossings += lower.end() - at;
        lower.insert(at, to);
      }
    }
    return crossings;
  }

  void Number(const std::vector<int>& layer) {
    for (size_t i = 0; i < layer.size(); ++i) vertices[layer[i]].order = static_cast<double>(i);
  }

  void SortByBarycentre(std::vector<int>* layer, bool from_above) {
    std::vector<std::pair<double, int>> keyed;
    for (int v : *layer) {
      const std::vector<int>& links = from_above ? above_[v] : below_[v];
      double sum = 0;
      for (int i : links) {
        sum += from_above ? OrderAt(links_[i].from, links_[i].from_offset)
                          : OrderAt(links_[i].to, links_[i].to_offset);
      }
      keyed.emplace_back(
          links.empty() ? vertices[v].order : sum / static_cast<double>(links.size()), v);
    }
    std::stable_sort(keyed.begin(), keyed.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    for (size_t i = 0; i < keyed.size(); ++i) (*layer)[i] = keyed[i].second;
    Number(*layer);
  }

  void OrderLayers() {
    // The first order: depth first, so that chains begin side by side.
    std::vector<bool> seen(vertices.size());
    std::vector<int> open;
    for (int start = 0; start < static_cast<int>(vertices.size()); ++start) {
      open.push_back(start);
      while (!open.empty()) {
        const int v = open.back();
        open.pop_back();
        if (seen[v]) continue;
        seen[v] = true;
        layers_[vertices[v].layer].push_back(v);
        for (auto i = below_[v].rbegin(); i != below_[v].rend(); ++i) open.push_back(links_[*i].to);
      }
    }
    for (const auto& layer : layers_) Number(layer);
    std::vector<std::vector<int>> best = layers_;
    int64_t least = Crossings();
    for (int sweep = 0; sweep < kOrderSweeps && least > 0; ++sweep) {
      for (size_t i = 1; i < layers_.size(); ++i) SortByBarycentre(&layers_[i], true);
      for (size_t i = layers_.size() - 1; i-- > 0;) SortByBarycentre(&layers_[i], false);
      if (const int64_t crossings = Crossings(); crossings < least) {
        least = crossings;
        best = layers_;
      }
    }
    layers_ = std::move(best);
    for (const auto& layer : layers_) Number(layer);
  }

  double Distance(const Vertex& a, const Vertex& b) const {
    const bool boxes = a.kind == Kind::kItem && b.kind == Kind::kItem;
    return (a.width + b.width) / 2 + (boxes ? kBoxGap : kLineGap);
  }

  void PlaceInLayers() {
    std::vector<std::vector<double>> distances(layers_.size());
    for (size_t l = 0; l < layers_.size(); ++l) {
      double x = 0;
      for (size_t i = 0; i < layers_[l].size(); ++i) {
        if (i > 0) {
          distances[l].push_back(Distance(vertices[layers_[l][i - 1]], vertices[layers_[l][i]]));
          x += distances[l].back();
        }
        vertices[layers_[l][i]].x = x;
      }
    }
    const auto place = [&](size_t l, bool up, bool down) {
      std::vector<double> wanted;
      for (int v : layers_[l]) {
        double sum = 0;
        size_t count = 0;
        if (up) {
          for (int i : above_[v]) {
            sum += vertices[links_[i].from].x + links_[i].from_offset - links_[i].to_offset;
          }
          count += above_[v].size();
        }
        if (down) {
          for (int i : below_[v]) {
            sum += vertices[links_[i].to].x + links_[i].to_offset - links_[i].from_offset;
          }
          count += below_[v].size();
        }
        wanted.push_back(count == 0 ? vertices[v].x : sum / static_cast<double>(count));
      }
      wanted = KeepDistances(std::move(wanted), distances[l]);
      for (size_t i = 0; i < wanted.size(); ++i) vertices[layers_[l][i]].x = wanted[i];
    };
    for (int sweep = 0; sweep < kPlaceSweeps; ++sweep) {
      for (size_t l = 1; l < layers_.size(); ++l) place(l, true, false);
      for (size_t l = layers_.size() - 1; l-- > 0;) place(l, false, true);
    }
    for (size_t l = 0; l < layers_.size(); ++l) place(l, true, true);
  }

  void PlaceLayers(double title, double least_width) {
    double left = 0;
    double right = 0;
    bool first = true;
    for (const Vertex& v : vertices) {
      left = first ? v.x - v.width / 2 : std::min(left, v.x - v.width / 2);
      right = first ? v.x + v.width / 2 : std::max(right, v.x + v.width / 2);
      first = false;
    }
    width = std::max(right - left + 2 * kPadding, least_width);
    const double shift = (width - (right - left)) / 2 - left;
    for (Vertex& v : vertices) v.x += shift;

    tall_.assign(layers_.size(), 0);
    top_.assign(layers_.size(), 0);
    for (const Vertex& v : vertices) tall_[v.layer] = std::max(tall_[v.layer], v.height);
    double y = title + kPadding;
    const auto is_ports = [&](size_t l, Kind kind) {
      return !layers_[l].empty() && vertices[layers_[l][0]].kind == kind;
    };
    for (size_t l = 0; l < layers_.size(); ++l) {
      if (is_ports(l, Kind::kInPort)) continue;  // On the upper border.
      if (layers_[l].empty()) continue;
      if (is_ports(l, Kind::kOutPort)) {  // On the lower one.
        y += kPadding - kLayerGap;
        top_[l] = y;
        height = y;
        return;
      }
      top_[l] = y;
      y += tall_[l] + kLayerGap;
    }
    height = std::max(y - kLayerGap, title + kPadding) + kPadding;
  }

 public:
  /// By edge, of all edges of the graph.
  std::vector<std::pair<double, double>> label_sizes;

 private:
  std::vector<Link> links_;
  std::vector<std::vector<int>> above_, below_;  // Links, by vertex.
  std::vector<std::vector<int>> layers_;
  std::vector<double> top_, tall_;
};

class Layouter {
 public:
  explicit Layouter(const LayoutInput& input)
      : input_(input),
        nodes_(static_cast<int>(input.nodes.size())),
        groups_(static_cast<int>(input.groups.size())) {}

  Layout Run() {
    FindPaths();
    TurnEdgesAround();
    drawings_.resize(groups_);
    out_port_.resize(groups_);
    in_port_.resize(groups_);
    for (int g = groups_ - 1; g >= 0; --g) DrawGroup(g);
    return Assemble();
  }

 private:
  // An item is a node, or nodes_ + a group.
  int GroupOf(int item) const {
    return item < nodes_ ? input_.nodes[item].group : input_.groups[item - nodes_].parent;
  }
  /// The items from `node` out to the whole drawing, which is left out.
  std::vector<int> Around(int node) const {
    std::vector<int> path = {node};
    for (int g = GroupOf(node); g > 0; g = input_.groups[g].parent) path.push_back(nodes_ + g);
    return path;
  }

  struct Path {
    std::vector<int> from;  // Items from the edge's beginning to the one in `meeting`.
    std::vector<int> to;    // The same of its end.
    int meeting = 0;        // The innermost group that holds both.
    bool turned = false;
  };

  void FindPaths() {
    for (const LayoutInput::Edge& edge : input_.edges) {
      Path path;
      path.from = Around(edge.from);
      path.to = Around(edge.to);
      while (path.from.size() > 1 && path.to.size() > 1 && path.from.back() == path.to.back()) {
        path.meeting = path.from.back() - nodes_;
        path.from.pop_back();
        path.to.pop_back();
      }
      paths_.push_back(std::move(path));
    }
  }

  bool IsLoop(int edge) const { return input_.edges[edge].from == input_.edges[edge].to; }

  /// Groups make cycles of what has none: an edge that closes one, in a search depth first from the
  /// items in their order, is drawn the other way.
  void TurnEdgesAround() {
    std::vector<std::vector<int>> out(nodes_ + groups_);
    for (int e = 0; e < static_cast<int>(paths_.size()); ++e) {
      if (!IsLoop(e)) out[paths_[e].from.back()].push_back(e);
    }
    enum class State : uint8_t { kNew, kOpen, kDone };
    std::vector<State> state(nodes_ + groups_, State::kNew);
    std::vector<std::pair<int, size_t>> open;
    const auto search = [&](int start) {
      if (state[start] != State::kNew) return;
      open.emplace_back(start, 0);
      state[start] = State::kOpen;
      while (!open.empty()) {
        auto& [item, next] = open.back();
        if (next == out[item].size()) {
          state[item] = State::kDone;
          open.pop_back();
          continue;
        }
        const int e = out[item][next++];
        const int to = paths_[e].to.back();
        if (state[to] == State::kOpen) {
          paths_[e].turned = true;
          std::swap(paths_[e].from, paths_[e].to);
        } else if (state[to] == State::kNew) {
          state[to] = State::kOpen;
          open.emplace_back(to, 0);
        }
      }
    };
    for (int node = 0; node < nodes_; ++node) {
      const std::vector<int> around = Around(node);
      for (auto item = around.rbegin(); item != around.rend(); ++item) search(*item);
    }
  }

  void DrawGroup(int g) {
    GroupDrawing& drawing = drawings_[g];
    for (const LayoutInput::Edge& edge : input_.edges) {
      drawing.label_sizes.emplace_back(edge.label_width, edge.label_height);
    }
    std::map<int, int> vertex_of;  // Item to vertex.
    const auto add_item = [&](int item, double width, double height) {
      vertex_of[item] = static_cast<int>(drawing.vertices.size());
      Vertex v;
      v.of = item;
      v.width = width;
      v.height = height;
      drawing.vertices.push_back(v);
    };
    // In the order of their first nodes, which is that of building.
    std::vector<bool> added(nodes_ + groups_);
    for (int node = 0; node < nodes_; ++node) {
      for (int item : Around(node)) {
        if (GroupOf(item) != g || added[item]) continue;
        added[item] = true;
        if (item < nodes_) {
          add_item(item, input_.nodes[item].width, input_.nodes[item].height);
        } else {
          add_item(item, drawings_[item - nodes_].width, drawings_[item - nodes_].height);
        }
      }
    }
    for (int child = g + 1; child < groups_; ++child) {  // Those without nodes.
      if (input_.groups[child].parent == g && !added[nodes_ + child]) {
        add_item(nodes_ + child, drawings_[child].width, drawings_[child].height);
      }
    }
    const auto add_port = [&](Vertex::Kind kind, int edge) {
      Vertex v;
      v.kind = kind;
      v.of = edge;
      drawing.vertices.push_back(v);
      return static_cast<int>(drawing.vertices.size()) - 1;
    };
    const auto offset = [&](int item, const std::vector<std::map<int, double>>& ports, int edge) {
      if (item < nodes_) return 0.0;
      return ports[item - nodes_].at(edge) - drawings_[item - nodes_].width / 2;
    };
    for (int e = 0; e < static_cast<int>(paths_.size()); ++e) {
      if (IsLoop(e)) continue;
      const Path& path = paths_[e];
      LocalEdge local;
      local.edge = e;
      if (path.meeting == g) {
        local.from = vertex_of[path.from.back()];
        local.to = vertex_of[path.to.back()];
        local.from_offset = offset(path.from.back(), out_port_, e);
        local.to_offset = offset(path.to.back(), in_port_, e);
        local.least_span = input_.edges[e].label_width > 0 ? 2 : 1;
      } else if (const int inner = InnerItem(path.from, g); inner >= 0) {
        local.from = vertex_of[inner];
        local.from_offset = offset(inner, out_port_, e);
        local.to = add_port(Vertex::Kind::kOutPort, e);
      } else if (const int inner_to = InnerItem(path.to, g); inner_to >= 0) {
        local.from = add_port(Vertex::Kind::kInPort, e);
        local.to = vertex_of[inner_to];
        local.to_offset = offset(inner_to, in_port_, e);
      } else {
        continue;
      }
      drawing.edges.push_back(std::move(local));
    }
    drawing.Draw(g == 0 ? 0 : kGroupTitle, input_.groups[g].least_width);
    for (const Vertex& v : drawing.vertices) {
      if (v.kind == Vertex::Kind::kOutPort) out_port_[g][v.of] = v.x;
      if (v.kind == Vertex::Kind::kInPort) in_port_[g][v.of] = v.x;
    }
  }

  /// The item right inside of group `g` where `path` passes through its border, or -1.
  int InnerItem(const std::vector<int>& path, int g) const {
    for (size_t i = 1; i < path.size(); ++i) {
      if (path[i] == nodes_ + g) return path[i - 1];
    }
    return -1;
  }

  Layout Assemble() const {
    Layout layout;
    layout.width = drawings_[0].width;
    layout.height = drawings_[0].height;
    layout.nodes.resize(nodes_);
    layout.groups.resize(groups_);
    layout.labels.resize(paths_.size());
    layout.routes.resize(paths_.size());
    layout.groups[0] = {0, 0, layout.width, layout.height};
    std::vector<std::map<int, std::vector<LayoutPoint>>> pieces(groups_);  // By group and edge.
    for (int g = 0; g < groups_; ++g) {
      const GroupDrawing& drawing = drawings_[g];
      const LayoutRect& at = layout.groups[g];
      for (const Vertex& v : drawing.vertices) {
        LayoutRect rect = drawing.RectOf(v);
        rect.x += at.x;
        rect.y += at.y;
        if (v.kind == Vertex::Kind::kLabel) {
          layout.labels[v.of] = rect;
        } else if (v.kind == Vertex::Kind::kItem) {
          (v.of < nodes_ ? layout.nodes[v.of] : layout.groups[v.of - nodes_]) = rect;
        }
      }
      for (const LocalEdge& edge : drawing.edges) {
        std::vector<LayoutPoint> route = drawing.RouteOf(edge);
        for (LayoutPoint& point : route) {
          point.x += at.x;
          point.y += at.y;
        }
        pieces[g][edge.edge] = std::move(route);
      }
    }
    for (int e = 0; e < static_cast<int>(paths_.size()); ++e) {
      if (IsLoop(e)) continue;
      const Path& path = paths_[e];
      std::vector<int> through;  // Groups.
      for (size_t i = 1; i < path.from.size(); ++i) through.push_back(path.from[i] - nodes_);
      through.push_back(path.meeting);
      for (size_t i = path.to.size(); i-- > 1;) through.push_back(path.to[i] - nodes_);
      std::vector<LayoutPoint>& route = layout.routes[e];
      for (int g : through) {
        for (const LayoutPoint& point : pieces[g].at(e)) {
          if (route.empty() || route.back().x != point.x || route.back().y != point.y) {
            route.push_back(point);
          }
        }
      }
      if (path.turned) std::reverse(route.begin(), route.end());
    }
    return layout;
  }

  const LayoutInput& input_;
  const int nodes_;
  const int groups_;
  std::vector<Path> paths_;
  std::vector<GroupDrawing> drawings_;
  std::vector<std::map<int, double>> out_port_, in_port_;  // By group and edge: x in the group.
};

}  // namespace

Layout LayOut(const LayoutInput& input) { return Layouter(input).Run(); }

}  // namespace joist
