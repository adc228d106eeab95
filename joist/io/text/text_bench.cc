// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Lines and words a second from memory and from a file in the page cache: by the block, by the
// line, and by the loop that everybody writes first.

#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <random>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "joist/io/files/line_reader.h"
#include "joist/io/text/tokenize.h"

namespace joist::text {
namespace {

// Lines of 1 to 16 words of 2 to 10 letters, as English has them; one word in `accented` has a
// letter beyond ASCII.
std::string MakeText(size_t accented) {
  std::mt19937 random(1);
  const auto below = [&](size_t n) { return static_cast<size_t>(random() % n); };
  std::vector<std::string> vocabulary(5000);
  for (std::string& word : vocabulary) {
    for (size_t i = 2 + below(9); i > 0; --i) word += "etaoinshrdlu"[below(12)];
    if (accented > 0 && below(accented) == 0) word += "é";
  }
  std::string text;
  while (text.size() < (16 << 20)) {
    for (size_t i = 1 + below(16); i > 0; --i) {
      text += vocabulary[below(vocabulary.size())];
      text += i == 1 ? '\n' : ' ';
    }
  }
  return text;
}

const std::string& Text(size_t accented) {
  static const std::string plain = MakeText(0);
  static const std::string some = MakeText(10);
  return accented == 0 ? plain : some;
}

void BM_WordsByBlock(benchmark::State& state) {
  const std::string& text = Text(static_cast<size_t>(state.range(0)));
  std::vector<std::string_view> words(1024);
  for (auto _ : state) {
    const char* cursor = text.data();
    while (cursor != text.data() + text.size()) {
      benchmark::DoNotOptimize(
          TokenizeInto(&cursor, text.data() + text.size(), words.data(), words.size()));
    }
  }
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(text.size()));
}
BENCHMARK(BM_WordsByBlock)->Arg(0)->Arg(10)->ArgName("accented");

std::vector<std::string_view> LinesOf(std::string_view text) {
  std::vector<std::string_view> lines;
  for (size_t at = 0; at < text.size();) {
    const size_t newline = text.find('\n', at);
    lines.push_back(text.substr(at, newline - at));
    at = newline + 1;
  }
  return lines;
}

// As EmitWords does.
void BM_WordsByLineInBulk(benchmark::State& state) {
  const std::string& text = Text(static_cast<size_t>(state.range(0)));
  const std::vector<std::string_view> lines = LinesOf(text);
  std::vector<std::string_view> words(1024);
  for (auto _ : state) {
    size_t count = 0;
    for (const std::string_view line : lines) {
      const char* cursor = line.data();
      const char* const end = line.data() + line.size();
      while (cursor != end) {
        if (words.size() - count < kLeastWords) count = 0;
        count += TokenizeInto(&cursor, end, words.data() + count, words.size() - count);
      }
    }
    benchmark::DoNotOptimize(count);
  }
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(text.size()));
}
BENCHMARK(BM_WordsByLineInBulk)->Arg(0)->Arg(10)->ArgName("accented");

void BM_WordsByLine(benchmark::State& state) {
  const std::string& text = Text(static_cast<size_t>(state.range(0)));
  const std::vector<std::string_view> lines = LinesOf(text);
  size_t bytes = 0;
  for (auto _ : state) {
    for (const std::string_view line : lines) {
      ForEachWord(line, [&](std::string_view word) { bytes += word.size(); });
    }
  }
  benchmark::DoNotOptimize(bytes);
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(text.size()));
}
BENCHMARK(BM_WordsByLine)->Arg(0)->Arg(10)->ArgName("accented");

void BM_WordsByByte(benchmark::State& state) {
  const std::string& text = Text(0);
  const auto belongs = [](char c) {
    return static_cast<unsigned char>((c | 0x20) - 'a') < 26 || c == '\'';
  };
  size_t bytes = 0;
  for (auto _ : state) {
    for (size_t i = 0; i < text.size();) {
      while (i < text.size() && !belongs(text[i])) ++i;
      const size_t begin = i;
      while (i < text.size() && belongs(text[i])) ++i;
      bytes += i - begin;
    }
  }
  benchmark::DoNotOptimize(bytes);
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(text.size()));
}
BENCHMARK(BM_WordsByByte);

class TextFile {
 public:
  TextFile() : path_("/tmp/joist_text_bench_" + std::to_string(getpid())) {
    std::ofstream(path_, std::ios::binary) << Text(0);
  }
  ~TextFile() { std::remove(path_.c_str()); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

void BM_LinesOfFile(benchmark::State& state) {
  const TextFile file;
  size_t count = 0;
  for (auto _ : state) {
    Result<files::LineReader> reader = files::LineReader::Open(file.path());
    for (;;) {
      const auto lines = reader->Next();
      if (lines->empty()) break;
      count += lines->size();
    }
  }
  benchmark::DoNotOptimize(count);
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(Text(0).size()));
}
BENCHMARK(BM_LinesOfFile);

void BM_BytesOfFile(benchmark::State& state) {
  const TextFile file;
  std::vector<char> block(files::kReadBlock);
  for (auto _ : state) {
    Result<files::FileReader> reader = files::FileReader::Open(file.path());
    while (*reader->Read(block.data(), block.size()) > 0) {
    }
  }
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(Text(0).size()));
}
BENCHMARK(BM_BytesOfFile);

}  // namespace
}  // namespace joist::text
