// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Counting the words of 200 MB of Zipf text, from a file into files.

#include <glob.h>
#include <sys/stat.h>

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <fstream>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "bench/benchmarks.h"
#include "bench/joist_variants.h"
#include "bench/rivals/word_count.h"
#include "bench/zipf_text.h"

namespace joist::bench {
namespace {

void AddLine(std::string_view line, Measurement& measurement, std::vector<std::string>& lines) {
  measurement.digest.Add(DigestBytes(line));
  if (measurement.wants_exact()) lines.emplace_back(line);
}

void SetExact(std::vector<std::string> lines, Measurement& measurement) {
  std::sort(lines.begin(), lines.end());
  for (const std::string& line : lines) measurement.exact.append(line).append(1, '\n');
}

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
  std::vector<std::string> lines;
  for (const auto& [counted, count] : counts) {
    AddLine(counted + ": " + std::to_string(count), measurement, lines);
  }
  SetExact(std::move(lines), measurement);
}

std::string LineAround(const std::string& text, size_t offset) {
  if (offset >= text.size()) return "(nothing)";
  const size_t before = text.rfind('\n', offset);
  const size_t begin = before == std::string::npos ? 0 : before + 1;
  return text.substr(begin, text.find('\n', offset) - begin);
}

}  // namespace

void CollectWordCounts(Measurement& measurement) {
  std::vector<std::string> lines;
  glob_t found = {};
  glob((measurement.scratch() + "*").c_str(), 0, nullptr, &found);
  for (size_t i = 0; i < found.gl_pathc; ++i) {
    std::ifstream file(found.gl_pathv[i], std::ios::binary);
    std::string line;
    while (std::getline(file, line)) AddLine(line, measurement, lines);
    std::remove(found.gl_pathv[i]);
  }
  globfree(&found);
  SetExact(std::move(lines), measurement);
}

Benchmark WordCountBenchmark(const Settings& settings) {
  ZipfTextOptions text;
  text.size_bytes = settings.quick ? 10'000'000 : 200'000'000;
  const std::string input =
      settings.data_dir + "/zipf-" + std::to_string(text.size_bytes / 1'000'000) + "MB.txt";

  Benchmark benchmark;
  benchmark.name = "word_count";
  benchmark.title = "words of " + std::to_string(text.size_bytes / 1'000'000) +
                    " MB of Zipf text, file to files";
  benchmark.amount = static_cast<double>(text.size_bytes);
  benchmark.unit = "MB/s";
  benchmark.rounds = 11;
  benchmark.prepare = [input, text] {
    struct stat status;
    if (stat(input.c_str(), &status) == 0 &&
        static_cast<size_t>(status.st_size) == text.size_bytes) {
      return true;
    }
    std::fprintf(stderr, "making %s\n", input.c_str());
    if (WriteZipfText(input, text)) return true;
    std::perror(input.c_str());
    return false;
  };
  benchmark.reference = [input](Measurement& m) { Reference(input, m); };
  benchmark.explain = [](const std::string& expected, const std::string& found, size_t offset) {
    return "  expected \"" + LineAround(expected, offset) + "\", found \"" +
           LineAround(found, offset) + "\"";
  };

  benchmark.variants.push_back({.name = "by hand", .run = [input](Measurement& m) {
    m.Start();
    WordCount<VectorTokenizer>::Run(input, m.scratch(), m.threads());
    m.Stop();
    CollectWordCounts(m);
  }});
  benchmark.variants.push_back({.name = "by hand, byte loop", .run = [input](Measurement& m) {
    m.Start();
    WordCount<ByteTokenizer>::Run(input, m.scratch(), m.threads());
    m.Stop();
    CollectWordCounts(m);
  }});
  for (Variant& variant : JoistWordCountVariants(input)) {
    benchmark.variants.push_back(std::move(variant));
  }
  return benchmark;
}

}  // namespace joist::bench
