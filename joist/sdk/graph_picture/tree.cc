// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// A pipeline as a tree: composites hold their steps, which stand in the order of building.

#include <string>
#include <string_view>
#include <vector>

#include "joist/sdk/graph_picture/graph_picture.h"
#include "joist/sdk/graph_picture/picture_text.h"

namespace joist {
namespace {

using picture_text::Clipped;

constexpr size_t kNameWidth = 80;
constexpr size_t kTypeWidth = 80;
constexpr size_t kValueWidth = 120;

class TreeDrawing {
 public:
  explicit TreeDrawing(const GraphPicture& picture) : picture_(picture) {
    children_.resize(picture.composites.size());
    inputs_.resize(picture.steps.size());
    for (size_t e = 0; e < picture.edges.size(); ++e) {
      inputs_[picture.edges[e].to].push_back(&picture.edges[e]);
    }
    // A composite stands where its first step was built.
    std::vector<bool> placed(picture.composites.size());
    for (int s = 0; s < static_cast<int>(picture.steps.size()); ++s) {
      Child child{s, -1};
      for (int c = picture.steps[s].composite; c >= 0; c = picture.composites[c].parent) {
        children_[c].push_back(child);
        if (placed[c]) break;
        placed[c] = true;
        child = {-1, c};
      }
    }
  }

  std::string Draw() {
    out_ = Clipped(picture_.title, kNameWidth) + ": " +
           picture_text::Counted(picture_.steps.size(), "step");
    if (picture_.stages > 0) {
      out_ += " in " + picture_text::Counted(static_cast<size_t>(picture_.stages), "stage");
    }
    out_ += '\n';
    for (const DisplayItem& option : picture_.options) {
      out_ += "│  --" + Clipped(option.key + "=" + option.value, kValueWidth) + '\n';
    }
    DrawChildren(0, "");
    return std::move(out_);
  }

 private:
  struct Child {  // One of the two.
    int step;
    int composite;
  };

  void DrawChildren(int composite, const std::string& indent) {
    const std::vector<Child>& children = children_[composite];
    for (size_t i = 0; i < children.size(); ++i) {
      const bool last = i + 1 == children.size();
      const std::string below = indent + (last ? "   " : "│  ");
      out_ += indent + (last ? "└─ " : "├─ ");
      if (children[i].step >= 0) {
        DrawStep(picture_.steps[children[i].step], children[i].step, below);
      } else {
        const GraphPicture::Composite& inner = picture_.composites[children[i].composite];
        out_ += Clipped(inner.name, kNameWidth) + '\n';
        DrawItems(inner.display_data, below + "│  ");
        DrawChildren(children[i].composite, below);
      }
    }
  }

  void DrawStep(const GraphPicture::Step& step, int index, const std::string& below) {
    out_ += Clipped(step.name, kNameWidth);
    const std::string kind = picture_text::KindAndFunction(step);
    if (kind != step.name) out_ += "  (" + Clipped(kind, kTypeWidth) + ")";
    const auto name_inputs = [&](bool side, std::string_view arrow) {
      std::string_view separator = arrow;
      for (const GraphPicture::Edge* edge : inputs_[index]) {
        if (edge->side != side) continue;
        out_ += separator;
        out_ += NameSeenFrom(step, picture_.steps[edge->from]);
        separator = ", ";
      }
    };
    name_inputs(false, "  ← ");
    name_inputs(true, "  side ← ");
    for (size_t i = 0; i < step.types.size(); ++i) {
      out_ += (i == 0 ? "  → " : ", ") + Clipped(step.types[i], kTypeWidth);
    }
    if (step.stage >= 0) out_ += "  [" + std::to_string(step.stage + 1) + "]";
    out_ += '\n';
    DrawItems(step.display_data, below + "   ");
  }

  void DrawItems(const std::vector<DisplayItem>& items, const std::string& indent) {
    for (const DisplayItem& item : items) {
      out_ += indent + Clipped(picture_text::Described(item), kValueWidth) + '\n';
    }
  }

  /// The full name without the composites that hold both.
  static std::string NameSeenFrom(const GraphPicture::Step& step, const GraphPicture::Step& other) {
    size_t common = 0;
    for (size_t i = 0; i < std::min(step.full_name.size(), other.full_name.size()); ++i) {
      if (step.full_name[i] != other.full_name[i]) break;
      if (step.full_name[i] == '/') common = i + 1;
    }
    return Clipped(other.full_name.substr(common), kNameWidth);
  }

  const GraphPicture& picture_;
  std::vector<std::vector<Child>> children_;
  std::vector<std::vector<const GraphPicture::Edge*>> inputs_;
  std::string out_;
};

}  // namespace

std::string DrawTree(const GraphPicture& picture) { return TreeDrawing(picture).Draw(); }

}  // namespace joist
