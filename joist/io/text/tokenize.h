// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Words: maximal runs of Unicode letters and apostrophes ('), as in Beam's word count. Bytes that
// are not UTF-8 belong to no word. Pure functions; the words are views of the text.
//
//   text::ForEachWord(line, [&](std::string_view word) { … });

#ifndef JOIST_IO_TEXT_TOKENIZE_H_
#define JOIST_IO_TEXT_TOKENIZE_H_

#include <cstddef>
#include <string_view>

namespace joist::text {

/// The least room that TokenizeInto works with.
inline constexpr size_t kLeastWords = 64;

/// Writes the words of [*cursor, end) to `out`, as far as `capacity` (at least kLeastWords) goes or
/// nearly so, and moves *cursor behind what was read: to `end` when all is done. Any text will do,
/// a whole block of lines too, since a line's ending is no letter.
size_t TokenizeInto(const char** cursor, const char* end, std::string_view* out, size_t capacity);

template <class F>
void ForEachWord(std::string_view text, F&& f) {
  std::string_view words[2 * kLeastWords];
  const char* cursor = text.data();
  const char* const end = cursor + text.size();
  while (cursor != end) {
    const size_t count = TokenizeInto(&cursor, end, words, 2 * kLeastWords);
    for (size_t i = 0; i < count; ++i) f(words[i]);
  }
}

}  // namespace joist::text

#endif  // JOIST_IO_TEXT_TOKENIZE_H_
