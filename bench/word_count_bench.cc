// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Counting the words of 200 MB of Zipf text, from a file into files.

#include <sys/stat.h>

#include <cctype>
#include <cstdio>
#include <fstream>
#include <string>
#include <unordered_map>
#include <vector>

#include "bench/benchmarks.h"
#include "bench/joist_variants.h"
#include "bench/packages.h"
#include "bench/result_lines.h"
#include "bench/rivals/word_count.h"
#include "bench/zipf_text.h"

namespace joist::bench {
namespace {

/// The simplest program that counts words.
void Reference(const std::string& input, Measurement& measurement) {
  std::unordered_map<std::string, uint64_t> counts;
  std::ifstream file(input, std::ios::binary);
  std::string line, word;
  while (std::getline(file, line)) {
    line += '\n';
    for (const char c : line) {
      const auto byte = static_cast<unsigned char>(c);
      if (std::isalpha(byte) != 0 || c == '\'' || byte > 127) {
        word += c;
      } else if (!word.empty()) {
        ++counts[word];
        word.clear();
      }
    }
  }
  ResultLines lines(measurement);
  for (const auto& [counted, count] : counts) lines.Add(counted + ": " + std::to_string(count));
}

/// The benchmark without variants: a text of so many bytes, generated where it is missing.
Benchmark TextBenchmark(const Settings& settings, const std::string& name, size_t size_bytes,
                        std::string* input) {
  ZipfTextOptions text;
  text.size_bytes = size_bytes;
  const std::string megabytes = std::to_string(size_bytes / 1'000'000) + " MB";
  // Named by what it is made of, so that another text is never taken for it.
  *input = settings.data_dir + "/zipf-" + std::to_string(size_bytes / 1'000'000) + "MB-" +
           std::to_string(text.vocabulary / 1000) + "k.txt";

  Benchmark benchmark;
  benchmark.name = name;
  benchmark.title = "words of " + megabytes + " of Zipf text, file to files";
  benchmark.amount = static_cast<double>(size_bytes);
  benchmark.unit = "MB/s";
  benchmark.prepare = [path = *input, text] {
    struct stat status;
    if (stat(path.c_str(), &status) == 0 &&
        static_cast<size_t>(status.st_size) == text.size_bytes) {
      return true;
    }
    std::fprintf(stderr, "making %s\n", path.c_str());
    if (WriteZipfText(path, text)) return true;
    std::perror(path.c_str());
    return false;
  };
  benchmark.reference = [path = *input](Measurement& m) { Reference(path, m); };
  benchmark.explain = ExplainLines;
  return benchmark;
}

template <typename Tokenizer>
Variant ByHand(const std::string& name, const std::string& input) {
  Variant variant;
  variant.name = name;
  variant.run = [input](Measurement& m) {
    m.Start();
    WordCount<Tokenizer>::Run(input, m.scratch(), m.threads());
    m.Stop();
    CollectLines(m);
  };
  return variant;
}

}  // namespace

Benchmark WordCountBenchmark(const Settings& settings) {
  std::string input;
  Benchmark benchmark =
      TextBenchmark(settings, "word_count", settings.quick ? 10'000'000 : 200'000'000, &input);
  benchmark.rounds = settings.python.empty() ? 11 : 5;
  benchmark.variants.push_back(ByHand<VectorTokenizer>("by hand", input));
  benchmark.variants.push_back(ByHand<ByteTokenizer>("by hand, byte loop", input));
  for (Variant& variant : JoistWordCountVariants(input)) {
    benchmark.variants.push_back(std::move(variant));
  }
  if (!settings.python.empty()) {
    benchmark.variants.push_back(
        PackageVariant(settings, "Polars", "word_count_polars", input, {1, 2}, CollectLines));
    benchmark.variants.push_back(
        PackageVariant(settings, "DuckDB", "word_count_duckdb", input, {1, 2}, CollectLines));
  }
  return benchmark;
}

Benchmark SmallWordCountBenchmark(const Settings& settings) {
  std::string input;
  Benchmark benchmark =
      TextBenchmark(settings, "word_count_small", settings.quick ? 1'000'000 : 20'000'000, &input);
  benchmark.rounds = 3;
  benchmark.variants.push_back(ByHand<VectorTokenizer>("by hand", input));
  benchmark.variants.push_back(JoistWordCountVariants(input)[0]);
  benchmark.variants.push_back(
      PackageVariant(settings, "Beam Python", "word_count_beam", input, {1}, CollectLines));
  for (Variant& variant : benchmark.variants) variant.threads = {1};
  benchmark.variants[1].goal = 0;
  return benchmark;
}

}  // namespace joist::bench
