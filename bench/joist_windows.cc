// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Counting in windows of event time as Joist pipelines.

#include <array>

#include "bench/joist_variants.h"
#include "bench/window_results.h"

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

std::vector<Variant> CountVariants(const std::string& name, const TimedEvents& input, double goal,
                                   const WindowFn& windows) {
  Variant variant;
  variant.name = name;
  variant.goal = goal;
  variant.run = [input, windows](Measurement& m) {
    std::vector<KeyResult> exact(m.wants_exact() ? input.user_count : 0);
    results_by_user = m.wants_exact() ? exact.data() : nullptr;
    m.Start();
    Pipeline p = MakePipeline(m.threads());
    p | "Users" >> Read(Users{input}) | "Windows" >> WindowInto(windows) |
        "Count" >> Count::PerElement() | "Take" >> ParDo(TakeCounts());
    RunToEnd(p);
    m.Stop();
    m.digest = DigestCollector::Take();
    if (m.wants_exact()) m.exact = CanonicalKeyResults(exact);
  };
  return {variant};
}

}  // namespace

std::vector<Variant> JoistWindowedCountVariants(const TimedEvents& input) {
  return CountVariants("Joist, FixedWindows", input, 0.5, FixedWindows(Duration::Minutes(1)));
}

std::vector<Variant> JoistSlidingCountVariants(const TimedEvents& input) {
  return CountVariants("Joist, SlidingWindows", input, 0.4,
                       SlidingWindows(Duration::Minutes(10), Duration::Minutes(1)));
}

std::vector<Variant> JoistSessionCountVariants(const TimedEvents& input) {
  return CountVariants("Joist, Sessions", input, 0.4, Sessions(Duration::Minutes(1)));
}

}  // namespace joist::bench
