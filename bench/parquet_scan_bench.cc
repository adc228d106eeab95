// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Filtering and adding up per key the rows of a Parquet file.

#include <string>
#include <utility>
#include <vector>

#include "bench/benchmarks.h"
#include "bench/packages.h"
#include "bench/rivals/parquet_scan.h"
#include "bench/scan_rows.h"
#include "joist/io/parquet/parquet.h"

namespace joist::bench {

/// What the pipeline looks at.
struct ScanPair {
  int64_t key = 0;
  int64_t value = 0;
};
JOIST_ROW(ScanPair, key, value)

namespace {

Status WriteParquet(const std::string& path, const PairSequence& input) {
  JOIST_ASSIGN_OR_RETURN(parquet::RowFileWriter file,
                         parquet::RowFileWriter::Create(path, path, SchemaOf<ScanRow>(),
                                                        parquet::Codec::kSnappy, 500'000));
  for (uint64_t i = 0; i < input.pair_count; ++i) {
    parquet::PutRow(ScanRowOf(input, i), file.columns());
    JOIST_RETURN_IF_ERROR(file.EndRow());
  }
  return file.Close();
}

PCollection<KV<int64_t, int64_t>> SumsOf(Pipeline& p, const std::string& path) {
  return p | "Read" >> parquet::Read<ScanPair>(path).Where(parquet::Column("kind") < kWantedKinds) |
         "Pair" >>
             Map([](const ScanPair& row) { return KV<int64_t, int64_t>{row.key, row.value}; }) |
         "Sum" >> Sum::PerKey();
}

}  // namespace

Benchmark ParquetScanBenchmark(const Settings& settings) {
  const PairSequence input =
      settings.quick ? PairSequence{200'000, 10'000} : PairSequence{20'000'000, 100'000};
  const std::string path =
      settings.data_dir + "/scan-" + std::to_string(input.pair_count) + ".parquet";
  Benchmark benchmark = ScanBenchmark(
      "parquet_scan", "filter a Parquet file and sum per key", input, path,
      [input](const std::string& unfinished) { return WriteParquet(unfinished, input); });
  benchmark.variants.push_back(
      {.name = "by hand, over Arrow's batches", .run = [path, input](Measurement& m) {
         MeasureScan(input, m, [&](std::vector<SumConsumer>& consumers) {
           ScanParquet(path, kWantedKinds, consumers);
         });
       }});
  benchmark.variants.push_back({.name = "Joist, parquet::Read",
                                .run =
                                    [path, input](Measurement& m) {
                                      RunScan(input, m,
                                              [&](Pipeline& p) { return SumsOf(p, path); });
                                    },
                                .beside = {"Polars", "DuckDB"}});
  if (!settings.python.empty()) {
    const auto collect = [input](Measurement& m) { CollectScan(input, m); };
    for (const auto& [title, name] :
         {std::pair{"Polars", "parquet_scan_polars"}, {"DuckDB", "parquet_scan_duckdb"}}) {
      benchmark.variants.push_back(PackageVariant(settings, title, name, path, {1, 2}, collect));
    }
  }
  return benchmark;
}

}  // namespace joist::bench
