// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Records a second from a CSV file in the page cache to rows: Joist's reader against the loop that
// everybody writes first, which knows of no quotes.

#include <unistd.h>

#include <charconv>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <random>
#include <span>
#include <string>
#include <string_view>

#include <benchmark/benchmark.h>

#include "joist/io/csv/csv.h"

namespace joist::csv {

struct Event {
  std::string user;
  std::string kind;
  int64_t time = 0;
  double value = 0;
};
JOIST_ROW(Event, user, kind, time, value)

namespace {

constexpr size_t kEvents = 100'000;

class EventFile {
 public:
  EventFile() : path_("/tmp/joist_csv_bench_" + std::to_string(getpid())) {
    std::mt19937 random(1);
    std::ofstream file(path_, std::ios::binary);
    file << "user,kind,time,value\n";
    for (size_t i = 0; i < kEvents; ++i) {
      file << "user" << random() % 100'000 << (random() % 2 == 0 ? ",click," : ",view,")
           << 1'700'000'000'000 + random() % 1'000'000 << "," << random() % 1000 << "."
           << random() % 100 << "\n";
    }
  }
  ~EventFile() { std::remove(path_.c_str()); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

void BM_Reader(benchmark::State& state) {
  const EventFile file;
  using Reader = csv_internal::RowFormat<Event>::Reader;
  double total = 0;
  for (auto _ : state) {
    Result<Reader> reader = Reader::Open(file.path(), ReadSettings(), 0, UINT64_MAX, nullptr);
    std::span<Event> events;
    while (*reader->Next(&events)) {
      for (const Event& event : events) total += event.value;
    }
  }
  benchmark::DoNotOptimize(total);
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(kEvents));
}
BENCHMARK(BM_Reader);

void BM_ByHand(benchmark::State& state) {
  const EventFile file;
  double total = 0;
  for (auto _ : state) {
    std::ifstream in(file.path());
    std::string line;
    std::getline(in, line);
    Event event;
    while (std::getline(in, line)) {
      const size_t first = line.find(',');
      const size_t second = line.find(',', first + 1);
      const size_t third = line.find(',', second + 1);
      event.user = line.substr(0, first);
      event.kind = line.substr(first + 1, second - first - 1);
      std::from_chars(line.data() + second + 1, line.data() + third, event.time);
      std::from_chars(line.data() + third + 1, line.data() + line.size(), event.value);
      total += event.value;
    }
  }
  benchmark::DoNotOptimize(total);
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(kEvents));
}
BENCHMARK(BM_ByHand);

}  // namespace
}  // namespace joist::csv
