// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Regex: picks, takes apart and changes lines of text by a regular expression of RE2's syntax
// (linear in the text, no back-references).
//
//   lines | joist::Regex::Matches("[0-9]+")                      // Lines that match as a whole
//   lines | joist::Regex::Find("id=([0-9]+)", 1)                 // Group 1 of the first match
//   lines | joist::Regex::FindAll("[0-9]+")                      // A std::vector of all matches
//   lines | joist::Regex::FindKV("(\\w+)=(?P<value>\\w+)", 1, "value")
//   lines | joist::Regex::ReplaceAll("([a-z])-([a-z])", "\\2-\\1")
//   lines | joist::Regex::Split(",\\s*")                         // The pieces in between
//
// A group is a number, 0 for the whole match, or a name; one that took no part in the match is
// empty. Lines that do not match have no output, except where text is replaced. A wrong expression
// or group is reported when the pipeline is run, before anything else is. An empty match right
// behind another match does not count.

#ifndef JOIST_TRANSFORMS_REGEX_H_
#define JOIST_TRANSFORMS_REGEX_H_

#include <memory>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "joist/sdk/par_do.h"
#include "joist/transforms/parts.h"

namespace re2 {
class RE2;
}  // namespace re2

namespace joist {

/// A group of a regular expression, by number or name.
struct RegexGroup {
  int64_t number = 0;
  std::string name;  ///< If not empty, instead of the number.

  RegexGroup(int number = 0) : number(number) {}           // NOLINT: a group is a number
  RegexGroup(const char* name) : name(name) {}             // NOLINT: or a name.
  RegexGroup(std::string name) : name(std::move(name)) {}  // NOLINT
  static auto Parts(auto& self) { return std::tie(self.number, self.name); }
};

namespace regex_internal {

/// A compiled expression. Const functions are thread-safe.
class Pattern {
 public:
  Pattern() = default;
  explicit Pattern(const std::string& regex);
  /// What is wrong with the expression; empty if nothing is.
  std::string Error() const;
  /// The number of a group; -1 if the expression has none such.
  int NumberOf(const RegexGroup& group) const;
  /// Capturing groups.
  int Groups() const;
  /// Whether text[from, end) matches, somewhere or (`whole`) as a whole; then `groups` holds the
  /// first `groups->size()` groups, pieces of the text.
  bool Match(std::string_view text, size_t from, bool whole,
             std::vector<std::string_view>* groups) const;
  /// Replaces the first match, or all. \0 to \9 in `replacement` are groups. Whether there was one.
  bool Replace(std::string* text, std::string_view replacement, bool all) const;
  /// Why `replacement` is none for this expression; empty if it is.
  std::string ReplacementError(std::string_view replacement) const;

 private:
  std::shared_ptr<const re2::RE2> re2_;
};

/// Calls take(groups) for each match of `text`, from left to right.
template <class Take>
void ForEachMatch(const Pattern& pattern, std::string_view text,
                  std::vector<std::string_view>* groups, Take take) {
  const char* before = nullptr;  // The end of the match before.
  size_t from = 0;
  while (from <= text.size() && pattern.Match(text, from, /*whole=*/false, groups)) {
    const std::string_view match = (*groups)[0];
    const size_t end = static_cast<size_t>(match.data() + match.size() - text.data());
    if (!match.empty() || match.data() != before) take(*groups);
    before = match.data() + match.size();
    from = end;
    if (match.empty()) {
      // On by one letter, however many bytes it has.
      do {
        ++from;
      } while (from < text.size() && (static_cast<unsigned char>(text[from]) & 0xc0) == 0x80);
    }
  }
}

/// What a function does; not all is used by each.
struct Definition {
  std::string regex;
  bool whole = false;              ///< The line must match as a whole.
  std::vector<RegexGroup> wanted;  ///< Groups to output.
  std::string replacement;
  bool all = false;  ///< Replace all matches; output all pieces.
  static auto Parts(auto& self) {
    return std::tie(self.regex, self.whole, self.wanted, self.replacement, self.all);
  }
};

/// Base of the functions below. Every worker compiles the expression for itself.
class Function {
 public:
  Function() = default;
  explicit Function(Definition definition) : definition(std::move(definition)) {}
  static auto Parts(auto& self) { return std::tie(self.definition); }
  void Setup();

 protected:
  Definition definition;
  bool Match(std::string_view text) { return pattern.Match(text, 0, definition.whole, &groups); }
  std::string_view Wanted(size_t i) const { return groups[static_cast<size_t>(numbers[i])]; }
  Pattern pattern;
  std::vector<int> numbers;
  std::vector<std::string_view> groups;
};

struct OneGroup : Function {
  using Function::Function;
  void Process(std::string_view text, Emit<std::string> emit) {
    if (Match(text)) emit(Wanted(0));
  }
};
struct TwoGroups : Function {
  using Function::Function;
  void Process(std::string_view text, Emit<KV<std::string, std::string>> emit) {
    if (Match(text)) emit(KV<std::string_view, std::string_view>{Wanted(0), Wanted(1)});
  }
};
struct AllGroups : Function {
  using Function::Function;
  void Process(std::string_view text, Emit<std::vector<std::string>> emit) {
    groups.resize(static_cast<size_t>(pattern.Groups()) + 1);
    if (Match(text)) emit(std::vector<std::string>(groups.begin(), groups.end()));
  }
};
struct EachMatch : Function {
  using Function::Function;
  void Process(std::string_view text, Emit<std::vector<std::string>> emit) {
    std::vector<std::string> found;
    ForEachMatch(pattern, text, &groups,
                 [&](const auto&) { found.push_back(std::string(Wanted(0))); });
    if (!found.empty()) emit(std::move(found));
  }
};
struct Replaced : Function {
  using Function::Function;
  std::string buffer;
  void Process(std::string_view text, Emit<std::string> emit) {
    buffer.assign(text);
    if (pattern.Replace(&buffer, definition.replacement, definition.all)) {
      emit(buffer);
    } else {
      emit(text);
    }
  }
};
struct Pieces : Function {
  using Function::Function;
  void Process(std::string_view text, Emit<std::string> emit) {
    size_t begin = 0;
    const auto piece = [&](size_t end) {
      if (definition.all || end > begin) emit(text.substr(begin, end - begin));
    };
    ForEachMatch(pattern, text, &groups, [&](const auto& match) {
      const auto at = static_cast<size_t>(match[0].data() - text.data());
      piece(at);
      begin = at + match[0].size();
    });
    piece(text.size());
  }
};

/// Reports to the pipeline what is wrong with the expression, its groups, the replacement.
void Validate(const Definition& definition, PipelineBuilder& builder,
              const std::source_location& where);

template <class Fn>
struct RegexTransform : Transform {
  RegexTransform(Definition definition, std::source_location where)
      : Transform(where), definition(std::move(definition)) {}
  static constexpr std::string_view kKind = "Regex";
  template <class T>
  auto Expand(const PCollection<T>& in) const {
    if constexpr (!std::is_same_v<T, std::string>) {
      static_assert(std::is_same_v<T, std::string>, "Joist: Regex takes a collection of strings.");
      return PCollection<Invalid>(&in.builder());
    } else {
      Validate(definition, in.builder(), where);
      return in | "ParDo" >> ParDo(Fn(definition));
    }
  }
  Definition definition;
};

}  // namespace regex_internal

namespace Regex {  // NOLINT: Beam's names.

using Where = std::source_location;

/// `group` of lines that match as a whole.
inline auto Matches(std::string regex, RegexGroup group = 0, Where where = Where::current()) {
  return regex_internal::RegexTransform<regex_internal::OneGroup>(
      {std::move(regex), true, {std::move(group)}, "", false}, where);
}
/// Two groups of lines that match as a whole, as key and value.
inline auto MatchesKV(std::string regex, RegexGroup key, RegexGroup value,
                      Where where = Where::current()) {
  return regex_internal::RegexTransform<regex_internal::TwoGroups>(
      {std::move(regex), true, {std::move(key), std::move(value)}, "", false}, where);
}
/// All groups of lines that match as a whole, the whole line first, as a std::vector.
inline auto AllMatches(std::string regex, Where where = Where::current()) {
  return regex_internal::RegexTransform<regex_internal::AllGroups>(
      {std::move(regex), true, {}, "", false}, where);
}
/// `group` of the first match in each line.
inline auto Find(std::string regex, RegexGroup group = 0, Where where = Where::current()) {
  return regex_internal::RegexTransform<regex_internal::OneGroup>(
      {std::move(regex), false, {std::move(group)}, "", false}, where);
}
/// Two groups of the first match in each line, as key and value.
inline auto FindKV(std::string regex, RegexGroup key, RegexGroup value,
                   Where where = Where::current()) {
  return regex_internal::RegexTransform<regex_internal::TwoGroups>(
      {std::move(regex), false, {std::move(key), std::move(value)}, "", false}, where);
}
/// `group` of every match in a line, as a std::vector; of lines with a match.
inline auto FindAll(std::string regex, RegexGroup group = 0, Where where = Where::current()) {
  return regex_internal::RegexTransform<regex_internal::EachMatch>(
      {std::move(regex), false, {std::move(group)}, "", false}, where);
}
/// All lines, with every match replaced; \1 to \9 in `replacement` stand for groups, \0 for the
/// match, \\ for a backslash.
inline auto ReplaceAll(std::string regex, std::string replacement, Where where = Where::current()) {
  return regex_internal::RegexTransform<regex_internal::Replaced>(
      {std::move(regex), false, {}, std::move(replacement), true}, where);
}
/// The same for the first match in each line.
inline auto ReplaceFirst(std::string regex, std::string replacement,
                         Where where = Where::current()) {
  return regex_internal::RegexTransform<regex_internal::Replaced>(
      {std::move(regex), false, {}, std::move(replacement), false}, where);
}
/// What lies between the matches, each piece an element; empty pieces if wanted.
inline auto Split(std::string regex, bool output_empty = false, Where where = Where::current()) {
  return regex_internal::RegexTransform<regex_internal::Pieces>(
      {std::move(regex), false, {}, "", output_empty}, where);
}

}  // namespace Regex

}  // namespace joist

#endif  // JOIST_TRANSFORMS_REGEX_H_
