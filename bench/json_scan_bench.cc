// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Counting the events of each user in JSON Lines of 408 bytes, of which three fields are looked at.

#include <string>
#include <utility>
#include <vector>

#include "bench/benchmarks.h"
#include "bench/events.h"
#include "bench/joist_variants.h"
#include "bench/packages.h"
#include "bench/result_lines.h"
#include "bench/rivals/json_scan.h"
#include "joist/io/json/json.h"
#include "joist/io/text/text.h"

namespace joist::bench {

/// What the pipeline looks at.
struct ScanEvent {
  int64_t time = 0;
  std::string user;
  std::string kind;
};
JOIST_ROW(ScanEvent, time, user, kind)

namespace {

/// From the numbers that the lines are made of.
void Reference(const EventSequence& input, Measurement& m) {
  std::vector<uint64_t> counts(EventSequence::kUsers);
  for (uint64_t i = 0; i < input.event_count; ++i) {
    if (input.wanted().Contains(input.TimeOf(i), input.KindOf(i))) ++counts[input.UserOf(i)];
  }
  ResultLines lines(m);
  for (size_t user = 0; user < counts.size(); ++user) {
    if (counts[user] == 0) continue;
    lines.Add("user" + std::to_string(user) + ": " + std::to_string(counts[user]));
  }
}

void RunJoist(const std::string& path, const WantedEvents& wanted, Measurement& m) {
  m.Start();
  Pipeline p = MakePipeline(m.threads());
  p | "Read" >> json::Read<ScanEvent>(path) | "Wanted" >> Filter([wanted](const ScanEvent& event) {
                                                return wanted.Contains(event.time, event.kind);
                                              }) |
      "User" >> Map([](const ScanEvent& event) { return std::string_view(event.user); }) |
      "Count" >> Count::PerElement() |
      "Format" >> Map([](const KV<std::string_view, int64_t>& count) {
        return std::string(count.key) + ": " + std::to_string(count.value);
      }) |
      "Write" >> text::Write(m.scratch());
  RunToEnd(p);
  m.Stop();
  CollectLines(m);
}

}  // namespace

Benchmark JsonScanBenchmark(const Settings& settings) {
  const EventSequence input{settings.quick ? 20'000u : 1'000'000u};
  const std::string path =
      settings.data_dir + "/events-" + std::to_string(input.event_count) + ".jsonl";
  const WantedEvents wanted = input.wanted();
  Benchmark benchmark;
  benchmark.name = "json_scan";
  benchmark.title = "count per user, " + std::to_string(input.event_count / 1000) +
                    " k events as JSON Lines of 408 bytes, three fields looked at, file to files";
  benchmark.amount = static_cast<double>(input.event_count);
  benchmark.unit = "M/s";
  benchmark.prepare = [path, input] { return input.Write(path); };
  benchmark.reference = [input](Measurement& m) { Reference(input, m); };
  benchmark.explain = ExplainLines;
  benchmark.variants.push_back(
      {.name = "by hand, simdjson on demand", .run = [path, wanted](Measurement& m) {
         m.Start();
         ScanEvents(path, wanted, m.scratch(), m.threads());
         m.Stop();
         CollectLines(m);
       }});
  benchmark.variants.push_back(
      {.name = "Joist, json::Read",
       .run = [path, wanted](Measurement& m) { RunJoist(path, wanted, m); },
       .goal = 0.5,
       .beside = {"Polars", "DuckDB"}});
  if (!settings.python.empty()) {
    for (const auto& [title, name] :
         {std::pair{"Polars", "json_scan_polars"}, {"DuckDB", "json_scan_duckdb"}}) {
      benchmark.variants.push_back(
          PackageVariant(settings, title, name, path, {1, 2}, CollectLines));
    }
  }
  return benchmark;
}

}  // namespace joist::bench
