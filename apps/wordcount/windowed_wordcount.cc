// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Word count by windows of event time: how often each word is there in the first ten minutes, in
// the next ten, and so on. Each window is a file, with its start and its end in the name.
//
//   windowed_wordcount --input='texts/*.txt' --output=counts --window_size=10m
//
// Lines of a text file have no time, so this program gives them one: any within a range, but the
// same in each run. Lines of a log would have a time of their own.
//
// Before: debugging_wordcount.cc.

#include <optional>
#include <string>

#include "joist/cli/pipeline.h"
#include "joist/joist.h"

namespace {

using joist::Duration;
using joist::Timestamp;
using joist::Window;
using WordCount = joist::KV<std::string, int64_t>;

struct WindowedOptions {
  std::string input = "/usr/share/common-licenses/*";
  std::string output;
  Duration window_size = Duration::Minutes(10);
  int64_t min_timestamp_millis = 0;
  std::optional<int64_t> max_timestamp_millis;
  uint64_t seed = 0;
  int32_t num_shards = 1;
};
JOIST_OPTIONS(WindowedOptions, (input, "Files to read; globs allowed"),
              (output, "Prefix of the files to write", joist::kRequired),
              (window_size, "How long a window is"),
              (min_timestamp_millis, "The earliest time a line may be given, since 1970"),
              (max_timestamp_millis, "The latest; by default an hour after the earliest"),
              (seed, "Another number gives lines other times"),
              (num_shards, "How many files a window has"))

// A time for each line. A function that is run again has to give the same once more, so the time is
// not drawn but computed, of the line's bytes (FNV-1a).
struct TimeOfLine {
  int64_t earliest = 0;
  int64_t latest = 0;
  uint64_t seed = 0;

  Timestamp operator()(std::string_view line) const {
    uint64_t hash = 14695981039346656037U ^ seed;
    for (const char c : line) hash = (hash ^ static_cast<uint8_t>(c)) * 1099511628211U;
    const auto range = static_cast<uint64_t>(latest - earliest) + 1;
    return Timestamp::Millis(earliest + static_cast<int64_t>(hash % range));
  }
};
JOIST_ROW(TimeOfLine, earliest, latest, seed)

// Knows nothing of windows: a grouping keeps them apart by itself.
struct CountWords : joist::Transform {
  joist::PCollection<WordCount> Expand(joist::PCollection<std::string> lines) const {
    return lines | "ExtractWords" >> joist::text::Words() | "Count" >> joist::Count::PerElement();
  }
};

// "2026-11-21T06:50:00Z", with milliseconds if there are any.
std::string Name(Timestamp time) {
  std::string text = time.ToString();
  if (text.ends_with(".000Z")) text.replace(text.size() - 5, 5, "Z");
  return text;
}

void WindowedWordCount(joist::Pipeline& p) {
  const auto options = p.options<WindowedOptions>();
  TimeOfLine time_of_line{.earliest = options.min_timestamp_millis, .seed = options.seed};
  time_of_line.latest = options.max_timestamp_millis.value_or(
      (Timestamp::Millis(options.min_timestamp_millis) + Duration::Hours(1)).millis);
  if (time_of_line.latest < time_of_line.earliest) {
    p.builder().graph().AddFault(
        joist::InvalidArgument("--max_timestamp_millis is before --min_timestamp_millis"));
  }

  // clang-format off
  p | "ReadLines" >> joist::text::Read(options.input)
    | "GiveTimes" >> joist::WithTimestamps(time_of_line)
    | "Windows" >> joist::WindowInto(joist::FixedWindows(options.window_size))
    | "CountWords" >> CountWords()
    // A function that asks for the window is told it. A key names the file that a line goes to.
    | "FormatAsText" >> joist::Map([](const WordCount& count, Window window) {
        return joist::KV<std::string, std::string>{
            Name(window.start) + "-" + Name(window.end),
            count.key + ": " + std::to_string(count.value)};
      })
    | "WriteCounts" >> joist::text::Write(options.output + "-").WithNumShards(options.num_shards);
  // clang-format on
}
JOIST_PIPELINE(windowed_wordcount, "Counts the words of text files by windows of time",
               WindowedWordCount)

}  // namespace

#ifndef JOIST_WITHOUT_MAIN  // Defined where this is a part of another program.
int main(int argc, char** argv) {
  joist::Pipeline p(argc, argv);
  WindowedWordCount(p);
  return p.Run().WaitUntilFinish().exit_code();
}
#endif
