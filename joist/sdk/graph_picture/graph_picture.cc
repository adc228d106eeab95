// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/sdk/graph_picture/graph_picture.h"

#include <cxxabi.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <map>
#include <memory>
#include <utility>

#include "joist/model/type_name.h"

namespace joist {
namespace {

std::string Demangled(std::string_view key) {
  int status = 0;
  const std::unique_ptr<char, void (*)(void*)> text(
      abi::__cxa_demangle(std::string(key).c_str(), nullptr, nullptr, &status), std::free);
  return status == 0 ? text.get() : std::string();
}

/// The arguments of `A<B, C<D>, E>`: B, C<D>, E.
std::vector<std::string_view> TemplateArguments(std::string_view type) {
  std::vector<std::string_view> arguments;
  const size_t open = type.find('<');
  if (open == type.npos) return arguments;
  int depth = 0;
  size_t start = open + 1;
  for (size_t i = open; i < type.size(); ++i) {
    const char c = type[i];
    if (c == '<' || c == '(' || c == '{' || c == '[') {
      ++depth;
    } else if (c == '>' || c == ')' || c == '}' || c == ']') {
      --depth;
    }
    const bool ends = depth == 0 && c == '>';
    if (ends || (depth == 1 && c == ',')) {
      std::string_view argument = type.substr(start, i - start);
      while (argument.starts_with(' ')) argument.remove_prefix(1);
      while (argument.ends_with(' ')) argument.remove_suffix(1);
      arguments.push_back(argument);
      start = i + 1;
    }
    if (ends) break;
  }
  return arguments;
}

/// A type without what is no user's business: text::text_internal::SplitWords.
std::string WithoutInternals(std::string name) {
  constexpr std::string_view kInternal = "_internal::";
  for (size_t at = name.find(kInternal); at != name.npos; at = name.find(kInternal)) {
    size_t start = at;
    while (start > 0 && (std::isalnum(static_cast<unsigned char>(name[start - 1])) != 0 ||
                         name[start - 1] == '_')) {
      --start;
    }
    name.erase(start, at + kInternal.size() - start);
  }
  return name;
}

/// The name of a function's type, as a person would say it; `where` may be empty.
std::string FunctionName(std::string_view type, const std::string& where) {
  if (type.find("{lambda(") != type.npos) return where.empty() ? "lambda" : "lambda at " + where;
  std::string name = "[T = " + std::string(type) + "]";
  constexpr std::string_view kStrings[][2] = {
      {"basic_string<char, std::char_traits<char>, std::allocator<char> >", "string"},
      {"basic_string_view<char, std::char_traits<char> >", "string_view"},
  };
  for (const auto& [from, to] : kStrings) {
    for (size_t at = name.find(from); at != name.npos; at = name.find(from)) {
      name.replace(at, from.size(), to);
    }
  }
  for (size_t at = name.find(" >"); at != name.npos; at = name.find(" >")) name.erase(at, 1);
  return WithoutInternals(ReadableTypeName(name));
}

/// Steps are templates over the user's types: joist::ParDoStep<Function, …>.
void NameKind(const Node& node, GraphPicture::Step* step) {
  step->kind = StepKindName(node.kind);
  if (node.payload == nullptr) return;
  const std::string type = Demangled(node.payload->type_key());
  std::string_view name = std::string_view(type).substr(0, type.find('<'));
  name.remove_prefix(name.rfind(':') + 1);
  if (!name.ends_with("Step") || name.size() == 4) return;
  name.remove_suffix(4);
  step->kind = name == "Source" ? "Read" : name;
  const std::vector<std::string_view> arguments = TemplateArguments(type);
  const size_t function = name == "Combine" ? 2 : 0;
  if ((name == "ParDo" || name == "Source" || name == "Combine") && arguments.size() > function) {
    step->function = FunctionName(arguments[function], step->where);
  }
}

}  // namespace

GraphPicture MakeGraphPicture(const Graph& graph, const std::vector<int>& stages,
                              std::string_view title, std::vector<DisplayItem> options) {
  GraphPicture picture;
  picture.title = title.empty() ? "pipeline" : title;
  picture.options = std::move(options);
  picture.composites.emplace_back();
  picture.composites[0].name = picture.title;

  const auto said_by = [&](std::string_view name) {
    const std::vector<DisplayItem>* items = graph.display_data(name);
    return items != nullptr ? *items : std::vector<DisplayItem>();
  };
  std::map<std::string, int, std::less<>> composites;
  for (const Node& node : graph.nodes()) {
    int parent = 0;
    for (size_t slash = node.name.find('/'); slash != node.name.npos;
         slash = node.name.find('/', slash + 1)) {
      const std::string path = node.name.substr(0, slash);
      const auto [found, is_new] =
          composites.try_emplace(path, static_cast<int>(picture.composites.size()));
      if (is_new) {
        const size_t before = path.rfind('/');
        picture.composites.push_back(
            {path.substr(before == path.npos ? 0 : before + 1), path, said_by(path), parent});
      }
      parent = found->second;
    }
  }
  for (size_t i = 0; i < graph.nodes().size(); ++i) {
    const Node& node = graph.nodes()[i];
    GraphPicture::Step& step = picture.steps.emplace_back();
    step.full_name = node.name;
    const size_t slash = node.name.rfind('/');
    step.name = slash == node.name.npos ? node.name : node.name.substr(slash + 1);
    // A step may have the name of the composite whose other steps are below it.
    if (const auto same = composites.find(node.name); same != composites.end()) {
      step.composite = same->second;
    } else if (slash != node.name.npos) {
      step.composite = composites.at(node.name.substr(0, slash));
      step.display_data = said_by(node.name);
    } else {
      step.display_data = said_by(node.name);
    }
    if (node.where.line() > 0) step.where = DescribeLocation(node.where);
    step.gathers = node.kind == StepKind::kGroup || node.kind == StepKind::kView;
    NameKind(node, &step);
    for (int output : node.outputs) {
      step.types.push_back(WithoutInternals(graph.collections()[output].type->name()));
    }
    if (i < stages.size()) {
      step.stage = stages[i];
      picture.stages = std::max(picture.stages, step.stage + 1);
    }
    const auto add_edges = [&](const std::vector<int>& collections, bool side) {
      for (int c : collections) {
        const Collection& collection = graph.collections()[c];
        picture.edges.push_back({collection.producer, static_cast<int>(i),
                                 WithoutInternals(collection.type->name()), side});
      }
    };
    add_edges(node.inputs, false);
    add_edges(node.side_inputs, true);
  }
  return picture;
}

std::string DrawGraph(const GraphPicture& picture, GraphFormat format) {
  switch (format) {
    case GraphFormat::kTree: return DrawTree(picture);
    case GraphFormat::kSvg: return DrawSvg(picture);
    case GraphFormat::kDot: return DrawDot(picture);
  }
  return {};
}

}  // namespace joist
