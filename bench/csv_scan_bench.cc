// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Filtering and adding up per key the rows of a CSV file. A tenth of them has a text in quotes.

#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "bench/benchmarks.h"
#include "bench/packages.h"
#include "bench/rivals/csv_scan.h"
#include "bench/scan_rows.h"
#include "joist/io/csv/csv.h"

namespace joist::bench {

/// What the pipeline looks at.
struct ScanTriple {
  int64_t key = 0;
  int64_t value = 0;
  int32_t kind = 0;
};
JOIST_ROW(ScanTriple, key, value, kind)

namespace {

Status WriteCsv(const std::string& path, const PairSequence& input) {
  std::ofstream file(path, std::ios::binary);
  file << "key,value,kind,time,real,note\n";
  std::string line;
  for (uint64_t i = 0; i < input.pair_count; ++i) {
    line.clear();
    csv::RowFields<ScanRow>::PutAll(ScanRowOf(input, i), csv::Dialect(), &line);
    file << line << '\n';
  }
  return file.flush() ? OkStatus() : Internal("could not be written");
}

PCollection<KV<int64_t, int64_t>> SumsOfCsv(Pipeline& p, const std::string& path) {
  return p | "Read" >> csv::Read<ScanTriple>(path).WithoutNewlinesInQuotes() |
         "Wanted" >> Filter([](const ScanTriple& row) { return row.kind < kWantedKinds; }) |
         "Pair" >>
             Map([](const ScanTriple& row) { return KV<int64_t, int64_t>{row.key, row.value}; }) |
         "Sum" >> Sum::PerKey();
}

}  // namespace

Benchmark CsvScanBenchmark(const Settings& settings) {
  const PairSequence input =
      settings.quick ? PairSequence{100'000, 10'000} : PairSequence{5'000'000, 100'000};
  const std::string path = settings.data_dir + "/scan-" + std::to_string(input.pair_count) + ".csv";
  Benchmark benchmark =
      ScanBenchmark("csv_scan", "filter a CSV file and sum per key", input, path,
                    [input](const std::string& unfinished) { return WriteCsv(unfinished, input); });
  benchmark.variants.push_back(
      {.name = "by hand, fields by vectors", .run = [path, input](Measurement& m) {
         MeasureScan(input, m, [&](std::vector<SumConsumer>& consumers) {
           ScanCsv(path, kWantedKinds, consumers);
         });
       }});
  benchmark.variants.push_back({.name = "Joist, csv::Read",
                                .run =
                                    [path, input](Measurement& m) {
                                      RunScan(input, m,
                                              [&](Pipeline& p) { return SumsOfCsv(p, path); });
                                    },
                                .beside = {"Polars", "DuckDB"}});
  if (!settings.python.empty()) {
    const auto collect = [input](Measurement& m) { CollectScan(input, m); };
    for (const auto& [title, name] :
         {std::pair{"Polars", "csv_scan_polars"}, {"DuckDB", "csv_scan_duckdb"}}) {
      benchmark.variants.push_back(PackageVariant(settings, title, name, path, {1, 2}, collect));
    }
  }
  return benchmark;
}

}  // namespace joist::bench
