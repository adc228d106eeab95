// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Five steps of map and filter on int64 and on strings of 40 bytes.

#include <string>
#include <thread>
#include <vector>

#include "bench/benchmarks.h"
#include "bench/joist_variants.h"
#include "bench/rivals/int64_steps.h"
#include "bench/rivals/string_steps.h"

namespace joist::bench {
namespace {

/// Runs digest = function(begin, end) over the shares of [0, count) on the measurement's threads.
template <typename Function>
void OverShares(Measurement& m, uint64_t count, Function function) {
  const auto threads = static_cast<size_t>(m.threads());
  std::vector<Digest> digests(threads);
  const auto work = [&](size_t i) {
    digests[i] = function(count * i / threads, count * (i + 1) / threads);
  };
  std::vector<std::thread> others;
  for (size_t i = 1; i < threads; ++i) others.emplace_back(work, i);
  work(0);
  for (std::thread& thread : others) thread.join();
  for (const Digest& digest : digests) m.digest.Merge(digest);
}

/// A variant of two forms, one for measuring and one that hashes each element. `make(exact)` takes
/// std::bool_constant and returns digest = function(begin, end).
template <typename Make>
Variant StepsVariant(const std::string& name, uint64_t count, Make make) {
  return {.name = name, .run = [count, make](Measurement& m) {
            m.Start();
            if (m.wants_exact()) {
              OverShares(m, count, make(std::true_type()));
            } else {
              OverShares(m, count, make(std::false_type()));
            }
            m.Stop();
          }};
}

Benchmark StepsBenchmark(const std::string& name, const std::string& title, uint64_t count) {
  Benchmark benchmark;
  benchmark.name = name;
  benchmark.title = title + ", " + std::to_string(count / 1'000'000) + " M elements";
  benchmark.amount = static_cast<double>(count);
  benchmark.unit = "M/s";
  benchmark.rounds = 11;
  return benchmark;
}

}  // namespace

Benchmark Int64StepsBenchmark(const Settings& settings) {
  const uint64_t count = settings.quick ? 5'000'000 : 200'000'000;
  Benchmark benchmark = StepsBenchmark("int64_steps", "five named steps on int64", count);
  benchmark.reference = [count](Measurement& m) {
    m.digest = Int64FusedScalar<true>(0, static_cast<int64_t>(count));
  };
  benchmark.variants = {
      StepsVariant("by hand, a virtual call a batch", count,
                   [](auto exact) {
                     return [](uint64_t begin, uint64_t end) {
                       return Int64Batches<decltype(exact)::value>(static_cast<int64_t>(begin),
                                                                   static_cast<int64_t>(end));
                     };
                   }),
      StepsVariant("by hand, one loop, element-wise", count,
                   [](auto exact) {
                     return [](uint64_t begin, uint64_t end) {
                       return Int64FusedScalar<decltype(exact)::value>(static_cast<int64_t>(begin),
                                                                       static_cast<int64_t>(end));
                     };
                   }),
      StepsVariant("by hand, one loop of vectors", count,
                   [](auto exact) {
                     return [](uint64_t begin, uint64_t end) {
                       const auto first = static_cast<int64_t>(begin),
                                  last = static_cast<int64_t>(end);
                       // What filters by masks has no elements to hash.
                       if constexpr (decltype(exact)::value)
                         return Int64FusedScalar<true>(first, last);
                       return Int64FusedVector(first, last);
                     };
                   }),
  };
  for (Variant& variant : JoistInt64StepsVariants(static_cast<int64_t>(count))) {
    benchmark.variants.push_back(std::move(variant));
  }
  return benchmark;
}

Benchmark Int64MapsBenchmark(const Settings& settings) {
  const uint64_t count = settings.quick ? 5'000'000 : 200'000'000;
  Benchmark benchmark =
      StepsBenchmark("int64_maps", "five maps on int64 fused when compiling", count);
  benchmark.reference = [count](Measurement& m) {
    m.digest = Int64MapsScalar<true>(0, static_cast<int64_t>(count));
  };
  benchmark.variants = {
      StepsVariant("by hand, one loop, element-wise", count,
                   [](auto exact) {
                     return [](uint64_t begin, uint64_t end) {
                       return Int64MapsScalar<decltype(exact)::value>(static_cast<int64_t>(begin),
                                                                      static_cast<int64_t>(end));
                     };
                   }),
      StepsVariant("by hand, one loop of vectors", count,
                   [](auto exact) {
                     return [](uint64_t begin, uint64_t end) {
                       const auto first = static_cast<int64_t>(begin),
                                  last = static_cast<int64_t>(end);
                       if constexpr (decltype(exact)::value)
                         return Int64MapsScalar<true>(first, last);
                       return Int64MapsVector(first, last);
                     };
                   }),
  };
  for (Variant& variant : JoistInt64MapsVariants(static_cast<int64_t>(count))) {
    benchmark.variants.push_back(std::move(variant));
  }
  return benchmark;
}

Benchmark StringStepsBenchmark(const Settings& settings) {
  const uint64_t count = settings.quick ? 1'000'000 : 40'000'000;
  Benchmark benchmark =
      StepsBenchmark("string_steps", "five named steps on strings of 40 bytes", count);
  benchmark.reference = [count](Measurement& m) {
    m.digest = StringFused<true>(string_steps::Pool(), 0, count);
  };
  benchmark.variants = {
      StepsVariant("by hand, arena, a call a batch", count,
                   [](auto exact) {
                     return [](uint64_t begin, uint64_t end) {
                       return StringArenaBatches<decltype(exact)::value>(string_steps::Pool(),
                                                                         begin, end);
                     };
                   }),
      StepsVariant("by hand, one loop over a string", count,
                   [](auto exact) {
                     return [](uint64_t begin, uint64_t end) {
                       return StringFused<decltype(exact)::value>(string_steps::Pool(), begin, end);
                     };
                   }),
      StepsVariant("by hand, batches of std::string", count,
                   [](auto exact) {
                     return [](uint64_t begin, uint64_t end) {
                       return StringOwnedBatches<decltype(exact)::value>(string_steps::Pool(),
                                                                         begin, end);
                     };
                   }),
  };
  for (Variant& variant : JoistStringStepsVariants(static_cast<int64_t>(count))) {
    benchmark.variants.push_back(std::move(variant));
  }
  return benchmark;
}

}  // namespace joist::bench
