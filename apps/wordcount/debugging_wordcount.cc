// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Word count that looks at what it does: it keeps only the words that match a pattern, counts with
// metrics how many did and did not, and asserts a part of the result while it runs.
//
//   debugging_wordcount --input=lear.txt --output=counts --expect=Flourish=3,stomach=1
//
// Before: wordcount.cc.

#include <cstdio>
#include <memory>
#include <regex>
#include <string>
#include <vector>

#include "joist/cli/pipeline.h"
#include "joist/joist.h"
#include "joist/sdk/testing/passert.h"

namespace {

using WordCount = joist::KV<std::string, int64_t>;

struct DebuggingOptions {
  std::string input = "/usr/share/common-licenses/*";
  std::string output;
  std::string filter_pattern = "Flourish|stomach";
  std::vector<std::string> expect;
};
JOIST_OPTIONS(DebuggingOptions, (input, "Files to read; globs allowed"),
              (output, "Prefix of the files to write", joist::kRequired),
              (filter_pattern, "Regular expression of the words to keep"),
              (expect, "What the result must be, as word=count; nothing is checked if empty"))

// Metrics are made once, at namespace scope, and updated by functions while they run.
const joist::Counter matched_words("wordcount", "matchedWords");
const joist::Counter unmatched_words("wordcount", "unmatchedWords");
const joist::Counter empty_lines("wordcount", "emptyLines");
const joist::Distribution line_lengths("wordcount", "lineLengths");

// A function that is a struct: it has a name, for whoever reads a stack trace.
struct ExtractWords {
  void Process(std::string_view line, joist::Emit<std::string> emit) const {
    line_lengths.Update(static_cast<int64_t>(line.size()));
    if (line.empty()) empty_lines.Inc();
    joist::text::EmitWords(line, emit);
  }
};

// One with state: the pattern travels to the workers, each of which compiles it once.
struct FilterWords {
  std::string pattern;
  std::shared_ptr<const std::regex> compiled;

  // For pictures of the pipeline: debugging_wordcount --output=x --print_graph=tree
  void DisplayData(joist::DisplayData& data) const {
    data.Add("pattern", "Words to keep", pattern);
  }

  void Setup() { compiled = std::make_shared<const std::regex>(pattern); }

  void Process(const joist::KV<std::string_view, int64_t>& count, joist::Emit<WordCount> emit) {
    if (std::regex_match(count.key.begin(), count.key.end(), *compiled)) {
      matched_words.Inc();
      emit(count);
    } else {
      unmatched_words.Inc();
    }
  }
};
JOIST_ROW(FilterWords, pattern)

void DebuggingWordCount(joist::Pipeline& p) {
  const auto options = p.options<DebuggingOptions>();

  // clang-format off
  auto filtered = p | "ReadLines" >> joist::text::Read(options.input)
                    | "ExtractWords" >> joist::ParDo(ExtractWords())
                    | "Count" >> joist::Count::PerElement()
                    | "Filter" >> joist::ParDo(FilterWords{options.filter_pattern, nullptr});

  filtered | "FormatAsText" >> joist::Map([](const WordCount& count) {
               return count.key + ": " + std::to_string(count.value);
             })
           | "WriteCounts" >> joist::text::Write(options.output);
  // clang-format on

  if (!options.expect.empty()) {
    std::vector<WordCount> expected;
    for (const std::string& each : options.expect) {
      const size_t equals = each.find('=');
      expected.push_back({each.substr(0, equals), std::stoll("0" + each.substr(equals + 1))});
    }
    joist::PAssert::That(filtered).ContainsInAnyOrder(expected);
  }
}
JOIST_PIPELINE(debugging_wordcount, "Counts the words that match a pattern, and checks the result",
               DebuggingWordCount)

}  // namespace

#ifndef JOIST_WITHOUT_MAIN  // Defined where this is a part of another program.
int main(int argc, char** argv) {
  joist::Pipeline p(argc, argv);
  DebuggingWordCount(p);
  const joist::PipelineResult result = p.Run();
  const int exit_code = result.WaitUntilFinish().exit_code();
  if (exit_code == 0) {
    const joist::JobMetrics& metrics = result.metrics();
    const joist::MetricCell lengths =
        metrics.Value(joist::MetricKind::kDistribution, "wordcount", "lineLengths");
    std::printf("words that match: %lld, that do not: %lld\n",
                static_cast<long long>(metrics.CounterValue("wordcount", "matchedWords")),
                static_cast<long long>(metrics.CounterValue("wordcount", "unmatchedWords")));
    std::printf("lines: %lld, of which empty: %lld, the longest has %lld bytes\n",
                static_cast<long long>(lengths.count),
                static_cast<long long>(metrics.CounterValue("wordcount", "emptyLines")),
                static_cast<long long>(lengths.max));
  }
  return exit_code;
}
#endif
