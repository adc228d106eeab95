// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// count_by_hand EVENTS USERS THREADS: the windowed count by hand, in the line that WindowedCount
// prints, for numbers of events that joist_bench does not have.

#include <chrono>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "bench/rivals/window_counts.h"
#include "bench/timed_events.h"
#include "bench/window_results.h"

int main(int argc, char** argv) {
  using namespace joist::bench;  // NOLINT: all of it is of the benchmarks.
  if (argc != 4) {
    std::fputs("usage: count_by_hand EVENTS USERS THREADS\n", stderr);
    return 2;
  }
  const TimedEvents input{std::strtoull(argv[1], nullptr, 10), std::strtoull(argv[2], nullptr, 10)};
  std::vector<WindowConsumer> consumers(std::strtoull(argv[3], nullptr, 10));
  const auto start = std::chrono::steady_clock::now();
  CountInMinutes(input, consumers);
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  Digest digest;
  for (const WindowConsumer& consumer : consumers) digest.Merge(consumer.digest);
  std::printf("events=%" PRIu64 " parallelism=%zu seconds=%.3f entries=%" PRIu64 " sum=%" PRIu64
              " mixed_sum=%" PRIu64 "\n",
              input.event_count, consumers.size(), seconds.count(), digest.entries, digest.sum,
              digest.mixed_sum);
}
