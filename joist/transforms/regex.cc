// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/transforms/regex.h"

#include <re2/re2.h>

#include <algorithm>

#include "joist/model/describe.h"

namespace joist::regex_internal {

namespace {
re2::StringPiece Piece(std::string_view text) { return {text.data(), text.size()}; }
}  // namespace

Pattern::Pattern(const std::string& regex) {
  re2::RE2::Options options;
  options.set_log_errors(false);
  re2_ = std::make_shared<const re2::RE2>(Piece(regex), options);
}

std::string Pattern::Error() const { return re2_->ok() ? "" : re2_->error(); }

int Pattern::Groups() const { return re2_->NumberOfCapturingGroups(); }

int Pattern::NumberOf(const RegexGroup& group) const {
  if (group.name.empty()) {
    return group.number >= 0 && group.number <= Groups() ? static_cast<int>(group.number) : -1;
  }
  const auto& named = re2_->NamedCapturingGroups();
  const auto found = named.find(group.name);
  return found == named.end() ? -1 : found->second;
}

bool Pattern::Match(std::string_view text, size_t from, bool whole,
                    std::vector<std::string_view>* groups) const {
  // RE2 distinguishes text that is empty from none.
  if (text.data() == nullptr) text = "";
  constexpr size_t kFew = 8;
  re2::StringPiece few[kFew];
  std::vector<re2::StringPiece> many;
  re2::StringPiece* found = few;
  if (groups->size() > kFew) {
    many.resize(groups->size());
    found = many.data();
  }
  if (!re2_->Match(Piece(text), from, text.size(),
                   whole ? re2::RE2::ANCHOR_BOTH : re2::RE2::UNANCHORED, found,
                   static_cast<int>(groups->size()))) {
    return false;
  }
  for (size_t i = 0; i < groups->size(); ++i) (*groups)[i] = {found[i].data(), found[i].size()};
  return true;
}

bool Pattern::Replace(std::string* text, std::string_view replacement, bool all) const {
  return all ? re2::RE2::GlobalReplace(text, *re2_, Piece(replacement)) > 0
             : re2::RE2::Replace(text, *re2_, Piece(replacement));
}

std::string Pattern::ReplacementError(std::string_view replacement) const {
  std::string error;
  return re2_->CheckRewriteString(Piece(replacement), &error) ? "" : error;
}

void Function::Setup() {
  pattern = Pattern(definition.regex);
  int most = 0;
  for (const RegexGroup& group : definition.wanted) {
    numbers.push_back(pattern.NumberOf(group));
    JOIST_CHECK(numbers.back() >= 0);  // Validate has seen to it.
    most = std::max(most, numbers.back());
  }
  groups.resize(static_cast<size_t>(most) + 1);
}

void Validate(const Definition& definition, PipelineBuilder& builder,
              const std::source_location& where) {
  const auto fault = [&](const std::string& what) {
    std::string message = "the regular expression ";
    Describe(definition.regex, &message);
    builder.graph().AddFault(
        InvalidArgument(message + " at " + DescribeLocation(where) + " " + what));
  };
  const Pattern pattern(definition.regex);
  if (const std::string error = pattern.Error(); !error.empty()) {
    return fault("is wrong: " + error);
  }
  for (const RegexGroup& group : definition.wanted) {
    if (pattern.NumberOf(group) >= 0) continue;
    return fault("has no group " +
                 (group.name.empty() ? std::to_string(group.number) : "\"" + group.name + "\"") +
                 "; its groups are (…), numbered from 1, and named as (?P<name>…)");
  }
  if (const std::string error = pattern.ReplacementError(definition.replacement); !error.empty()) {
    fault("does not go with its replacement: " + error);
  }
}

}  // namespace joist::regex_internal
