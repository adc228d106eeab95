// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Word count, as one would write it for daily use: options, steps with names (for messages,
// metrics and the progress display), and a part that can be used elsewhere and tested.
//
//   wordcount --input='texts/*.txt' --output=counts
//
// Before: minimal_wordcount.cc. Next: debugging_wordcount.cc, with counters and assertions.

#include "joist/cli/pipeline.h"
#include "joist/joist.h"

namespace {

struct WordCountOptions {
  std::string input = "/usr/share/common-licenses/*";
  std::string output;
};
JOIST_OPTIONS(WordCountOptions, (input, "Files to read; globs allowed"),
              (output, "Prefix of the files to write", joist::kRequired))

using WordCounts = joist::PCollection<joist::KV<std::string, int64_t>>;

// Lines to words and how often they are there. A transform that consists of others is a struct with
// Expand; its steps are called CountWords/ExtractWords and CountWords/Count.
struct CountWords : joist::Transform {
  WordCounts Expand(joist::PCollection<std::string> lines) const {
    return lines | "ExtractWords" >> joist::text::Words()  // Or a FlatMap with text::ForEachWord.
           | "Count" >> joist::Count::PerElement();
  }
};

void WordCount(joist::Pipeline& p) {
  const auto options = p.options<WordCountOptions>();

  // clang-format off
  p | "ReadLines" >> joist::text::Read(options.input)
    | "CountWords" >> CountWords()
    | "FormatAsText" >> joist::Map([](const joist::KV<std::string, int64_t>& count) {
        return count.key + ": " + std::to_string(count.value);
      })
    | "WriteCounts" >> joist::text::Write(options.output);
  // clang-format on
}
JOIST_PIPELINE(wordcount, "Counts the words of text files", WordCount)  // For `joist run`.

}  // namespace

#ifndef JOIST_WITHOUT_MAIN  // Defined where this is a part of another program.
int main(int argc, char** argv) {
  joist::Pipeline p(argc, argv);
  WordCount(p);
  return p.Run().WaitUntilFinish().exit_code();
}
#endif
