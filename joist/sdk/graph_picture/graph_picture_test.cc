// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Pictures of pipelines: what they say, and that they are well-formed whatever names people use.

#include "joist/sdk/graph_picture/graph_picture.h"

#include <gtest/gtest.h>

#include <cctype>
#include <cstring>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "joist/sdk/graph_picture/fused_stages.h"
#include "joist/sdk/graph_picture/picture_text.h"
#include "joist/sdk/testing/test_pipeline.h"

namespace joist {
namespace {

struct Shorten {
  std::string operator()(std::string_view word) const { return std::string(word.substr(0, 2)); }
};

struct CountShort : Transform {
  static constexpr std::string_view kKind = "CountShort";
  auto Expand(const PCollection<std::string>& words) const {
    return words | "Shorten" >> Map(Shorten()) | "Count" >> Count::PerElement();
  }
  void DisplayData(joist::DisplayData& data) const { data.Add("length", "Length", 2); }
};

/// A pipeline with composites, two stages, a side input and a Flatten.
void Build(const Pipeline& p) {
  auto a = p | "A" >> Create({"one", "two"});
  auto b = p | "B" >> Create({"three"});
  auto words = Flatten<std::string>("Both", {a, b});
  auto counts = words | "CountShort" >> CountShort();
  words | "Use" >> ParDo([](std::string_view, SideInput<IterableView<KV<std::string, int64_t>>>,
                            Emit<int64_t> emit) { emit(1); },
                         AsIterable(counts));
}

/// Checks that `xml` is one element with well-formed content (XML 1.0, of which it knows what
/// pictures need); returns how often each start tag with a class stands there.
class XmlReader {
 public:
  explicit XmlReader(std::string_view xml) : rest_(xml) {}

  std::multiset<std::string> Read() {
    std::vector<std::string> open;
    do {
      if (rest_.empty()) return Fault("ends within an element");
      if (!rest_.starts_with('<')) {
        if (!ReadText("<", false)) return {};
        continue;
      }
      rest_.remove_prefix(1);
      if (rest_.starts_with('/')) {
        rest_.remove_prefix(1);
        const std::string name = ReadName();
        if (open.empty() || open.back() != name) return Fault("</" + name + "> closes nothing");
        open.pop_back();
        if (!Skip(">")) return Fault("no > after </" + name);
        continue;
      }
      const std::string name = ReadName();
      if (name.empty()) return Fault("an element without a name");
      std::set<std::string> attributes;
      std::string style;
      while (SkipBlanks(), !rest_.starts_with('>') && !rest_.starts_with("/>")) {
        const std::string attribute = ReadName();
        if (attribute.empty() || !attributes.insert(attribute).second) {
          return Fault("attributes of <" + name);
        }
        if (!Skip("=\"")) return Fault("no value of " + attribute);
        const std::string_view before = rest_;
        if (!ReadText("\"", true)) return {};
        if (attribute == "class") style = before.substr(0, before.size() - rest_.size());
        rest_.remove_prefix(1);
      }
      found_.insert(name + "." + style.substr(0, style.find(' ')));
      if (Skip("/>")) continue;
      rest_.remove_prefix(1);
      open.push_back(name);
    } while (!open.empty());
    if (rest_ != "\n") return Fault("something behind the end");
    return found_;
  }

 private:
  std::multiset<std::string> Fault(const std::string& what) {
    ADD_FAILURE() << what << " before: " << rest_.substr(0, 80);
    return {};
  }
  bool Skip(std::string_view text) {
    if (!rest_.starts_with(text)) return false;
    rest_.remove_prefix(text.size());
    return true;
  }
  void SkipBlanks() {
    while (rest_.starts_with(' ') || rest_.starts_with('\n')) rest_.remove_prefix(1);
  }
  std::string ReadName() {
    size_t size = 0;
    while (size < rest_.size() && (std::isalnum(static_cast<unsigned char>(rest_[size])) != 0 ||
                                   std::strchr(":-_", rest_[size]) != nullptr)) {
      ++size;
    }
    std::string name(rest_.substr(0, size));
    rest_.remove_prefix(size);
    return name;
  }
  bool ReadText(std::string_view end, bool attribute) {
    while (!rest_.empty() && !rest_.starts_with(end)) {
      const char c = rest_[0];
      bool wrong = c == '<' || (static_cast<unsigned char>(c) < ' ' && c != '\n');
      if (c == '&') {
        wrong = true;
        for (std::string_view known : {"&amp;", "&lt;", "&gt;", "&quot;", "&apos;"}) {
          wrong = wrong && !rest_.starts_with(known);
        }
      }
      if (wrong || (attribute && c == '\n')) {
        Fault("a character that must be escaped");
        return false;
      }
      rest_.remove_prefix(1);
    }
    return true;
  }

  std::string_view rest_;
  std::multiset<std::string> found_;
};

/// The same for dot: brackets and quotes balance. Returns how often each statement begins so.
std::multiset<std::string> ReadDot(std::string_view dot) {
  std::multiset<std::string> found;
  std::string word;
  std::string brackets;
  for (size_t i = 0; i < dot.size(); ++i) {
    const char c = dot[i];
    if (c == '"') {
      for (++i; i < dot.size() && dot[i] != '"'; ++i) {
        EXPECT_NE(dot[i], '\n');
        if (dot[i] == '\\') ++i;
      }
      EXPECT_LT(i, dot.size()) << "a string without an end";
    } else if (c == '[' || c == '{') {
      if (c == '[' && !word.empty()) found.insert(word);
      brackets += c;
      word.clear();
    } else if (c == ']' || c == '}') {
      EXPECT_TRUE(!brackets.empty() && brackets.back() == (c == ']' ? '[' : '{'));
      if (!brackets.empty()) brackets.pop_back();
      word.clear();
    } else if (c == '\n') {
      word.clear();
    } else if (c != ' ') {
      word += c;
    }
  }
  EXPECT_EQ(brackets, "");
  return found;
}

void CheckPictures(const GraphPicture& picture) {
  const std::multiset<std::string> svg = XmlReader(DrawSvg(picture)).Read();
  EXPECT_EQ(svg.count("rect.step"), picture.steps.size());
  EXPECT_EQ(svg.count("text.name"), picture.steps.size());
  EXPECT_EQ(svg.count("rect.composite"), picture.composites.size() - 1);
  EXPECT_EQ(svg.count("path.edge"), picture.edges.size());
  const std::string dot_text = DrawDot(picture);
  const std::multiset<std::string> dot = ReadDot(dot_text);
  for (size_t s = 0; s < picture.steps.size(); ++s) {
    EXPECT_EQ(dot.count("n" + std::to_string(s)), 1U) << dot_text;
  }
  for (const GraphPicture::Edge& edge : picture.edges) {
    EXPECT_GE(dot.count("n" + std::to_string(edge.from) + "->n" + std::to_string(edge.to)), 1U);
  }
  const std::string tree = DrawTree(picture);
  size_t lines = 0;
  for (const char* branch : {"├─ ", "└─ "}) {
    for (size_t at = tree.find(branch); at != tree.npos; at = tree.find(branch, at + 1)) ++lines;
  }
  EXPECT_GE(lines, picture.steps.size() + picture.composites.size() - 1) << tree;
}

TEST(GraphPicture, TreeOfAPipeline) {
  TestPipeline p;
  Build(p);
  const GraphPicture picture =
      MakeGraphPicture(p.graph(), FusedStages(p.graph()), "program",
                       {{"input", "Files to read", "a.txt", DisplayItem::Type::kString}});
  EXPECT_EQ(DrawTree(picture), R"(program: 8 steps in 4 stages
│  --input=a.txt
├─ A  (Create)  → std::string  [1]
│     Elements: 2
├─ B  (Create)  → std::string  [2]
│     Elements: 1
├─ Both  (Flatten)  ← A, B  → std::string
├─ CountShort
│  │  Length: 2
│  ├─ Shorten  (ParDo Shorten)  ← Both  → std::string  [1]
│  └─ Count
│     ├─ WithVoidValue  (Relabel)  ← Shorten  → KV<std::string, Void>  [1]
│     └─ PerKey  (Combine CountFn)  ← WithVoidValue  → KV<std::string, int64_t>  [1]
└─ Use
   ├─ SideInput  (View)  ← CountShort/Count/PerKey  → KV<std::string, int64_t>  [3]
   └─ Use  (ParDo lambda)  ← Both  side ← Use/SideInput  → int64_t  [4]
)");
  CheckPictures(picture);
}

template <class T>
struct Kept {
  bool operator()(const T&) const { return true; }
};
namespace odd_internal {
struct Hidden {
  int value = 0;
};
JOIST_ROW(Hidden, value)
}  // namespace odd_internal

TEST(GraphPicture, NamesTypesAsPeopleDo) {
  TestPipeline p;
  p | Create({"a"}) | "Keep" >> Filter(Kept<std::string>()) |
      "Hide" >> Map([](std::string_view) { return odd_internal::Hidden(); });
  const std::string tree = p.Draw(GraphFormat::kTree).value();
  EXPECT_NE(tree.find("(ParDo Kept<std::string>)"), std::string::npos) << tree;
  EXPECT_NE(tree.find("(ParDo lambda at graph_picture_test.cc:"), std::string::npos) << tree;
  EXPECT_NE(tree.find("→ Hidden  [1]"), std::string::npos) << tree;
}

TEST(GraphPicture, OfNothing) {
  const Pipeline p;
  EXPECT_EQ(p.Draw(GraphFormat::kTree).value(), "pipeline: 0 steps\n");
  CheckPictures(MakeGraphPicture(p.graph(), {}, "", {}));
}

TEST(GraphPicture, OfAWrongPipelineIsItsFault) {
  const Pipeline p;
  auto a = p | "Same" >> Create({1});
  a | "Step" >> Map([](int n) { return n; });
  a | "Step" >> Map([](int n) { return n; });
  const Result<std::string> drawn = p.Draw(GraphFormat::kSvg);
  ASSERT_FALSE(drawn.ok());
  EXPECT_NE(drawn.status().message().find("\"Step\""), std::string::npos);
}

TEST(GraphPicture, WhateverTheNamesAre) {
  const ElementType type = {&typeid(int), [] { return std::string("Odd<\"&'\\\n\x80>"); },
                            [] { return CoderSpec(); }};
  const std::vector<std::string> words = {"a",  "b<c>", "\"",   "\\",     "'&",
                                          "\n", "\x01", "\xFF", "größer", std::string(300, 'x')};
  std::mt19937 random(11);
  const auto below = [&](size_t n) { return random() % n; };
  for (int i = 0; i < 100; ++i) {
    Graph graph;
    const size_t nodes = 1 + below(20);
    std::vector<int> stages;
    for (size_t n = 0; n < nodes; ++n) {
      Node node;
      for (size_t depth = below(4); depth > 0; --depth) node.name += words[below(10)] + "/";
      node.name += words[below(10)] + std::to_string(n);
      node.kind = n == 0 ? StepKind::kRead : StepKind::kParDo;
      if (n > 0) node.inputs.push_back(static_cast<int>(below(n)));
      if (n > 0 && below(3) == 0) node.side_inputs.push_back(static_cast<int>(below(n)));
      graph.SetDisplayData(node.name, {{"key", words[below(10)], words[below(10)], {}}});
      graph.Add(std::move(node), {&type});
      stages.push_back(static_cast<int>(below(20)) - 1);
    }
    SCOPED_TRACE(i);
    CheckPictures(MakeGraphPicture(graph, stages, words[below(10)], {}));
  }
}

TEST(PictureText, ClipsAndCleans) {
  using picture_text::Clipped;
  EXPECT_EQ(Clipped("größer", 6), "größer");
  EXPECT_EQ(Clipped("größer", 4), "grö…");
  EXPECT_EQ(Clipped("a\tb\x7F\xC2\x80", 9), "a b  ");
  EXPECT_EQ(Clipped("\xFF\xC0\xAF\xED\xA0\x80\xF4\x90\x80\x80", 20).size(), 30U);  // All wrong.
  EXPECT_EQ(Clipped("\xE2\x82", 5), "\xEF\xBF\xBD\xEF\xBF\xBD");
  EXPECT_EQ(picture_text::Width("größ…"), 5U);
}

}  // namespace
}  // namespace joist
