// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Counting in windows of event time as Joist pipelines: over input with an end, and over a stream
// whose end nobody knows, with its partitions and their watermarks, with checkpoints and without.

#include <algorithm>
#include <array>
#include <filesystem>

#include "bench/joist_variants.h"
#include "bench/partitions.h"
#include "bench/window_results.h"
#include "joist/model/offset_range.h"

namespace joist::bench {
namespace {

struct Users {
  using Element = int64_t;
  TimedEvents input;
  Result<std::vector<SourceRange>> Split(int) const {
    return std::vector<SourceRange>{{0, 0, static_cast<int64_t>(input.event_count), true}};
  }
  Status Read(RangeTracker& tracker, SourceOutput<int64_t>& out) const {
    std::array<int64_t, kBatchSize> users, times;
    std::array<Timestamp, kBatchSize> timestamps;
    int64_t begin, end;
    while (tracker.Claim(kBatchSize, &begin, &end)) {
      const auto count = static_cast<size_t>(end - begin);
      input.Fill(static_cast<uint64_t>(begin), count, users.data(), times.data());
      for (size_t i = 0; i < count; ++i) timestamps[i] = Timestamp{times[i]};
      out.PushColumn(ColumnView<int64_t>(users.data()), timestamps.data(), count);
    }
    return OkStatus();
  }
  int64_t least_split() const { return 64 << 10; }
};

/// The events of one partition, whose number is the element: every kPartitions-th block of them.
struct PartitionOfUsers {
  static constexpr bool kIsBounded = false;
  static constexpr int64_t kPartitions = 4;
  TimedEvents input;

  OffsetRange InitialRestriction(int64_t) const {
    constexpr auto kBlock = static_cast<int64_t>(kBatchSize);
    return {0, (static_cast<int64_t>(input.event_count) + kBlock - 1) / kBlock};
  }
  void Process(int64_t partition, RestrictionTracker<OffsetRange>& tracker,
               ManualWatermarkEstimator& watermark, Emit<int64_t> emit) const {
    std::array<int64_t, kBatchSize> users, times;
    int64_t block = FirstOfPartition(tracker.restriction().from, partition, kPartitions);
    for (; tracker.TryClaim(block); block += kPartitions) {
      const auto first = static_cast<uint64_t>(block) * kBatchSize;
      const size_t count = std::min<uint64_t>(kBatchSize, input.event_count - first);
      input.Fill(first, count, users.data(), times.data());
      for (size_t i = 0; i < count; ++i) emit(users[i], Timestamp{times[i]});
      watermark.SetWatermark(Timestamp{input.TimeInOrder(first + count) - TimedEvents::kDisorder});
    }
  }
};

/// Where exact results are wanted: an array by user. Set before the pipeline runs.
KeyResult* results_by_user = nullptr;

/// A last step that hands what it sees to the same consumer as the rival.
struct TakeCounts {
  WindowConsumer consumer;
  void StartBundle() { consumer.results = results_by_user; }
  void Process(const KV<int64_t, int64_t>& count, Window window) {
    consumer.Add(window.start.millis, window.end.millis, count.key, count.value);
  }
  void FinishBundle() {
    DigestCollector::Add(consumer.digest);
    consumer.digest = Digest();
  }
};

/// `read` is applied to the pipeline and gives users. Without checkpoints if `checkpoint_ms` is 0.
template <class Read>
Variant CountVariant(const std::string& name, const TimedEvents& input, double goal,
                     const WindowFn& windows, int64_t checkpoint_ms, Read read) {
  Variant variant;
  variant.name = name;
  variant.goal = goal;
  variant.run = [=](Measurement& m) {
    std::vector<KeyResult> exact(m.wants_exact() ? input.user_count : 0);
    results_by_user = m.wants_exact() ? exact.data() : nullptr;
    std::vector<std::string> options;
    const std::string directory = m.scratch() + "checkpoints";
    if (checkpoint_ms > 0) {
      options = {"--checkpoint_dir=" + directory,
                 "--checkpoint_interval=" + std::to_string(checkpoint_ms) + "ms"};
    }
    std::filesystem::remove_all(directory);
    m.Start();
    Pipeline p = MakePipeline(m.threads(), options);
    read(p) | "Windows" >> WindowInto(windows) | "Count" >> Count::PerElement() |
        "Take" >> ParDo(TakeCounts());
    RunToEnd(p);
    m.Stop();
    std::filesystem::remove_all(directory);
    m.digest = DigestCollector::Take();
    if (m.wants_exact()) m.exact = CanonicalKeyResults(exact);
  };
  return variant;
}

struct Goals {
  double bounded;
  double stream = 0;
  double checkpoints = 0;
};

std::vector<Variant> CountVariants(const std::string& name, const TimedEvents& input,
                                   int64_t checkpoint_ms, const Goals& goals,
                                   const WindowFn& windows) {
  const auto bounded = [input](Pipeline& p) { return p | "Users" >> Read(Users{input}); };
  const auto stream = [input](Pipeline& p) {
    return p | "Partitions" >> Create(Partitions(PartitionOfUsers::kPartitions)) |
           "Users" >> ParDo(PartitionOfUsers{input});
  };
  return {CountVariant(name, input, goals.bounded, windows, 0, bounded),
          CountVariant(name + ", stream", input, goals.stream, windows, 0, stream),
          CountVariant(name + ", checkpoints", input, goals.checkpoints, windows, checkpoint_ms,
                       stream)};
}

}  // namespace

std::vector<Variant> JoistWindowedCountVariants(const TimedEvents& input, int64_t checkpoint_ms) {
  return CountVariants("Joist, FixedWindows", input, checkpoint_ms, {0.5, 0.5, 0.4},
                       FixedWindows(Duration::Minutes(1)));
}

std::vector<Variant> JoistSlidingCountVariants(const TimedEvents& input, int64_t checkpoint_ms) {
  return CountVariants("Joist, SlidingWindows", input, checkpoint_ms, {0.4},
                       SlidingWindows(Duration::Minutes(10), Duration::Minutes(1)));
}

std::vector<Variant> JoistSessionCountVariants(const TimedEvents& input, int64_t checkpoint_ms) {
  return CountVariants("Joist, Sessions", input, checkpoint_ms, {0.4},
                       Sessions(Duration::Minutes(1)));
}

}  // namespace joist::bench
