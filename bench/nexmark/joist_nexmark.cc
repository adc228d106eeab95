// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "bench/nexmark/joist_nexmark.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "bench/joist_variants.h"
#include "bench/nexmark/row_consumer.h"
#include "bench/nexmark/winning_bids.h"
#include "bench/partitions.h"
#include "joist/model/offset_range.h"

namespace joist::bench::nexmark {
namespace {

/// Events with their times, which are pushed as they lie there. Both outlive the run.
struct EventsInMemory {
  using Element = Event;
  const std::vector<Event>* events;
  const std::vector<Timestamp>* times;
  Result<std::vector<SourceRange>> Split(int) const {
    return std::vector<SourceRange>{{0, 0, static_cast<int64_t>(events->size()), true}};
  }
  Status Read(RangeTracker& tracker, SourceOutput<Event>& out) const {
    int64_t begin, end;
    while (tracker.Claim(kBatchSize, &begin, &end)) {
      out.PushColumn(ColumnView<Event>(events->data() + begin), times->data() + begin,
                     static_cast<size_t>(end - begin));
    }
    return OkStatus();
  }
  int64_t least_split() const { return 16 << 10; }
};

/// Events that never end, for all that a runner knows: block after block, which the partitions make
/// in turn.
struct PartitionOfEvents {
  static constexpr bool kIsBounded = false;
  static constexpr int64_t kPartitions = 4;
  static constexpr int64_t kBlock = 512;
  GeneratorConfig config;

  OffsetRange InitialRestriction(int64_t) const {
    return {0, (config.event_count + kBlock - 1) / kBlock};
  }
  void Process(int64_t partition, RestrictionTracker<OffsetRange>& tracker,
               ManualWatermarkEstimator& watermark, Emit<Event> emit) const {
    const Generator generator(config);
    int64_t block = FirstOfPartition(tracker.restriction().from, partition, kPartitions);
    for (; tracker.TryClaim(block); block += kPartitions) {
      const int64_t end = std::min((block + 1) * kBlock, config.event_count);
      Timestamp time;
      for (int64_t i = block * kBlock; i < end; ++i) {
        Event event = generator[i];
        time = event.date_time();
        emit(std::move(event), time);
      }
      watermark.SetWatermark(time);  // They come in the order of time.
    }
  }
};

/// Where the last steps leave their exact results. Set before the pipeline runs.
struct ExactRows {
  std::mutex mutex;
  bool wanted = false;
  std::vector<uint64_t> hashes;
};
ExactRows exact_rows;

/// A last step that hands what it sees to the same consumer as everybody.
template <class Row>
struct TakeRows {
  RowConsumer consumer;
  void StartBundle() { consumer = RowConsumer(exact_rows.wanted); }
  void Process(const Row& row, Window window) { consumer.Add(window, row); }
  void FinishBundle() {
    DigestCollector::Add(consumer.digest);
    if (consumer.exact.empty()) return;
    const std::lock_guard lock(exact_rows.mutex);
    exact_rows.hashes.insert(exact_rows.hashes.end(), consumer.exact.begin(), consumer.exact.end());
  }
};

template <class Row>
void Take(const PCollection<Row>& rows) {
  rows | "Take" >> ParDo(TakeRows<Row>());
}

void BuildQuery(int number, const Pipeline& p, const PCollection<Event>& events,
                const QueryConfig& config, const std::string& scratch) {
  switch (number) {
    case 0: return Take(Passthrough(events));
    case 1: return Take(CurrencyConversion(events));
    case 2: return Take(Selection(events, config));
    case 3: return Take(LocalItemSuggestion(events, config));
    case 4: return Take(AveragePriceForCategory(events, config));
    case 5: return Take(HotItems(events, config));
    case 6: return Take(AverageSellingPriceBySeller(events, config));
    case 7: return Take(HighestBid(events, config));
    case 8: return Take(MonitorNewUsers(events, config));
    case 9: return Take(WinningBids(events, config));
    case 10: LogToShardedFiles(events, config, scratch); return;
    case 11: return Take(UserSessions(events, config));
    case 12: return Take(ProcessingTimeWindows(events, config));
    case 13: return Take(BoundedSideInputJoin(events, SideInputOf(p, config), config));
    case 14: return Take(SessionSideInputJoin(events, SideInputOf(p, config), config));
    default: throw std::out_of_range("Nexmark has queries 0 to 14");
  }
}

template <class Build>
void RunMeasured(Measurement& m, Build build) {
  exact_rows.wanted = m.wants_exact();
  exact_rows.hashes.clear();
  m.Start();
  Pipeline p = MakePipeline(m.threads());
  build(p);
  RunToEnd(p);
  m.Stop();
  m.digest = DigestCollector::Take();
  if (m.wants_exact()) m.exact = CanonicalRows(std::move(exact_rows.hashes));
}

}  // namespace

Variant JoistGenerateVariant(const GeneratorConfig& config) {
  Variant variant;
  variant.name = "Joist, a source";
  variant.run = [config](Measurement& m) {
    RunMeasured(m, [&](Pipeline& p) { Take(p | "Events" >> Read(NexmarkSource{config})); });
  };
  return variant;
}

Variant JoistQueryVariant(int number, const GeneratorConfig& events, const QueryConfig& config) {
  Variant variant;
  variant.name = "Joist";
  variant.run = [number, config, events](Measurement& m) {
    const std::vector<Event> made = MakeEvents(events);
    std::vector<Timestamp> times;
    times.reserve(made.size());
    for (const Event& event : made) times.push_back(event.date_time());
    const std::string scratch = m.scratch() + "-";
    RunMeasured(m, [&](Pipeline& p) {
      BuildQuery(number, p, p | "Events" >> Read(EventsInMemory{&made, &times}), config, scratch);
    });
    if (number == 10) TakeLogFiles(scratch, m);
  };
  return variant;
}

Variant JoistStreamVariant(int number, const GeneratorConfig& events, const QueryConfig& config) {
  Variant variant;
  variant.name = "Joist, stream with generator";
  variant.run = [number, config, events](Measurement& m) {
    RunMeasured(m, [&](Pipeline& p) {
      BuildQuery(number, p,
                 p | "Partitions" >> Create(Partitions(PartitionOfEvents::kPartitions)) |
                     "Events" >> ParDo(PartitionOfEvents{events}),
                 config, m.scratch());
    });
  };
  return variant;
}

void TakeLogFiles(const std::string& prefix, Measurement& m) {
  const std::filesystem::path path(prefix);
  std::vector<std::filesystem::path> files;
  for (const auto& file : std::filesystem::directory_iterator(path.parent_path())) {
    if (file.path().filename().string().starts_with(path.filename().string())) {
      files.push_back(file.path());
    }
  }
  std::vector<uint64_t> hashes;
  for (const std::filesystem::path& file : files) {
    std::string name = file.filename().string().substr(path.filename().string().size());
    name.resize(name.size() - std::string("-00000-of-00001").size());
    std::ifstream in(file);
    for (std::string line; std::getline(in, line);) {
      hashes.push_back(MixIn(DigestBytes(name), DigestBytes(line)));
      m.digest.Add(hashes.back());
    }
    std::filesystem::remove(file);
  }
  if (m.wants_exact()) m.exact = CanonicalRows(std::move(hashes));
}

}  // namespace joist::bench::nexmark
