// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "bench/scan_rows.h"

#include <sys/stat.h>

#include <cstdio>
#include <fstream>
#include <utility>

namespace joist::bench {
namespace {

constexpr uint64_t kKinds = 100;

int32_t KindOf(uint64_t index) { return static_cast<int32_t>(SplitMix64(~index) % kKinds); }

void Reference(const PairSequence& input, Measurement& m) {
  std::vector<KeyResult> results(input.key_count);
  for (uint64_t i = 0; i < input.pair_count; ++i) {
    if (KindOf(i) >= kWantedKinds) continue;
    const Pair pair = input[i];
    results[static_cast<size_t>(pair.key)].sum += static_cast<uint64_t>(pair.value);
  }
  m.exact = CanonicalKeyResults(results);
}

bool MakeFile(const std::string& path,
              const std::function<Status(const std::string& path)>& write) {
  struct stat info;
  if (stat(path.c_str(), &info) == 0) return true;
  std::fprintf(stderr, "making %s\n", path.c_str());
  const std::string unfinished = path + ".unfinished";
  std::remove(unfinished.c_str());
  const Status status = write(unfinished);
  if (status.ok() && std::rename(unfinished.c_str(), path.c_str()) == 0) return true;
  std::fprintf(stderr, "%s: %s\n", path.c_str(), status.message().c_str());
  return false;
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

}  // namespace

ScanRow ScanRowOf(const PairSequence& input, uint64_t index) {
  const Pair pair = input[index];
  return {pair.key,
          pair.value,
          KindOf(index),
          static_cast<int64_t>(index),
          static_cast<double>(pair.value) / 8,
          (index % 10 == 0 ? "note, " : "note ") + std::to_string(index % 1000)};
}

Benchmark ScanBenchmark(const std::string& name, const std::string& title,
                        const PairSequence& input, const std::string& path,
                        std::function<Status(const std::string& path)> write) {
  Benchmark benchmark;
  benchmark.name = name;
  benchmark.title = title + ", " + std::to_string(input.pair_count / 1000) + " k rows, " +
                    std::to_string(input.key_count / 1000) + " k keys";
  benchmark.amount = static_cast<double>(input.pair_count);
  benchmark.unit = "M/s";
  benchmark.prepare = [path, write = std::move(write)] { return MakeFile(path, write); };
  benchmark.reference = [input](Measurement& m) { Reference(input, m); };
  benchmark.explain = ExplainKeyResults;
  return benchmark;
}

void MeasureScan(const PairSequence& input, Measurement& m,
                 const std::function<void(std::vector<SumConsumer>&)>& scan) {
  std::vector<KeyResult> results(m.wants_exact() ? input.key_count : 0);
  std::vector<SumConsumer> consumers(static_cast<size_t>(m.threads()));
  for (SumConsumer& consumer : consumers) {
    if (m.wants_exact()) consumer.results = results.data();
  }
  m.Start();
  scan(consumers);
  m.Stop();
  for (const SumConsumer& consumer : consumers) m.digest.Merge(consumer.digest);
  if (m.wants_exact()) m.exact = CanonicalKeyResults(results);
}

void CollectScan(const PairSequence& input, Measurement& m) {
  std::vector<KeyResult> results(m.wants_exact() ? input.key_count : 0);
  SumConsumer consumer;
  if (m.wants_exact()) consumer.results = results.data();
  std::ifstream file(m.scratch());
  int64_t key, sum;
  for (char comma; file >> key >> comma >> sum;) consumer.Add(key, sum);
  std::remove(m.scratch().c_str());
  m.digest = consumer.digest;
  if (m.wants_exact()) m.exact = CanonicalKeyResults(results);
}

void RunScan(const PairSequence& input, Measurement& m,
             const std::function<PCollection<KV<int64_t, int64_t>>(Pipeline&)>& build) {
  std::vector<KeyResult> exact(m.wants_exact() ? input.key_count : 0);
  exact_results = m.wants_exact() ? exact.data() : nullptr;
  m.Start();
  Pipeline p = MakePipeline(m.threads());
  build(p) | "Take" >> ParDo(TakeScanned());
  RunToEnd(p);
  m.Stop();
  m.digest = DigestCollector::Take();
  if (m.wants_exact()) m.exact = CanonicalKeyResults(exact);
}

}  // namespace joist::bench
