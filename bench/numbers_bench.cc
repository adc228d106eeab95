// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// The largest numbers, and the quantiles, of all numbers of 26 bits.

#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "bench/benchmarks.h"
#include "bench/joist_variants.h"
#include "bench/numbers.h"
#include "bench/result_lines.h"
#include "bench/rivals/numbers.h"
#include "joist/io/text/text.h"
#include "joist/transforms/quantiles.h"
#include "joist/transforms/top.h"

namespace joist::bench {
namespace {

constexpr int64_t kTop = 1000;
constexpr int64_t kQuantiles = 101;
constexpr double kError = 0.01;
/// Of 101 quantiles, each of which is right with a probability of 99 %, all are to be within it.
constexpr double kAllowedError = 2 * kError;

struct Numbers {
  using Element = int64_t;
  NumberSequence input;
  Result<std::vector<SourceRange>> Split(int) const {
    return std::vector<SourceRange>{{0, 0, input.count(), true}};
  }
  Status Read(RangeTracker& tracker, SourceOutput<int64_t>& out) const {
    std::array<int64_t, kBatchSize> values;
    int64_t begin, end;
    while (tracker.Claim(kBatchSize, &begin, &end)) {
      for (int64_t i = begin; i < end; ++i) values[static_cast<size_t>(i - begin)] = input[i];
      out.PushColumn(ColumnView<int64_t>(values.data()), static_cast<size_t>(end - begin));
    }
    return OkStatus();
  }
  int64_t least_split() const { return 64 << 10; }
};

void AddNumbers(const std::vector<int64_t>& numbers, Measurement& m) {
  ResultLines lines(m);
  for (const int64_t number : numbers) lines.Add(std::to_string(number));
}

/// What is left of quantiles for comparison: of those whose rank is right, where they are; of
/// others the number itself.
void AddQuantiles(const NumberSequence& input, const std::vector<int64_t>& quantiles,
                  Measurement& m) {
  ResultLines lines(m);
  const auto count = static_cast<double>(input.count());
  for (size_t i = 0; i < quantiles.size(); ++i) {
    const double rank = static_cast<double>(i) / static_cast<double>(kQuantiles - 1);
    // The rank of a number is the number.
    const bool right = std::abs(static_cast<double>(quantiles[i]) / count - rank) <= kAllowedError;
    lines.Add(std::to_string(i) + (right ? "" : " is " + std::to_string(quantiles[i])));
  }
}

/// Runs what build(p) makes, one list of numbers.
template <typename Build>
std::vector<int64_t> RunJoist(const NumberSequence& input, Measurement& m, Build build) {
  m.Start();
  Pipeline p = MakePipeline(m.threads());
  build(p | "Numbers" >> Read(Numbers{input})) |
      "Lines" >> FlatMap([](const std::vector<int64_t>& numbers, Emit<std::string> emit) {
        for (const int64_t number : numbers) emit(std::to_string(number));
      }) |
      "Write" >> text::Write(m.scratch()).WithoutSharding();
  RunToEnd(p);
  m.Stop();
  std::vector<int64_t> numbers;
  std::ifstream file(m.scratch());
  for (int64_t number; file >> number;) numbers.push_back(number);
  std::remove(m.scratch().c_str());
  return numbers;
}

Benchmark NumbersBenchmark(const std::string& name, const std::string& title,
                           const NumberSequence& input) {
  Benchmark benchmark;
  benchmark.name = name;
  benchmark.title = title + " of " + std::to_string(input.count() / 1000) + " k int64";
  benchmark.amount = static_cast<double>(input.count());
  benchmark.unit = "M/s";
  benchmark.rounds = 5;
  benchmark.explain = ExplainLines;
  return benchmark;
}

}  // namespace

Benchmark TopBenchmark(const Settings& settings) {
  const NumberSequence input{settings.quick ? 20 : 26};
  Benchmark benchmark = NumbersBenchmark("top", "the 1000 largest", input);
  benchmark.reference = [input](Measurement& m) {
    std::vector<int64_t> largest;
    for (int64_t i = 1; i <= kTop; ++i) largest.push_back(input.count() - i);
    AddNumbers(largest, m);
  };
  benchmark.variants.push_back({.name = "by hand, a threshold", .run = [input](Measurement& m) {
                                  m.Start();
                                  const auto largest = Largest(input, kTop, m.threads());
                                  m.Stop();
                                  AddNumbers(largest, m);
                                }});
  benchmark.variants.push_back({.name = "Joist, Top::Largest", .run = [input](Measurement& m) {
                                  AddNumbers(RunJoist(input, m,
                                                      [](const PCollection<int64_t>& numbers) {
                                                        return numbers | Top::Largest(kTop);
                                                      }),
                                             m);
                                }});
  return benchmark;
}

Benchmark QuantilesBenchmark(const Settings& settings) {
  const NumberSequence input{settings.quick ? 20 : 26};
  Benchmark benchmark = NumbersBenchmark("quantiles", "101 quantiles within 1 %", input);
  benchmark.reference = [input](Measurement& m) {
    std::vector<int64_t> exact;
    for (int64_t i = 0; i < kQuantiles; ++i) {
      exact.push_back((input.count() - 1) * i / (kQuantiles - 1));
    }
    AddQuantiles(input, exact, m);
  };
  benchmark.variants.push_back(
      {.name = "by hand, KLL with a sampler", .run = [input](Measurement& m) {
         m.Start();
         const auto k = static_cast<size_t>(KllSketch<int64_t>::SizeFor(kError));
         const auto quantiles = ApproximateQuantilesByHand(input, kQuantiles, k, m.threads());
         m.Stop();
         AddQuantiles(input, quantiles, m);
       }});
  benchmark.variants.push_back(
      {.name = "Joist, ApproximateQuantiles", .run = [input](Measurement& m) {
         AddQuantiles(input,
                      RunJoist(input, m,
                               [](const PCollection<int64_t>& numbers) {
                                 return numbers | ApproximateQuantiles::Globally(
                                                      kQuantiles, std::less<>(), kError);
                               }),
                      m);
       }});
  return benchmark;
}

}  // namespace joist::bench
