// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Grouping 100 M pairs into 10 M keys, the sum per key of the same, and joining pairs.

#include <cstring>
#include <string>
#include <vector>

#include "bench/benchmarks.h"
#include "bench/joist_variants.h"
#include "bench/key_results.h"
#include "bench/pairs.h"
#include "bench/rivals/distinct_keys.h"
#include "bench/rivals/group_pairs.h"
#include "bench/rivals/join_pairs.h"
#include "bench/rivals/spill_pairs.h"
#include "bench/rivals/sum_pairs.h"

namespace joist::bench {
namespace {

PairSequence Input(const Settings& settings) {
  return settings.quick ? PairSequence{3'000'000, 300'000} : PairSequence{100'000'000, 10'000'000};
}

/// Counting and adding up into an array: keys are known to be small numbers here.
void Reference(const PairSequence& input, bool counts, Measurement& m) {
  std::vector<KeyResult> results(input.key_count);
  for (uint64_t i = 0; i < input.pair_count; ++i) {
    const Pair pair = input[i];
    KeyResult& result = results[static_cast<size_t>(pair.key)];
    if (counts) ++result.count;
    result.sum += static_cast<uint64_t>(pair.value);
  }
  m.exact = CanonicalKeyResults(results);
}

/// Runs function(consumers) with a consumer a thread, and collects what they have.
template <typename Consumer, typename Function>
void WithConsumers(const PairSequence& input, Measurement& m, Function function) {
  std::vector<KeyResult> results(m.wants_exact() ? input.key_count : 0);
  std::vector<Consumer> consumers(static_cast<size_t>(m.threads()));
  for (Consumer& consumer : consumers) {
    if (m.wants_exact()) consumer.results = results.data();
  }
  m.Start();
  function(consumers);
  m.Stop();
  for (const Consumer& consumer : consumers) m.digest.Merge(consumer.digest);
  if (m.wants_exact()) m.exact = CanonicalKeyResults(results);
}

Benchmark PairsBenchmark(const std::string& name, const std::string& title,
                         const PairSequence& input, bool counts) {
  Benchmark benchmark;
  benchmark.name = name;
  benchmark.title = title + ", " + std::to_string(input.pair_count / 1'000'000) + " M pairs, " +
                    std::to_string(input.key_count / 1000) + " k keys";
  benchmark.amount = static_cast<double>(input.pair_count);
  benchmark.unit = "M/s";
  benchmark.rounds = 5;
  benchmark.reference = [input, counts](Measurement& m) { Reference(input, counts, m); };
  benchmark.explain = ExplainKeyResults;
  return benchmark;
}

}  // namespace

Benchmark GroupBenchmark(const Settings& settings) {
  const PairSequence input = Input(settings);
  Benchmark benchmark = PairsBenchmark("group", "group by key and add up", input, true);
  benchmark.memory_bytes = input.pair_count * 20;
  benchmark.variants.push_back({.name = "by hand, radix then hash", .run = [input](Measurement& m) {
                                  WithConsumers<GroupConsumer>(
                                      input, m, [&](std::vector<GroupConsumer>& consumers) {
                                        GroupPairs(input, consumers);
                                      });
                                }});
  for (Variant& variant : JoistGroupVariants(input)) {
    benchmark.variants.push_back(std::move(variant));
  }
  return benchmark;
}

Benchmark GroupSpillBenchmark(const Settings& settings) {
  const PairSequence input = Input(settings);
  const std::string memory = settings.quick ? "8MB" : "256MB";
  Benchmark benchmark = PairsBenchmark("group_spill", "the same within " + memory, input, true);
  benchmark.variants.push_back(
      {.name = "by hand, uncompressed files", .run = [input](Measurement& m) {
         WithConsumers<GroupConsumer>(input, m, [&](std::vector<GroupConsumer>& consumers) {
           SpillAndGroupPairs(input, m.scratch(), consumers);
         });
       }});
  for (Variant& variant : JoistGroupSpillVariants(input, memory)) {
    benchmark.variants.push_back(std::move(variant));
  }
  return benchmark;
}

Benchmark SumPerKeyBenchmark(const Settings& settings) {
  const PairSequence input = Input(settings);
  Benchmark benchmark = PairsBenchmark("sum_per_key", "sum per key", input, false);
  benchmark.memory_bytes = input.key_count * 80;
  benchmark.variants.push_back(
      {.name = "by hand, hash and prefetch", .run = [input](Measurement& m) {
         WithConsumers<SumConsumer>(
             input, m, [&](std::vector<SumConsumer>& consumers) { SumPairs(input, consumers); });
       }});
  for (Variant& variant : JoistSumPerKeyVariants(input)) {
    benchmark.variants.push_back(std::move(variant));
  }
  return benchmark;
}

Benchmark DistinctBenchmark(const Settings& settings) {
  const PairSequence input = Input(settings);
  Benchmark benchmark = PairsBenchmark("distinct", "distinct keys", input, false);
  benchmark.memory_bytes = input.key_count * 40;
  benchmark.reference = [input](Measurement& m) {
    std::vector<KeyResult> results(input.key_count);
    for (uint64_t i = 0; i < input.pair_count; ++i) {
      results[static_cast<size_t>(input[i].key)].sum = 1;
    }
    m.exact = CanonicalKeyResults(results);
  };
  benchmark.variants.push_back(
      {.name = "by hand, hash and prefetch", .run = [input](Measurement& m) {
         WithConsumers<SumConsumer>(input, m, [&](std::vector<SumConsumer>& consumers) {
           DistinctKeys(input, consumers);
         });
       }});
  for (Variant& variant : JoistDistinctVariants(input)) {
    benchmark.variants.push_back(std::move(variant));
  }
  return benchmark;
}

Benchmark JoinBenchmark(const Settings& settings) {
  const uint64_t part = settings.quick ? 30 : 1;
  const PairSequence left{60'000'000 / part, 10'000'000 / part};
  const PairSequence right{10'000'000 / part, left.key_count, uint64_t{1} << 40};
  Benchmark benchmark = PairsBenchmark(
      "join", "join with " + std::to_string(right.pair_count / 1000) + " k pairs", left, true);
  benchmark.memory_bytes = (left.pair_count + right.pair_count) * 20;
  benchmark.reference = [left, right](Measurement& m) {
    std::vector<KeyResult> rights(right.key_count), results(left.key_count);
    for (uint64_t i = 0; i < right.pair_count; ++i) {
      const Pair pair = right[i];
      KeyResult& of_key = rights[static_cast<size_t>(pair.key)];
      ++of_key.count;
      of_key.sum += static_cast<uint64_t>(pair.value);
    }
    for (uint64_t i = 0; i < left.pair_count; ++i) {
      const Pair pair = left[i];
      const KeyResult& with = rights[static_cast<size_t>(pair.key)];
      KeyResult& result = results[static_cast<size_t>(pair.key)];
      result.count += with.count;
      result.sum += with.count * static_cast<uint64_t>(pair.value) + 3 * with.sum;
    }
    m.exact = CanonicalKeyResults(results);
  };
  benchmark.variants.push_back(
      {.name = "by hand, radix then hash", .run = [left, right](Measurement& m) {
         WithConsumers<JoinConsumer>(left, m, [&](std::vector<JoinConsumer>& consumers) {
           JoinPairs(left, right, consumers);
         });
       }});
  for (Variant& variant : JoistJoinVariants(left, right)) {
    benchmark.variants.push_back(std::move(variant));
  }
  return benchmark;
}

}  // namespace joist::bench
