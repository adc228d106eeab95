// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// The rows that parquet_scan and csv_scan filter and add up per key: of six columns three matter.
// Half of the rows are wanted, and no statistics help: wanted ones are everywhere. What both do
// with the sums, and what they compare them with.

#ifndef JOIST_BENCH_SCAN_ROWS_H_
#define JOIST_BENCH_SCAN_ROWS_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "bench/harness.h"
#include "bench/joist_variants.h"
#include "bench/key_results.h"
#include "bench/pairs.h"

namespace joist::bench {

struct ScanRow {
  int64_t key = 0;
  int64_t value = 0;
  int32_t kind = 0;
  int64_t time = 0;
  double real = 0;
  std::string note;
};
JOIST_ROW(ScanRow, key, value, kind, time, real, note)

/// Kinds below it are wanted.
inline constexpr int32_t kWantedKinds = 50;

ScanRow ScanRowOf(const PairSequence& input, uint64_t index);

/// A benchmark without variants: the sum per key of the wanted rows of a file, which
/// write(path) makes where it is missing.
Benchmark ScanBenchmark(const std::string& name, const std::string& title,
                        const PairSequence& input, const std::string& path,
                        std::function<Status(const std::string& path)> write);

/// Calls scan(consumers) with a consumer a thread, which is what is measured, and takes their sums.
void MeasureScan(const PairSequence& input, Measurement& m,
                 const std::function<void(std::vector<SumConsumer>&)>& scan);
/// Takes the lines "key,sum" that a package's program wrote.
void CollectScan(const PairSequence& input, Measurement& m);
/// Runs the pipeline that build(p) makes, whose result are the sums, and takes them.
void RunScan(const PairSequence& input, Measurement& m,
             const std::function<PCollection<KV<int64_t, int64_t>>(Pipeline&)>& build);

}  // namespace joist::bench

#endif  // JOIST_BENCH_SCAN_ROWS_H_
