// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/store/log/filter.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace joist::store {
namespace {

bool IsWordByte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '-' || static_cast<unsigned char>(c) >= 0x80;
}

void AppendUtf8(uint32_t code, std::string* out) {
  if (code < 0x80) {
    *out += static_cast<char>(code);
  } else if (code < 0x800) {
    *out += static_cast<char>(0xC0 | code >> 6);
    *out += static_cast<char>(0x80 | (code & 0x3F));
  } else {
    *out += static_cast<char>(0xE0 | code >> 12);
    *out += static_cast<char>(0x80 | (code >> 6 & 0x3F));
    *out += static_cast<char>(0x80 | (code & 0x3F));
  }
}

}  // namespace

/// Recursive descent; each function returns the number of the node that it made.
class FilterParser {
 public:
  explicit FilterParser(std::string_view text) : text_(text) {}

  Result<Filter> Parse() {
    SkipBlanks();
    if (at_ == text_.size()) return Filter();
    const auto whole = Expression(0);
    if (!whole.ok()) return whole.status();
    if (at_ < text_.size()) return Wrong("AND, OR or the end is expected");
    return std::move(filter_);
  }

 private:
  using Kind = Filter::Kind;

  Status Wrong(const std::string& what) const {
    return InvalidArgument("filter, position " + std::to_string(at_ + 1) + ": " + what);
  }

  void SkipBlanks() {
    while (at_ < text_.size() &&
           (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n' || text_[at_] == '\r')) {
      ++at_;
    }
  }

  bool Take(std::string_view token) {
    if (!text_.substr(at_).starts_with(token)) return false;
    at_ += token.size();
    SkipBlanks();
    return true;
  }

  bool TakeWord(std::string_view word) {
    const size_t end = at_ + word.size();
    if (!text_.substr(at_).starts_with(word) || (end < text_.size() && IsWordByte(text_[end]))) {
      return false;
    }
    return Take(word);
  }

  size_t Make(Filter::Node node) {
    filter_.nodes_.push_back(std::move(node));
    return filter_.nodes_.size() - 1;
  }

  Result<size_t> Expression(int depth) {
    auto first = Operand(depth);
    if (!first.ok()) return first;
    std::vector<size_t> operands = {*first};
    std::optional<Kind> joint;
    while (true) {
      const size_t before = at_;
      std::optional<Kind> next;
      if (TakeWord("AND"))
        next = Kind::kAnd;
      else if (TakeWord("OR"))
        next = Kind::kOr;
      if (!next) break;
      if (joint && joint != next) {
        at_ = before;
        return Wrong("AND and OR need parentheses around what belongs together");
      }
      joint = next;
      auto operand = Operand(depth);
      if (!operand.ok()) return operand;
      operands.push_back(*operand);
    }
    if (!joint) return *first;
    return Make({.kind = *joint, .operands = std::move(operands)});
  }

  Result<size_t> Operand(int depth) {
    if (depth >= Filter::kMostDepth) {
      return Wrong("more than " + std::to_string(Filter::kMostDepth) + " levels");
    }
    if (TakeWord("NOT") || Take("-")) {
      auto negated = Operand(depth + 1);
      if (!negated.ok()) return negated;
      return Make({.kind = Kind::kNot, .operands = {*negated}});
    }
    if (Take("(")) {
      auto inner = Expression(depth + 1);
      if (!inner.ok()) return inner;
      if (!Take(")")) return Wrong("')' is expected");
      return inner;
    }
    return TakeWord("hasPrefix") ? Prefix() : Comparison();
  }

  Result<size_t> Prefix() {
    if (!Take("(")) return Wrong("'(' is expected");
    if (!TakeWord("attributes") || !Take(".")) return Wrong("attributes.NAME is expected");
    JOIST_ASSIGN_OR_RETURN(std::string name, Name());
    if (!Take(",")) return Wrong("',' is expected");
    JOIST_ASSIGN_OR_RETURN(std::string value, Quoted());
    if (!Take(")")) return Wrong("')' is expected");
    return Make({.kind = Kind::kHasPrefix, .name = std::move(name), .value = std::move(value)});
  }

  Result<size_t> Comparison() {
    if (!TakeWord("attributes")) return Wrong("attributes, hasPrefix, NOT or '(' is expected");
    if (Take(":")) {
      JOIST_ASSIGN_OR_RETURN(std::string name, Name());
      return Make({.kind = Kind::kHas, .name = std::move(name)});
    }
    if (!Take(".")) return Wrong("':' or '.' is expected");
    JOIST_ASSIGN_OR_RETURN(std::string name, Name());
    Kind kind = Kind::kEquals;
    if (Take("!="))
      kind = Kind::kDiffers;
    else if (!Take("="))
      return Wrong("'=' or '!=' is expected");
    JOIST_ASSIGN_OR_RETURN(std::string value, Quoted());
    return Make({.kind = kind, .name = std::move(name), .value = std::move(value)});
  }

  Result<std::string> Name() {
    if (at_ < text_.size() && text_[at_] == '"') return Quoted();
    const size_t begin = at_;
    while (at_ < text_.size() && IsWordByte(text_[at_])) ++at_;
    if (at_ == begin) return Wrong("the name of an attribute is expected");
    std::string name(text_.substr(begin, at_ - begin));
    SkipBlanks();
    return name;
  }

  Result<std::string> Quoted() {
    if (at_ >= text_.size() || text_[at_] != '"') return Wrong("a text in \"quotes\" is expected");
    std::string text;
    for (++at_; at_ < text_.size() && text_[at_] != '"'; ++at_) {
      if (text_[at_] != '\\') {
        text += text_[at_];
      } else if (!Escape(&text)) {
        return Wrong("no such escape; there are \\\" \\\\ \\n \\r \\t and \\u with four digits");
      }
    }
    if (at_ >= text_.size()) return Wrong("the quote is not closed");
    ++at_;
    SkipBlanks();
    return text;
  }

  bool Escape(std::string* out) {
    if (++at_ >= text_.size()) return false;
    switch (text_[at_]) {
      case '"': *out += '"'; return true;
      case '\\': *out += '\\'; return true;
      case 'n': *out += '\n'; return true;
      case 'r': *out += '\r'; return true;
      case 't': *out += '\t'; return true;
      case 'u': break;
      default: return false;
    }
    uint32_t code = 0;
    for (int digit = 0; digit < 4; ++digit) {
      if (++at_ >= text_.size()) return false;
      const char c = text_[at_];
      const int value = c >= '0' && c <= '9'   ? c - '0'
                        : c >= 'a' && c <= 'f' ? c - 'a' + 10
                        : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                               : -1;
      if (value < 0) return false;
      code = code * 16 + static_cast<uint32_t>(value);
    }
    if (code >= 0xD800 && code < 0xE000) return false;  // Half of a pair is no character.
    AppendUtf8(code, out);
    return true;
  }

  const std::string_view text_;
  size_t at_ = 0;
  Filter filter_;
};

Result<Filter> Filter::Parse(std::string_view text) {
  if (text.size() > kMostBytes) {
    return InvalidArgument("a filter has " + std::to_string(kMostBytes) + " bytes at most, this " +
                           std::to_string(text.size()));
  }
  return FilterParser(text).Parse();
}

bool Filter::MatchesNode(size_t number, const AttributesView& attributes) const {
  const Node& node = nodes_[number];
  const auto matches = [&](size_t operand) { return MatchesNode(operand, attributes); };
  switch (node.kind) {
    case Kind::kHas: return attributes.Find(node.name).has_value();
    case Kind::kEquals: return attributes.Find(node.name) == std::string_view(node.value);
    case Kind::kDiffers: return attributes.Find(node.name) != std::string_view(node.value);
    case Kind::kHasPrefix: {
      const auto value = attributes.Find(node.name);
      return value && value->starts_with(node.value);
    }
    case Kind::kNot: return !matches(node.operands[0]);
    case Kind::kAnd: return std::all_of(node.operands.begin(), node.operands.end(), matches);
    case Kind::kOr: return std::any_of(node.operands.begin(), node.operands.end(), matches);
  }
  return false;
}

}  // namespace joist::store
