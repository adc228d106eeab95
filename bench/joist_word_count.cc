// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Word count as Joist pipelines, file to files.

#include <string>
#include <string_view>
#include <utility>

#include "bench/joist_variants.h"
#include "bench/result_lines.h"
#include "joist/io/text/text.h"

namespace joist::bench {
namespace {

bool IsLetter(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return static_cast<unsigned char>((byte | 0x20) - 'a') < 26 || byte == '\'' || byte >= 0x80;
}

/// Calls emit(word) for the words of a line, found by the loop that everybody writes first.
template <typename Out>
void EmitByBytes(std::string_view line, Emit<std::string> emit) {
  const size_t size = line.size();
  size_t i = 0;
  while (i < size) {
    while (i < size && !IsLetter(line[i])) ++i;
    const size_t begin = i;
    while (i < size && IsLetter(line[i])) ++i;
    if (i > begin) emit(Out(line.substr(begin, i - begin)));
  }
}

template <typename Split>
Variant WordCountVariant(const std::string& name, const std::string& input, double goal,
                         Split split) {
  Variant variant;
  variant.name = name;
  variant.goal = goal;
  variant.run = [input, split](Measurement& m) {
    m.Start();
    Pipeline p = MakePipeline(m.threads());
    p | "Read" >> text::Read(input) | "Split" >> split | "Count" >> Count::PerElement() |
        "Format" >> Map([](const KV<std::string_view, int64_t>& count) {
          return std::string(count.key) + ": " + std::to_string(count.value);
        }) |
        "Write" >> text::Write(m.scratch());
    RunToEnd(p);
    m.Stop();
    CollectLines(m);
  };
  return variant;
}

}  // namespace

std::vector<Variant> JoistWordCountVariants(const std::string& input) {
  std::vector<Variant> variants = {
      WordCountVariant("Joist, text::Words()", input, 0.65, text::Words()),
      WordCountVariant("Joist, byte loop in a lambda", input, 0.45,
                       FlatMap([](std::string_view line, Emit<std::string> emit) {
                         EmitByBytes<std::string_view>(line, emit);
                       })),
      WordCountVariant("Joist, the same with std::string", input, 0,
                       FlatMap([](const std::string& line, Emit<std::string> emit) {
                         EmitByBytes<std::string>(line, emit);
                       })),
  };
  variants[0].beside = {"Polars", "DuckDB", "Beam Python"};
  variants[1].beside = variants[2].beside = {"by hand, byte loop"};
  return variants;
}

}  // namespace joist::bench
