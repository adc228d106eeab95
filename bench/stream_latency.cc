// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// How long an element of a stream takes to the output of a step with state: events come at a
// steady rate, are counted by key, and each count is output at once. The time of an event is
// counted from when it was to be sent, not from when the source came to sending it: a stream that
// stands still makes all events late that were due meanwhile.

#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <memory>
#include <numeric>
#include <string>
#include <string_view>
#include <vector>

#include "bench/digest.h"
#include "bench/partitions.h"
#include "bench/take_number.h"
#include "joist/joist.h"
#include "joist/model/offset_range.h"

namespace joist::bench {
namespace {

using Clock = std::chrono::steady_clock;

int64_t NanosecondsNow() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now().time_since_epoch())
      .count();
}

constexpr int64_t kPartitions = 2;
constexpr int64_t kWarmUp = 2'000'000'000;  // Nanoseconds that are not counted.

struct Load {
  int64_t rate = 100'000;
  int64_t seconds = 20;
  int64_t keys = 10'000;
};
Load load;
int64_t start;  // Nanoseconds of the steady clock at which event 0 is to be sent.

int64_t DueAt(int64_t event) { return start + event * 1'000'000'000 / load.rate; }

/// Events by the microseconds that they took; the last for all that took longer.
class Latencies {
 public:
  void Add(int64_t nanoseconds) {
    const auto us = static_cast<size_t>(std::max<int64_t>(nanoseconds, 0) / 1000);
    counts_[std::min(us, kMost - 1)].fetch_add(1, std::memory_order_relaxed);
  }
  /// In milliseconds.
  double Percentile(double of) const {
    const auto wanted = static_cast<double>(count()) * of / 100;
    double seen = 0;
    for (size_t us = 0; us < kMost; ++us) {
      seen += static_cast<double>(counts_[us].load());
      if (seen >= wanted) return static_cast<double>(us) / 1000;
    }
    return static_cast<double>(kMost) / 1000;
  }
  int64_t count() const {
    return std::accumulate(counts_.begin(), counts_.end(), int64_t{0},
                           [](int64_t sum, const auto& one) { return sum + one.load(); });
  }

 private:
  static constexpr size_t kMost = 5'000'000;
  std::vector<std::atomic<uint32_t>> counts_ = std::vector<std::atomic<uint32_t>>(kMost);
};
Latencies* latencies;

/// The events of one partition that are due.
struct DueEvents {
  static constexpr bool kIsBounded = false;
  OffsetRange InitialRestriction(int64_t) const { return {0, load.rate * load.seconds}; }
  ProcessContinuation Process(int64_t partition, RestrictionTracker<OffsetRange>& tracker,
                              Emit<KV<int64_t, int64_t>> emit) const {
    int64_t event = FirstOfPartition(tracker.restriction().from, partition, kPartitions);
    for (;; event += kPartitions) {
      if (event < tracker.restriction().to && DueAt(event) > NanosecondsNow()) {
        return ProcessContinuation::Resume(Duration::Millis(1));
      }
      if (!tracker.TryClaim(event)) return ProcessContinuation::Stop();
      const uint64_t key =
          SplitMix64(static_cast<uint64_t>(event)) % static_cast<uint64_t>(load.keys);
      emit(KV<int64_t, int64_t>{static_cast<int64_t>(key), DueAt(event)});
    }
  }
};

/// Each event's due time, counted.
struct CountByKey {
  void Process(const KV<int64_t, int64_t>& event, ValueState<int64_t> count,
               Emit<int64_t> emit) const {
    count.Write(count.ReadOr(0) + 1);
    emit(event.value);
  }
};

constexpr const char* kUsage =
    "usage: joist_latency [--rate=N] [--seconds=N] [--keys=N] [option of a pipeline …]\n"
    "  --rate=N     events a second (100000)\n"
    "  --seconds=N  how long, two seconds of warming up included (20)\n"
    "  --keys=N     keys, drawn evenly (10000)\n"
    "Example: joist_latency --seconds=60 --checkpoint_dir=/tmp/state --checkpoint_interval=1s\n";

int Main(int argc, char** argv) {
  std::vector<const char*> options = {argv[0], "--progress=off"};
  for (int i = 1; i < argc; ++i) {
    if (std::string_view(argv[i]) == "--help") {
      std::fputs(kUsage, stdout);
      return 0;
    }
    if (!TakeNumber(argv[i], "--rate=", &load.rate) &&
        !TakeNumber(argv[i], "--seconds=", &load.seconds) &&
        !TakeNumber(argv[i], "--keys=", &load.keys)) {
      options.push_back(argv[i]);
    }
  }
  const auto all = std::make_unique<Latencies>();
  latencies = all.get();
  Pipeline p(static_cast<int>(options.size()), options.data());
  p | Create(Partitions(kPartitions)) | "Events" >> ParDo(DueEvents()) |
      "Count" >> ParDo(CountByKey()) | "Take" >> Map([](int64_t due) {
                                         if (due - start >= kWarmUp)
                                           latencies->Add(NanosecondsNow() - due);
                                         return due;
                                       });
  start = NanosecondsNow();
  const PipelineResult result = p.Run().WaitUntilFinish();
  if (!result.status().ok()) {
    std::fprintf(stderr, "joist_latency: %s\n", result.status().message().c_str());
    return 1;
  }
  std::printf(
      "%lld events/s, %lld keys: %lld events; ms: p50 %.2f, p99 %.2f, p99.9 %.2f, all %.2f\n",
      static_cast<long long>(load.rate), static_cast<long long>(load.keys),
      static_cast<long long>(all->count()), all->Percentile(50), all->Percentile(99),
      all->Percentile(99.9), all->Percentile(100));
  return 0;
}

}  // namespace
}  // namespace joist::bench

int main(int argc, char** argv) { return joist::bench::Main(argc, argv); }
