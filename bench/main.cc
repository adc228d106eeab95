// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// joist_bench: runs the benchmarks that are named, or all. bench/run calls it.

#include <sys/stat.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bench/benchmarks.h"
#include "bench/harness.h"
#include "bench/zipf_text.h"

namespace joist::bench {
namespace {

constexpr std::string_view kUsage =
    "usage: joist_bench [--quick] [--rounds=N] [--variants=TEXT] [--threads=N] [--events=N]\n"
    "                   [--data=DIR] [--python=FILE] [name…]\n"
    "       joist_bench --make-text=FILE --bytes=N [--non-ascii=PERCENT]\n"
    "  --quick      small sizes, one round: whether results agree, not how fast they come\n"
    "  --rounds=N   how often each variant is measured\n"
    "  --variants=TEXT  beside the rival only variants with this in their names\n"
    "  --threads=N  only on so many threads, 1 or 2\n"
    "  --events=N   of the benchmarks of windows, within the same hour\n"
    "  --checkpoint_interval=MS  of their streams with checkpoints (100)\n"
    "  --data=DIR   where generated inputs are kept (default build/bench-data)\n"
    "  --python=FILE  an interpreter with DuckDB, Polars, Spark and Beam, which are then measured "
    "as well\n"
    "Example: joist_bench --rounds=3 --variants=stream --threads=2 windowed_count\n";

bool TakeValue(std::string_view argument, std::string_view flag, std::string& value) {
  if (!argument.starts_with(flag) || argument.size() <= flag.size() ||
      argument[flag.size()] != '=') {
    return false;
  }
  value = argument.substr(flag.size() + 1);
  return true;
}

/// Takes out other variants than the rival, the first, and those with `text` in their names; and
/// other numbers of threads than this, if it isn't 0.
void Narrow(const std::string& text, int threads, Benchmark* benchmark) {
  std::vector<Variant> kept;
  for (Variant& variant : benchmark->variants) {
    if (!kept.empty() && variant.name.find(text) == std::string::npos) continue;
    if (threads != 0) std::erase_if(variant.threads, [&](int of) { return of != threads; });
    kept.push_back(std::move(variant));
  }
  benchmark->variants = std::move(kept);
}

int Main(int argc, char** argv) {
  Settings settings;
  std::string variants;
  int threads = 0;
  settings.data_dir = "build/bench-data";
  std::vector<std::string> names;
  std::string value, text_path;
  ZipfTextOptions text;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument == "--quick") {
      settings.quick = true;
    } else if (TakeValue(argument, "--rounds", value)) {
      settings.rounds = std::atoi(value.c_str());
    } else if (TakeValue(argument, "--variants", value)) {
      variants = value;
    } else if (TakeValue(argument, "--threads", value)) {
      threads = std::atoi(value.c_str());
      if (threads != 1 && threads != 2) {
        std::fprintf(stderr, "joist_bench: --threads is 1 or 2, not %s\n", value.c_str());
        return 2;
      }
    } else if (TakeValue(argument, "--events", value)) {
      settings.events = std::strtoull(value.c_str(), nullptr, 10);
    } else if (TakeValue(argument, "--checkpoint_interval", value)) {
      settings.checkpoint_interval = std::max(1, std::atoi(value.c_str()));
    } else if (TakeValue(argument, "--data", value)) {
      settings.data_dir = value;
    } else if (TakeValue(argument, "--python", value)) {
      settings.python = value;
    } else if (TakeValue(argument, "--make-text", value)) {
      text_path = value;
    } else if (TakeValue(argument, "--bytes", value)) {
      text.size_bytes = std::strtoull(value.c_str(), nullptr, 10);
    } else if (TakeValue(argument, "--non-ascii", value)) {
      text.non_ascii_percent = std::atoi(value.c_str());
    } else if (argument == "--help") {
      std::fputs(kUsage.data(), stdout);
      return 0;
    } else if (argument.starts_with("-")) {
      std::fprintf(stderr, "joist_bench: unknown option %s\n%s", argv[i], kUsage.data());
      return 2;
    } else {
      names.emplace_back(argument);
    }
  }
  if (!text_path.empty()) {
    if (WriteZipfText(text_path, text)) return 0;
    std::perror(text_path.c_str());
    return 1;
  }

  settings.scratch_dir = settings.data_dir + "/scratch";
  mkdir(settings.data_dir.c_str(), 0777);
  mkdir(settings.scratch_dir.c_str(), 0777);
  std::vector<Benchmark> all = {WordCountBenchmark(settings),    Int64StepsBenchmark(settings),
                                Int64MapsBenchmark(settings),    StringStepsBenchmark(settings),
                                GroupBenchmark(settings),        GroupSpillBenchmark(settings),
                                SumPerKeyBenchmark(settings),    JoinBenchmark(settings),
                                DistinctBenchmark(settings),     WindowedCountBenchmark(settings),
                                SlidingCountBenchmark(settings), SessionCountBenchmark(settings),
                                TopBenchmark(settings),          QuantilesBenchmark(settings),
                                CsvScanBenchmark(settings)};
#ifdef JOIST_BENCH_JSON
  all.push_back(JsonScanBenchmark(settings));
#endif
#ifdef JOIST_BENCH_PARQUET
  all.push_back(ParquetScanBenchmark(settings));
  all.push_back(PricingBenchmark(settings));
  all.push_back(ShippingBenchmark(settings));
  all.push_back(ForecastBenchmark(settings));
#endif
  for (Benchmark& benchmark : NexmarkBenchmarks(settings)) all.push_back(std::move(benchmark));
  if (!settings.python.empty()) all.push_back(SmallWordCountBenchmark(settings));
  for (Benchmark& benchmark : all) Narrow(variants, threads, &benchmark);
  if (names.empty()) return RunBenchmarks(all, settings);
  std::vector<Benchmark> chosen;
  for (const std::string& name : names) {
    bool known = false;
    for (const Benchmark& benchmark : all) {
      if (benchmark.name != name) continue;
      chosen.push_back(benchmark);
      known = true;
    }
    if (known) continue;
    std::fprintf(stderr, "joist_bench: no benchmark %s; there are:", name.c_str());
    for (const Benchmark& benchmark : all) std::fprintf(stderr, " %s", benchmark.name.c_str());
    std::fprintf(stderr, "\n");
    return 2;
  }
  return RunBenchmarks(chosen, settings);
}

}  // namespace
}  // namespace joist::bench

int main(int argc, char** argv) { return joist::bench::Main(argc, argv); }
