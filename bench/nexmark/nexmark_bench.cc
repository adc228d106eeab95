// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Nexmark's queries over events in memory, some beside loops by hand. Making the events is not
// measured but by itself.

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "bench/benchmarks.h"
#include "bench/nexmark/joist_nexmark.h"
#include "bench/nexmark/loops.h"
#include "bench/nexmark/reference.h"

namespace joist::bench::nexmark {
namespace {

GeneratorConfig EventsOf(const Settings& settings) {
  return {.event_count = settings.quick ? 60'000 : 1'000'000};
}

void TakeFrom(RowConsumers& consumers, Measurement& m) {
  std::vector<uint64_t> hashes;
  for (const RowConsumer& consumer : consumers) {
    m.digest.Merge(consumer.digest);
    hashes.insert(hashes.end(), consumer.exact.begin(), consumer.exact.end());
  }
  if (m.wants_exact()) m.exact = CanonicalRows(std::move(hashes));
}

RowConsumers ConsumersFor(const Measurement& m, int threads) {
  return RowConsumers(static_cast<size_t>(threads), RowConsumer(m.wants_exact()));
}

using Loop = void (*)(const std::vector<Event>&, const QueryConfig&, RowConsumers&);

Variant ByHand(const GeneratorConfig& input, Loop loop) {
  return {.name = "by hand", .run = [input, loop](Measurement& m) {
            const std::vector<Event> events = MakeEvents(input);
            RowConsumers consumers = ConsumersFor(m, m.threads());
            m.Start();
            loop(events, QueryConfig(), consumers);
            m.Stop();
            TakeFrom(consumers, m);
          }};
}

template <class Row>
void TakeReference(const InWindows<Row>& rows, Measurement& m) {
  RowConsumers consumers = ConsumersFor(m, 1);
  for (const auto& [window, row] : rows) consumers[0].Add(window, row);
  TakeFrom(consumers, m);
}

void TakeReferenceFiles(const std::map<std::string, std::vector<std::string>>& files,
                        Measurement& m) {
  std::vector<uint64_t> hashes;
  for (const auto& [name, lines] : files) {
    for (const std::string& line : lines) {
      hashes.push_back(MixIn(DigestBytes(name), DigestBytes(line)));
      m.digest.Add(hashes.back());
    }
  }
  m.exact = CanonicalRows(std::move(hashes));
}

void RunReference(int number, const Events& events, const QueryConfig& config, Measurement& m) {
  switch (number) {
    case 0: return TakeReference(reference::Passthrough(events, config), m);
    case 1: return TakeReference(reference::CurrencyConversion(events, config), m);
    case 2: return TakeReference(reference::Selection(events, config), m);
    case 3: return TakeReference(reference::LocalItemSuggestion(events, config), m);
    case 4: return TakeReference(reference::AveragePriceForCategory(events, config), m);
    case 5: return TakeReference(reference::HotItems(events, config), m);
    case 6: return TakeReference(reference::AverageSellingPriceBySeller(events, config), m);
    case 7: return TakeReference(reference::HighestBid(events, config), m);
    case 8: return TakeReference(reference::MonitorNewUsers(events, config), m);
    case 9: return TakeReference(reference::WinningBids(events, config), m);
    case 10: return TakeReferenceFiles(reference::LogToShardedFiles(events, config), m);
    case 11: return TakeReference(reference::UserSessions(events, config), m);
    case 12: return TakeReference(reference::ProcessingTimeWindows(events, config), m);
    case 13: return TakeReference(reference::BoundedSideInputJoin(events, config), m);
    default: return TakeReference(reference::SessionSideInputJoin(events, config), m);
  }
}

std::string ExplainRows(const std::string& expected, const std::string& found, size_t offset) {
  return "  " + std::to_string(expected.size() / 8) + " rows expected, " +
         std::to_string(found.size() / 8) + " found; in the order of their hashes they differ at " +
         std::to_string(offset / 8);
}

Benchmark EventsBenchmark(const std::string& name, const std::string& title,
                          const GeneratorConfig& input) {
  Benchmark benchmark;
  benchmark.name = name;
  benchmark.title =
      "Nexmark " + title + ", " + std::to_string(input.event_count / 1000) + " k events";
  benchmark.amount = static_cast<double>(input.event_count);
  benchmark.unit = "M/s";
  benchmark.rounds = 5;
  benchmark.memory_bytes = static_cast<size_t>(input.event_count) * 350;
  benchmark.explain = ExplainRows;
  return benchmark;
}

/// Whether a stream's result is that of the same events at once. Panes of 6 have what has come by
/// then, windows of 12 are of the clock; and 10 writes without windows.
bool IsSameAsStream(int number) { return number != 6 && number != 10 && number != 12; }

Benchmark QueryBenchmark(int number, const std::string& title, const GeneratorConfig& input,
                         Loop loop = nullptr) {
  Benchmark benchmark = EventsBenchmark("nexmark_" + std::to_string(number),
                                        std::to_string(number) + ", " + title, input);
  benchmark.reference = [number, input](Measurement& m) {
    RunReference(number, MakeEvents(input), QueryConfig(), m);
  };
  if (loop != nullptr) benchmark.variants.push_back(ByHand(input, loop));
  benchmark.variants.push_back(JoistQueryVariant(number, input, QueryConfig()));
  if (IsSameAsStream(number)) {
    benchmark.variants.push_back(JoistStreamVariant(number, input, QueryConfig()));
  }
  return benchmark;
}

Benchmark GeneratorBenchmark(const GeneratorConfig& input) {
  Benchmark benchmark = EventsBenchmark("nexmark_events", "events being made", input);
  benchmark.reference = [input](Measurement& m) {
    TakeReference(reference::Passthrough(MakeEvents(input), QueryConfig()), m);
  };
  benchmark.variants.push_back({.name = "by hand", .run = [input](Measurement& m) {
                                  RowConsumers consumers = ConsumersFor(m, m.threads());
                                  m.Start();
                                  GenerateByHand(input, consumers);
                                  m.Stop();
                                  TakeFrom(consumers, m);
                                }});
  benchmark.variants.push_back(JoistGenerateVariant(input));
  return benchmark;
}

}  // namespace
}  // namespace joist::bench::nexmark

namespace joist::bench {

std::vector<Benchmark> NexmarkBenchmarks(const Settings& settings) {
  using namespace nexmark;  // NOLINT: the names above.
  const GeneratorConfig input = EventsOf(settings);
  return {GeneratorBenchmark(input),
          QueryBenchmark(0, "passthrough", input, PassthroughByHand),
          QueryBenchmark(1, "currency conversion", input, CurrencyConversionByHand),
          QueryBenchmark(2, "selection", input, SelectionByHand),
          QueryBenchmark(3, "local item suggestion", input),
          QueryBenchmark(4, "average price for a category", input),
          QueryBenchmark(5, "hot items", input, HotItemsByHand),
          QueryBenchmark(6, "average selling price by seller", input),
          QueryBenchmark(7, "highest bid", input),
          QueryBenchmark(8, "monitor new users", input, MonitorNewUsersByHand),
          QueryBenchmark(9, "winning bids", input),
          QueryBenchmark(10, "log to sharded files", input),
          QueryBenchmark(11, "user sessions", input),
          QueryBenchmark(12, "processing-time windows", input),
          QueryBenchmark(13, "bounded side input join", input),
          QueryBenchmark(14, "session side input join", input)};
}

}  // namespace joist::bench
