// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/model/type_name.h"

#include <cctype>

namespace joist {
namespace {

bool IsWordCharacter(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
}

// Replaces `from` where it does not stand within a longer word.
void ReplaceWords(std::string_view from, std::string_view to, std::string* text) {
  for (size_t at = text->find(from); at != std::string::npos; at = text->find(from, at)) {
    const size_t end = at + from.size();
    const bool starts = at == 0 || !IsWordCharacter(from.front()) ||
                        (!IsWordCharacter((*text)[at - 1]) && (*text)[at - 1] != ':');
    const bool ends =
        end == text->size() || !IsWordCharacter(from.back()) || !IsWordCharacter((*text)[end]);
    if (starts && ends) {
      text->replace(at, from.size(), to);
      at += to.size();
    } else {
      at = end;
    }
  }
}

}  // namespace

std::string ReadableTypeName(std::string_view pretty_function) {
  // g++: "… PrettyFunction() [with T = X]", clang: "… PrettyFunction() [T = X]".
  const size_t start = pretty_function.find("T = ");
  if (start == std::string_view::npos) return std::string(pretty_function);
  std::string name(pretty_function.substr(start + 4));
  if (name.ends_with(']')) name.pop_back();
  static constexpr struct {
    std::string_view from, to;
  } kReplacements[] = {
      {"std::__cxx11::", "std::"},
      {"std::basic_string<char>", "std::string"},
      {"std::basic_string_view<char>", "std::string_view"},
      {"long unsigned int", "uint64_t"},
      {"unsigned long", "uint64_t"},
      {"long int", "int64_t"},
      {"unsigned int", "uint32_t"},
      {"short unsigned int", "uint16_t"},
      {"unsigned short", "uint16_t"},
      {"short int", "int16_t"},
      {"unsigned char", "uint8_t"},
      {"signed char", "int8_t"},
      {"{anonymous}::", ""},
      {"(anonymous namespace)::", ""},
      {"joist::", ""},
  };
  for (const auto& [from, to] : kReplacements) ReplaceWords(from, to, &name);
  for (size_t at = name.find("> >"); at != std::string::npos; at = name.find("> >", at)) {
    name.erase(at + 1, 1);
  }
#if defined(__clang__)
  ReplaceWords("long", "int64_t", &name);
#endif
  return name;
}

}  // namespace joist
