// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Word count, the shortest way: no options, no names for the steps. It counts the words of the
// licences that every Debian has, and writes them to wordcounts-00000-of-… in the current folder.
//
// Next: wordcount.cc, with options, named steps and a transform of its own.

#include "joist/joist.h"

int main() {
  joist::Pipeline p;

  // clang-format off
  // A pipeline begins with a source: here, the lines of files.
  p | joist::text::Read("/usr/share/common-licenses/*")

      // FlatMap calls a function for every element; it emits as many as it likes.
      | joist::FlatMap([](std::string_view line, joist::Emit<std::string> emit) {
          joist::text::ForEachWord(line, emit);
        })

      // A word becomes a KV of the word and how often it is there.
      | joist::Count::PerElement()

      // Map calls a function for every element; what it returns takes the element's place.
      | joist::Map([](const joist::KV<std::string, int64_t>& count) {
          return count.key + ": " + std::to_string(count.value);
        })

      | joist::text::Write("wordcounts");
  // clang-format on

  // Nothing has happened until now.
  return p.Run().WaitUntilFinish().exit_code();
}
