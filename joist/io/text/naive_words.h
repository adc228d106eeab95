// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// What the words of a text are, said one character at a time: the oracle of tokenize's tests.

#ifndef JOIST_IO_TEXT_NAIVE_WORDS_H_
#define JOIST_IO_TEXT_NAIVE_WORDS_H_

#include <string>
#include <string_view>
#include <vector>

#include "joist/io/text/letters.h"

namespace joist::text {

inline std::vector<std::string> NaiveWords(std::string_view text) {
  std::vector<std::string> words;
  bool in_word = false;
  while (!text.empty()) {
    size_t size = 0;
    const uint32_t character = DecodeUtf8(text.data(), text.size(), &size);
    const bool belongs = character == '\'' || IsLetter(character);
    if (belongs && !in_word) words.emplace_back();
    if (belongs) words.back().append(text.substr(0, size));
    in_word = belongs;
    text.remove_prefix(size);
  }
  return words;
}

}  // namespace joist::text

#endif  // JOIST_IO_TEXT_NAIVE_WORDS_H_
