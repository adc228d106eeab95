// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// A pipeline as an SVG: layered_layout.h says what is where, this how it looks.

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "joist/sdk/graph_picture/graph_picture.h"
#include "joist/sdk/graph_picture/layered_layout.h"
#include "joist/sdk/graph_picture/picture_text.h"

namespace joist {
namespace {

using picture_text::Clipped;
using picture_text::ForXml;

constexpr size_t kMostText = 44;
constexpr int kColours = 8;
constexpr double kHeader = 58;  // Title and legend.
constexpr double kLineHeight = 15;
constexpr double kLegendWidth = 78;
// Bounds of the widths of a character at the sizes below, in fonts that are called sans-serif.
constexpr double kNameCharacter = 7.6;
constexpr double kSmallCharacter = 6.4;

/// Light and dark by the reader's settings; the hue of a stage is the same in both. No variables:
/// not everything that draws SVG knows them.
constexpr std::string_view kStyle = R"(
text { font-family: system-ui, sans-serif; font-size: 11px; fill: #1f2328; }
.title { font-size: 16px; font-weight: 600; }
.name { font-size: 13px; font-weight: 600; text-anchor: middle; }
.soft { fill: #59636e; }
.middle { text-anchor: middle; }
.page { fill: #ffffff; }
.composite { fill: #f6f8fa; fill-opacity: 0.75; stroke: #d1d9e0; }
.step { fill: #ffffff; stroke: #8c959f; }
.gathers { stroke-width: 3; }
.edge { fill: none; stroke: #8c959f; stroke-width: 1.2; }
.side { stroke-dasharray: 4 3; }
.head { fill: #8c959f; }
.label { fill: #ffffff; fill-opacity: 0.85; }
)";
constexpr std::string_view kDarkStyle = R"(
text { fill: #f0f6fc; }
.soft { fill: #9198a1; }
.page { fill: #0d1117; }
.composite { fill: #1a212b; stroke: #3d444d; }
.step { fill: #262c36; stroke: #7d8590; }
.edge { stroke: #7d8590; }
.head { fill: #7d8590; }
.label { fill: #0d1117; }
)";

std::string Number(double value) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.1f", value);
  return text;
}

std::string Attributes(const LayoutRect& rect) {
  return "x=\"" + Number(rect.x) + "\" y=\"" + Number(rect.y + kHeader) + "\" width=\"" +
         Number(rect.width) + "\" height=\"" + Number(rect.height) + "\"";
}

std::string Text(std::string_view style, double x, double y, std::string_view text) {
  return "<text class=\"" + std::string(style) + "\" x=\"" + Number(x) + "\" y=\"" + Number(y) +
         "\">" + ForXml(text) + "</text>\n";
}

/// Straight where it is vertical, else a curve that begins and ends so.
std::string PathOf(const std::vector<LayoutPoint>& route) {
  std::string path;
  const auto at = [](const LayoutPoint& p) { return Number(p.x) + " " + Number(p.y + kHeader); };
  for (size_t i = 0; i < route.size(); ++i) {
    const LayoutPoint& p = route[i];
    if (i == 0) {
      path += "M" + at(p);
    } else if (std::abs(p.x - route[i - 1].x) < 0.05) {
      path += "L" + at(p);
    } else {
      const double middle = (p.y + route[i - 1].y) / 2;
      path += "C" + at({route[i - 1].x, middle}) + " " + at({p.x, middle}) + " " + at(p);
    }
  }
  return path;
}

std::string StageClass(int stage) {
  return stage < 0 ? "" : " s" + std::to_string(stage % kColours);
}

class SvgDrawing {
 public:
  explicit SvgDrawing(const GraphPicture& picture) : picture_(picture) {}

  std::string Draw() {
    const Layout layout = LayOut(Input());
    const int shown = std::min(picture_.stages, kMostInLegend);
    const double width = std::max({layout.width, 28 + kLegendWidth * shown,
                                   28 + 10.0 * static_cast<double>(picture_text::Width(Title()))});
    const double height = layout.height + kHeader;
    out_ = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 " + Number(width) + " " +
           Number(height) + "\" width=\"" + Number(width) + "\" height=\"" + Number(height) +
           "\" role=\"img\">\n<title>" + ForXml(Title()) + "</title>\n<style>" + Styles() +
           "</style>\n" +
           "<defs><marker id=\"head\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"7\""
           " markerHeight=\"7\" orient=\"auto\"><path class=\"head\" d=\"M0 0L8 4L0 8z\"/>"
           "</marker></defs>\n" +
           "<rect class=\"page\" width=\"100%\" height=\"100%\"/>\n" +
           Text("title", 14, 26, Title());
    DrawLegend(shown);
    for (size_t c = 1; c < picture_.composites.size(); ++c) {
      DrawComposite(picture_.composites[c], layout.groups[c]);
    }
    for (size_t e = 0; e < picture_.edges.size(); ++e) {
      DrawEdge(picture_.edges[e], layout.routes[e], layout.labels[e]);
    }
    for (size_t s = 0; s < picture_.steps.size(); ++s) {
      DrawStep(picture_.steps[s], layout.nodes[s]);
    }
    return out_ + "</svg>\n";
  }

 private:
  static constexpr int kMostInLegend = 12;

  std::string Title() const {
    std::string title = Clipped(picture_.title, kMostText) + ": " +
                        picture_text::Counted(picture_.steps.size(), "step");
    if (picture_.stages > 0) {
      title += " in " + picture_text::Counted(static_cast<size_t>(picture_.stages), "stage");
    }
    return title;
  }

  static std::string NameOf(const GraphPicture::Step& step) {
    return Clipped(step.name, kMostText);
  }
  static std::string SmallOf(const GraphPicture::Step& step) {
    const std::string text = picture_text::KindAndFunction(step);
    return text == step.name ? "" : Clipped(text, kMostText);
  }
  static std::string LabelOf(const GraphPicture::Edge& edge) {
    return edge.side ? "side input" : Clipped(edge.type, kMostText);
  }
  static std::string TitleOf(const GraphPicture::Composite& composite) {
    if (composite.display_data.empty()) return Clipped(composite.name, kMostText);
    return Clipped(composite.name + " · " + picture_text::Described(composite.display_data[0]),
                   2 * kMostText);
  }
  static std::vector<std::string> NotesOf(const GraphPicture::Step& step) {
    std::vector<std::string> notes;
    for (const DisplayItem& item : step.display_data) {
      if (notes.size() == 4) break;  // The tooltip has them all.
      notes.push_back(Clipped(picture_text::Described(item), kMostText));
    }
    return notes;
  }

  LayoutInput Input() const {
    LayoutInput input;
    for (const GraphPicture::Composite& composite : picture_.composites) {
      const double title =
          kSmallCharacter *
          static_cast<double>(picture_text::Width(Clipped(composite.name, kMostText)));
      input.groups.push_back({composite.parent, composite.parent < 0 ? 0 : title + 24});
    }
    for (const GraphPicture::Step& step : picture_.steps) {
      double width = kNameCharacter * static_cast<double>(picture_text::Width(NameOf(step)));
      const auto widen = [&](const std::string& text) {
        width = std::max(width, kSmallCharacter * static_cast<double>(picture_text::Width(text)));
      };
      widen(SmallOf(step));
      const std::vector<std::string> notes = NotesOf(step);
      for (const std::string& note : notes) widen(note);
      const double lines = (SmallOf(step).empty() ? 0 : 1) + static_cast<double>(notes.size());
      input.nodes.push_back({std::max(width + 24, 64.0), 30 + kLineHeight * lines, step.composite});
    }
    for (const GraphPicture::Edge& edge : picture_.edges) {
      input.edges.push_back(
          {edge.from, edge.to,
           kSmallCharacter * static_cast<double>(picture_text::Width(LabelOf(edge))) + 8,
           kLineHeight});
    }
    return input;
  }

  std::string Styles() const {
    const auto stages = [&](std::string_view fill) {
      std::string styles;
      for (int c = 0; c < std::min(kColours, picture_.stages); ++c) {
        const std::string hue = std::to_string((210 + 137 * c) % 360);
        styles += ".s" + std::to_string(c) + " { fill: hsl(" + hue + ", " + std::string(fill) +
                  "); stroke: hsl(" + hue + ", 45%, 50%); }\n";
      }
      return styles;
    };
    return std::string(kStyle) + stages("70%, 92%") + "@media (prefers-color-scheme: dark) {" +
           std::string(kDarkStyle) + stages("40%, 20%") + "}\n";
  }

  void DrawLegend(int shown) {
    for (int stage = 0; stage < shown; ++stage) {
      const double x = 14 + kLegendWidth * stage;
      out_ += "<rect class=\"legend" + StageClass(stage) + "\" x=\"" + Number(x) +
              "\" y=\"38\" width=\"12\" height=\"12\" rx=\"3\"/>\n" +
              Text("soft", x + 17, 48, "stage " + std::to_string(stage + 1));
    }
  }

  static std::string Tooltip(const std::string& name, const std::vector<DisplayItem>& items,
                             const std::string& more) {
    std::string tooltip = Clipped(name, 400) + more;
    for (const DisplayItem& item : items) {
      tooltip += "\n" + Clipped(picture_text::Described(item), 400);
    }
    return "<title>" + ForXml(tooltip) + "</title>";
  }

  void DrawComposite(const GraphPicture::Composite& composite, const LayoutRect& rect) {
    out_ += "<rect class=\"composite\" " + Attributes(rect) + " rx=\"8\">" +
            Tooltip(composite.full_name, composite.display_data, "") + "</rect>\n" +
            Text("soft", rect.x + 10, rect.y + kHeader + 16, TitleOf(composite));
  }

  void DrawEdge(const GraphPicture::Edge& edge, const std::vector<LayoutPoint>& route,
                const LayoutRect& label) {
    if (route.empty()) return;
    out_ += "<path class=\"edge" + std::string(edge.side ? " side" : "") +
            "\" marker-end=\"url(#head)\" d=\"" + PathOf(route) + "\"/>\n" +
            "<rect class=\"label\" " + Attributes(label) + " rx=\"4\"/>\n" +
            Text("soft middle", label.x + label.width / 2, label.y + kHeader + 11, LabelOf(edge));
  }

  void DrawStep(const GraphPicture::Step& step, const LayoutRect& rect) {
    const double middle = rect.x + rect.width / 2;
    double y = rect.y + kHeader + 19;
    std::string more = "\n" + Clipped(picture_text::KindAndFunction(step), 400);
    if (!step.where.empty()) more += "\n" + Clipped(step.where, 100);
    if (step.stage >= 0) more += "\nstage " + std::to_string(step.stage + 1);
    out_ += "<rect class=\"step" + StageClass(step.stage) + (step.gathers ? " gathers" : "") +
            "\" " + Attributes(rect) + " rx=\"6\">" +
            Tooltip(step.full_name, step.display_data, more) + "</rect>\n" +
            Text("name", middle, y, NameOf(step));
    if (const std::string small = SmallOf(step); !small.empty()) {
      out_ += Text("soft middle", middle, y += kLineHeight, small);
    }
    for (const std::string& note : NotesOf(step)) {
      out_ += Text("soft middle", middle, y += kLineHeight, note);
    }
  }

  const GraphPicture& picture_;
  std::string out_;
};

}  // namespace

std::string DrawSvg(const GraphPicture& picture) { return SvgDrawing(picture).Draw(); }

}  // namespace joist
