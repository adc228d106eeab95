// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// The benchmarks that ./dev bench knows. Each is described beside its variants.

#ifndef JOIST_BENCH_BENCHMARKS_H_
#define JOIST_BENCH_BENCHMARKS_H_

#include <vector>

#include "bench/harness.h"

namespace joist::bench {

Benchmark WordCountBenchmark(const Settings& settings);
/// Of a size that Beam Python can do in some seconds.
Benchmark SmallWordCountBenchmark(const Settings& settings);
Benchmark Int64StepsBenchmark(const Settings& settings);
Benchmark Int64MapsBenchmark(const Settings& settings);
Benchmark StringStepsBenchmark(const Settings& settings);
Benchmark GroupBenchmark(const Settings& settings);
Benchmark GroupSpillBenchmark(const Settings& settings);
Benchmark SumPerKeyBenchmark(const Settings& settings);
Benchmark JoinBenchmark(const Settings& settings);
Benchmark DistinctBenchmark(const Settings& settings);
Benchmark WindowedCountBenchmark(const Settings& settings);
Benchmark SlidingCountBenchmark(const Settings& settings);
Benchmark SessionCountBenchmark(const Settings& settings);
Benchmark TopBenchmark(const Settings& settings);
Benchmark QuantilesBenchmark(const Settings& settings);
Benchmark CsvScanBenchmark(const Settings& settings);
Benchmark JsonScanBenchmark(const Settings& settings);
Benchmark ParquetScanBenchmark(const Settings& settings);
/// TPC-H-like queries 1, 3 and 6.
Benchmark PricingBenchmark(const Settings& settings);
Benchmark ShippingBenchmark(const Settings& settings);
Benchmark ForecastBenchmark(const Settings& settings);
/// The events of Nexmark being made, and its queries.
std::vector<Benchmark> NexmarkBenchmarks(const Settings& settings);

}  // namespace joist::bench

#endif  // JOIST_BENCH_BENCHMARKS_H_
