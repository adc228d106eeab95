// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Counting 20 M events by user in windows of event time: of a minute, of ten minutes each minute,
// and in sessions.

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "bench/benchmarks.h"
#include "bench/joist_variants.h"
#include "bench/key_results.h"
#include "bench/rivals/session_counts.h"
#include "bench/rivals/window_counts.h"
#include "bench/timed_events.h"
#include "bench/window_results.h"

namespace joist::bench {
namespace {

constexpr int64_t kMinute = TimedEvents::kMinute;
constexpr size_t kSlidingMinutes = 10;

TimedEvents InputEvents(const Settings& settings) {
  TimedEvents input =
      settings.quick ? TimedEvents{500'000, 50'000} : TimedEvents{20'000'000, 1'000'000};
  if (settings.events > 0) input.event_count = settings.events;
  return input;
}

/// Calls function(consumers) with a consumer a thread, and collects what they have.
template <typename Function>
void WithConsumers(const TimedEvents& input, Measurement& m, Function function) {
  std::vector<KeyResult> results(m.wants_exact() ? input.user_count : 0);
  std::vector<WindowConsumer> consumers(static_cast<size_t>(m.threads()));
  for (WindowConsumer& consumer : consumers) {
    if (m.wants_exact()) consumer.results = results.data();
  }
  m.Start();
  function(consumers);
  m.Stop();
  for (const WindowConsumer& consumer : consumers) m.digest.Merge(consumer.digest);
  if (m.wants_exact()) m.exact = CanonicalKeyResults(results);
}

/// Calls function(user, time) with each event.
template <typename Function>
void ForEachEvent(const TimedEvents& input, Function function) {
  for (uint64_t i = 0; i < input.event_count; ++i) {
    int64_t user, time;
    input.Fill(i, 1, &user, &time);
    function(user, time);
  }
}

/// Windows of so many minutes, one beginning each minute: an array of counts by window and user.
void CountByWindow(const TimedEvents& input, size_t minutes, WindowConsumer& consumer) {
  const size_t windows = TimedEvents::kMinutes + minutes - 1;  // The n-th ends with minute n.
  std::vector<uint32_t> counts(windows * input.user_count);
  ForEachEvent(input, [&](int64_t user, int64_t time) {
    const auto minute = static_cast<size_t>((time - TimedEvents::kFirstMinute) / kMinute);
    for (size_t window = minute; window < minute + minutes; ++window) {
      ++counts[window * input.user_count + static_cast<size_t>(user)];
    }
  });
  for (size_t i = 0; i < counts.size(); ++i) {
    if (counts[i] == 0) continue;
    const int64_t end =
        TimedEvents::kFirstMinute + static_cast<int64_t>(i / input.user_count + 1) * kMinute;
    consumer.Add(end - static_cast<int64_t>(minutes) * kMinute, end,
                 static_cast<int64_t>(i % input.user_count), counts[i]);
  }
}

/// All events in the order of user and time.
void CountBySession(const TimedEvents& input, WindowConsumer& consumer) {
  std::vector<std::pair<int64_t, int64_t>> events;
  events.reserve(input.event_count);
  ForEachEvent(input, [&](int64_t user, int64_t time) { events.emplace_back(user, time); });
  std::sort(events.begin(), events.end());
  for (size_t first = 0, next; first < events.size(); first = next) {
    for (next = first + 1; next < events.size() && events[next].first == events[first].first &&
                           events[next].second < events[next - 1].second + kMinute;) {
      ++next;
    }
    consumer.Add(events[first].second, events[next - 1].second + kMinute, events[first].first,
                 static_cast<int64_t>(next - first));
  }
}

template <typename Reference, typename Rival>
Benchmark WindowsBenchmark(const std::string& name, const std::string& title,
                           const TimedEvents& input, const std::string& rival_name,
                           Reference reference, Rival rival, std::vector<Variant> variants) {
  Benchmark benchmark;
  benchmark.name = name;
  benchmark.title = title + ", " + std::to_string(input.event_count / 1000) + " k events of " +
                    std::to_string(input.user_count / 1000) + " k users in an hour";
  benchmark.amount = static_cast<double>(input.event_count);
  benchmark.unit = "M/s";
  benchmark.rounds = 5;
  benchmark.memory_bytes = std::min<uint64_t>(input.event_count * 40, uint64_t{1} << 30);
  benchmark.reference = [input, reference](Measurement& m) {
    std::vector<KeyResult> results(input.user_count);
    WindowConsumer consumer{{}, results.data()};
    reference(consumer);
    m.digest = consumer.digest;
    m.exact = CanonicalKeyResults(results);
  };
  benchmark.explain = ExplainKeyResults;
  benchmark.variants.push_back({.name = rival_name, .run = [input, rival](Measurement& m) {
                                  WithConsumers(input, m, rival);
                                }});
  for (Variant& variant : variants) benchmark.variants.push_back(std::move(variant));
  return benchmark;
}

}  // namespace

Benchmark WindowedCountBenchmark(const Settings& settings) {
  const TimedEvents input = InputEvents(settings);
  return WindowsBenchmark(
      "windowed_count", "count by user and minute", input, "by hand, a table a minute",
      [input](WindowConsumer& consumer) { CountByWindow(input, 1, consumer); },
      [input](std::vector<WindowConsumer>& consumers) { CountInMinutes(input, consumers); },
      JoistWindowedCountVariants(input, settings.checkpoint_interval));
}

Benchmark SlidingCountBenchmark(const Settings& settings) {
  const TimedEvents input = InputEvents(settings);
  return WindowsBenchmark(
      "sliding_count", "count by user in ten minutes, each minute", input,
      "by hand, minutes in and out",
      [input](WindowConsumer& consumer) { CountByWindow(input, kSlidingMinutes, consumer); },
      [input](std::vector<WindowConsumer>& consumers) {
        CountInSlidingWindows(input, kSlidingMinutes, consumers);
      },
      JoistSlidingCountVariants(input, settings.checkpoint_interval));
}

Benchmark SessionCountBenchmark(const Settings& settings) {
  const TimedEvents input = InputEvents(settings);
  return WindowsBenchmark(
      "session_count", "count by user and session, gap of a minute", input,
      "by hand, open sessions",
      [input](WindowConsumer& consumer) { CountBySession(input, consumer); },
      [input](std::vector<WindowConsumer>& consumers) {
        CountInSessions(input, kMinute, consumers);
      },
      JoistSessionCountVariants(input, settings.checkpoint_interval));
}

}  // namespace joist::bench
