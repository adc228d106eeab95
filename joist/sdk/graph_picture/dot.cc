// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// A pipeline in Graphviz's language (https://graphviz.org/doc/info/lang.html).

#include <string>
#include <string_view>
#include <vector>

#include "joist/sdk/graph_picture/graph_picture.h"
#include "joist/sdk/graph_picture/picture_text.h"

namespace joist {
namespace {

using picture_text::Clipped;

constexpr size_t kMostLabel = 60;
constexpr int kPastels = 9;  // Of the scheme pastel19.

/// The lines as one quoted string.
std::string QuotedLines(const std::vector<std::string>& lines) {
  std::string quoted = "\"";
  for (const std::string& line : lines) {
    if (quoted.size() > 1) quoted += "\\n";
    for (const char c : line) {
      if (c == '"' || c == '\\') quoted += '\\';
      quoted += c;
    }
  }
  return quoted + '"';
}

class DotDrawing {
 public:
  explicit DotDrawing(const GraphPicture& picture) : picture_(picture) {}

  std::string Draw() {
    out_ =
        "digraph pipeline {\n"
        "  label=" +
        QuotedLines({Clipped(picture_.title, kMostLabel)}) +
        " labelloc=t\n"
        "  node [shape=box style=\"rounded,filled\" colorscheme=pastel19 fillcolor=white"
        " fontname=\"sans-serif\" fontsize=11]\n"
        "  edge [fontname=\"sans-serif\" fontsize=9]\n"
        "  graph [fontname=\"sans-serif\" fontsize=11 style=rounded color=gray]\n";
    DrawComposite(0, "  ");
    for (const GraphPicture::Edge& edge : picture_.edges) {
      out_ += "  n" + std::to_string(edge.from) + " -> n" + std::to_string(edge.to) +
              " [label=" + QuotedLines({edge.side ? "side input" : Clipped(edge.type, kMostLabel)}) +
              (edge.side ? " style=dashed]\n" : "]\n");
    }
    return out_ + "}\n";
  }

 private:
  void DrawComposite(int composite, const std::string& indent) {
    for (int s = 0; s < static_cast<int>(picture_.steps.size()); ++s) {
      if (picture_.steps[s].composite == composite) DrawStep(picture_.steps[s], s, indent);
    }
    for (int c = composite + 1; c < static_cast<int>(picture_.composites.size()); ++c) {
      const GraphPicture::Composite& inner = picture_.composites[c];
      if (inner.parent != composite) continue;
      out_ += indent + "subgraph cluster_" + std::to_string(c) + " {\n" + indent +
              "  label=" + QuotedLines({Clipped(inner.name, kMostLabel)}) +
              " tooltip=" + QuotedLines(Lines(inner.full_name, inner.display_data)) + "\n";
      DrawComposite(c, indent + "  ");
      out_ += indent + "}\n";
    }
  }

  void DrawStep(const GraphPicture::Step& step, int index, const std::string& indent) {
    out_ += indent + "n" + std::to_string(index) + " [label=" +
            QuotedLines({Clipped(step.name, kMostLabel),
                    Clipped(picture_text::KindAndFunction(step), kMostLabel)});
    std::vector<std::string> tooltip = Lines(step.full_name, step.display_data);
    if (step.stage >= 0) {
      tooltip.push_back("stage " + std::to_string(step.stage + 1));
      out_ += " fillcolor=" + std::to_string(step.stage % kPastels + 1);
    }
    out_ += " tooltip=" + QuotedLines(tooltip) + (step.gathers ? " peripheries=2]\n" : "]\n");
  }

  static std::vector<std::string> Lines(const std::string& name,
                                        const std::vector<DisplayItem>& items) {
    std::vector<std::string> lines = {Clipped(name, 4 * kMostLabel)};
    for (const DisplayItem& item : items) {
      lines.push_back(Clipped(picture_text::Described(item), 4 * kMostLabel));
    }
    return lines;
  }

  const GraphPicture& picture_;
  std::string out_;
};

}  // namespace

std::string DrawDot(const GraphPicture& picture) { return DotDrawing(picture).Draw(); }

}  // namespace joist
