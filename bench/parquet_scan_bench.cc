// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Filtering and adding up per key the rows of a Parquet file of six columns, of which three matter.
// Statistics help nobody: all row groups have all kinds.

#include <sys/stat.h>

#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

#include "bench/benchmarks.h"
#include "bench/joist_variants.h"
#include "bench/key_results.h"
#include "bench/packages.h"
#include "bench/pairs.h"
#include "bench/rivals/parquet_scan.h"
#include "joist/io/parquet/parquet.h"

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

/// What the pipeline looks at.
struct ScanPair {
  int64_t key = 0;
  int64_t value = 0;
};
JOIST_ROW(ScanPair, key, value)

namespace {

constexpr int32_t kKinds = 100;
constexpr int32_t kWanted = 50;  // Kinds below it.

int32_t KindOf(uint64_t index) {
  return static_cast<int32_t>(SplitMix64(~index) % static_cast<uint64_t>(kKinds));
}

bool MakeFile(const std::string& path, const PairSequence& input) {
  struct stat info;
  if (stat(path.c_str(), &info) == 0) return true;
  const std::string unfinished = path + ".unfinished";
  std::remove(unfinished.c_str());
  auto file = parquet::RowFileWriter::Create(unfinished, path, SchemaOf<ScanRow>(),
                                             parquet::Codec::kSnappy, 500'000);
  Status status = file.status();
  for (uint64_t i = 0; status.ok() && i < input.pair_count; ++i) {
    const Pair pair = input[i];
    const ScanRow row{pair.key,
                      pair.value,
                      KindOf(i),
                      static_cast<int64_t>(i),
                      static_cast<double>(pair.value) / 8,
                      "note " + std::to_string(i % 1000)};
    parquet::PutRow(row, file->columns());
    status = file->EndRow();
  }
  if (status.ok()) status = file->Close();
  if (status.ok() && std::rename(unfinished.c_str(), path.c_str()) == 0) return true;
  std::fprintf(stderr, "%s: %s\n", path.c_str(), status.message().c_str());
  return false;
}

void Reference(const PairSequence& input, Measurement& m) {
  std::vector<KeyResult> results(input.key_count);
  for (uint64_t i = 0; i < input.pair_count; ++i) {
    if (KindOf(i) >= kWanted) continue;
    const Pair pair = input[i];
    results[static_cast<size_t>(pair.key)].sum += static_cast<uint64_t>(pair.value);
  }
  m.exact = CanonicalKeyResults(results);
}

/// Runs function(consumers) with a consumer a thread, and collects what they have.
template <typename Function>
void WithConsumers(const PairSequence& input, Measurement& m, size_t count, Function function) {
  std::vector<KeyResult> results(m.wants_exact() ? input.key_count : 0);
  std::vector<SumConsumer> consumers(count);
  for (SumConsumer& consumer : consumers) {
    if (m.wants_exact()) consumer.results = results.data();
  }
  function(consumers);
  for (const SumConsumer& consumer : consumers) m.digest.Merge(consumer.digest);
  if (m.wants_exact()) m.exact = CanonicalKeyResults(results);
}

/// Where exact results are wanted: an array by key. Set before the pipeline runs.
KeyResult* exact_results = nullptr;

struct TakeScanned {
  SumConsumer consumer;
  void StartBundle() { consumer.results = exact_results; }
  void Process(const KV<int64_t, int64_t>& sum) { consumer.Add(sum.key, sum.value); }
  void FinishBundle() {
    DigestCollector::Add(consumer.digest);
    consumer.digest = Digest();
  }
};

void RunJoist(const std::string& path, const PairSequence& input, Measurement& m) {
  std::vector<KeyResult> exact(m.wants_exact() ? input.key_count : 0);
  exact_results = m.wants_exact() ? exact.data() : nullptr;
  m.Start();
  Pipeline p = MakePipeline(m.threads());
  p | "Read" >> parquet::Read<ScanPair>(path).Where(parquet::Column("kind") < kWanted) |
      "Pair" >> Map([](const ScanPair& row) { return KV<int64_t, int64_t>{row.key, row.value}; }) |
      "Sum" >> Sum::PerKey() | "Take" >> ParDo(TakeScanned());
  RunToEnd(p);
  m.Stop();
  m.digest = DigestCollector::Take();
  if (m.wants_exact()) m.exact = CanonicalKeyResults(exact);
}

/// Takes the lines "key,sum" that a package's program wrote.
void CollectSums(const PairSequence& input, Measurement& m) {
  WithConsumers(input, m, 1, [&](std::vector<SumConsumer>& consumers) {
    std::ifstream file(m.scratch());
    int64_t key, sum;
    for (char comma; file >> key >> comma >> sum;) consumers[0].Add(key, sum);
  });
  std::remove(m.scratch().c_str());
}

}  // namespace

Benchmark ParquetScanBenchmark(const Settings& settings) {
  const PairSequence input =
      settings.quick ? PairSequence{200'000, 10'000} : PairSequence{20'000'000, 100'000};
  const std::string path =
      settings.data_dir + "/scan-" + std::to_string(input.pair_count) + ".parquet";
  Benchmark benchmark;
  benchmark.name = "parquet_scan";
  benchmark.title = "filter a Parquet file and sum per key, " +
                    std::to_string(input.pair_count / 1000) + " k rows, " +
                    std::to_string(input.key_count / 1000) + " k keys";
  benchmark.amount = static_cast<double>(input.pair_count);
  benchmark.unit = "M/s";
  benchmark.prepare = [path, input] { return MakeFile(path, input); };
  benchmark.reference = [input](Measurement& m) { Reference(input, m); };
  benchmark.variants.push_back(
      {.name = "by hand, over Arrow's batches", .run = [path, input](Measurement& m) {
         WithConsumers(input, m, static_cast<size_t>(m.threads()),
                       [&](std::vector<SumConsumer>& consumers) {
                         m.Start();
                         ScanParquet(path, kWanted, consumers);
                         m.Stop();
                       });
       }});
  benchmark.variants.push_back({.name = "Joist, parquet::Read",
                                .run = [path, input](Measurement& m) { RunJoist(path, input, m); },
                                .beside = {"Polars", "DuckDB"}});
  if (!settings.python.empty()) {
    const auto collect = [input](Measurement& m) { CollectSums(input, m); };
    for (const auto& [title, name] :
         {std::pair{"Polars", "parquet_scan_polars"}, {"DuckDB", "parquet_scan_duckdb"}}) {
      benchmark.variants.push_back(PackageVariant(settings, title, name, path, {1, 2}, collect));
    }
  }
  return benchmark;
}

}  // namespace joist::bench
