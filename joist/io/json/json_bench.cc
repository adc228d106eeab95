// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Records a second from JSON Lines in memory to rows: Joist's cursor against loops written by hand
// with simdjson's On-Demand, by the block (iterate_many) and by the line. Short events, and wide
// records of which four fields are wanted. Everybody leaves the same sum. At last a whole job: a
// file's events counted per user on one thread, as a pipeline and by hand.

#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <random>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <benchmark/benchmark.h>
#include <simdjson.h>

#include "joist/io/json/json.h"
#include "joist/joist.h"

namespace joist::json {

struct Event {
  std::string user;
  std::string kind;
  int64_t time = 0;
  double value = 0;
};
JOIST_ROW(Event, user, kind, time, value)

struct UserOnly {
  std::string user;
};
JOIST_ROW(UserOnly, user)

namespace {

constexpr size_t kEvents = 20'000;

std::string MakeEvents(bool wide) {
  std::mt19937 random(1);
  std::string text;
  for (size_t i = 0; i < kEvents; ++i) {
    text += "{\"user\":\"user" + std::to_string(random() % 100'000) + "\",";
    for (int f = 0; wide && f < 20; ++f) {
      text += "\"attribute_" + std::to_string(f) + "\":";
      text += f % 3 == 0   ? "[1,2,{\"deep\":null}],"
              : f % 3 == 1 ? "\"some longer text here\","
                           : "12.75,";
    }
    text += std::string("\"kind\":\"") + (random() % 2 == 0 ? "click" : "view") +
            "\",\"time\":" + std::to_string(1'700'000'000'000 + random() % 1'000'000) +
            ",\"value\":" + std::to_string(random() % 1000) + "." + std::to_string(random() % 100) +
            "}\n";
  }
  return text;
}

const simdjson::padded_string& Text(bool wide) {
  static const simdjson::padded_string narrow(MakeEvents(false));
  static const simdjson::padded_string broad(MakeEvents(true));
  return wide ? broad : narrow;
}

std::vector<std::string_view> LinesOf(std::string_view text) {
  std::vector<std::string_view> lines;
  for (size_t at = 0; at < text.size();) {
    const size_t newline = text.find('\n', at);
    lines.push_back(text.substr(at, newline - at));
    at = newline + 1;
  }
  return lines;
}

struct Total {
  int64_t time = 0;
  double value = 0;
  size_t bytes = 0;
  void Add(const Event& event) {
    time += event.time;
    value += event.value;
    bytes += event.user.size() + event.kind.size();
  }
};

void Report(benchmark::State& state, const Total& total, bool wide) {
  benchmark::DoNotOptimize(total);
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(kEvents));
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(Text(wide).size()));
}

// The lines are found beforehand; LineReader does that at some GB/s (text_bench).
void BM_Cursor(benchmark::State& state) {
  const bool wide = state.range(0) != 0;
  const auto lines = LinesOf(Text(wide));
  Total total;
  Cursor in;
  Event event;
  for (auto _ : state) {
    for (const std::string_view line : lines) {
      if (!json_rows_internal::TakeRecord(in, line, files::LineReader::kSlack, &event))
        std::abort();
      total.Add(event);
    }
  }
  Report(state, total, wide);
}
BENCHMARK(BM_Cursor)->Arg(0)->Arg(1)->ArgName("wide");

template <class Document>
void TakeOnDemand(Document&& document, Event* event) {
  simdjson::ondemand::object object = document.get_object();
  std::string_view text;
  text = object["user"].get_string();
  event->user.assign(text);
  text = object["kind"].get_string();
  event->kind.assign(text);
  event->time = object["time"].get_int64();
  event->value = object["value"].get_double();
}

void BM_SimdjsonByBlock(benchmark::State& state) {
  const bool wide = state.range(0) != 0;
  const simdjson::padded_string& text = Text(wide);
  simdjson::ondemand::parser parser;
  Total total;
  Event event;
  for (auto _ : state) {
    simdjson::ondemand::document_stream documents = parser.iterate_many(text, 1 << 20);
    for (auto document : documents) {
      TakeOnDemand(document, &event);
      total.Add(event);
    }
  }
  Report(state, total, wide);
}
BENCHMARK(BM_SimdjsonByBlock)->Arg(0)->Arg(1)->ArgName("wide");

void BM_SimdjsonByLine(benchmark::State& state) {
  const bool wide = state.range(0) != 0;
  const auto lines = LinesOf(Text(wide));
  simdjson::ondemand::parser parser;
  Total total;
  Event event;
  for (auto _ : state) {
    for (const std::string_view line : lines) {
      simdjson::ondemand::document document =
          parser.iterate(line.data(), line.size(), line.size() + simdjson::SIMDJSON_PADDING);
      TakeOnDemand(document, &event);
      total.Add(event);
    }
  }
  Report(state, total, wide);
}
BENCHMARK(BM_SimdjsonByLine)->Arg(0)->Arg(1)->ArgName("wide");

void BM_Format(benchmark::State& state) {
  const Event event{"user12345", "click", 1'700'000'000'000, 12.5};
  std::string text;
  for (auto _ : state) {
    text.clear();
    Put(event, &text);
    benchmark::DoNotOptimize(text.data());
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_Format);

class EventFile {
 public:
  static constexpr int kCopies = 10;
  EventFile() : path_("/tmp/joist_json_bench_" + std::to_string(getpid())) {
    std::ofstream file(path_, std::ios::binary);
    const std::string events = MakeEvents(false);
    for (int i = 0; i < kCopies; ++i) file << events;
  }
  ~EventFile() { std::remove(path_.c_str()); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

void BM_CountPerUser(benchmark::State& state) {
  const EventFile file;
  for (auto _ : state) {
    const char* const arguments[] = {"json_bench", "--max_num_workers=1", "--progress=off"};
    Pipeline p(3, arguments);
    p | Read<UserOnly>(file.path()) |
        Map([](const UserOnly& event) { return std::string_view(event.user); }) |
        Count::PerElement();
    if (p.Run().WaitUntilFinish().exit_code() != 0) std::abort();
  }
  state.SetItemsProcessed(state.iterations() * EventFile::kCopies * static_cast<int64_t>(kEvents));
}
BENCHMARK(BM_CountPerUser)->MeasureProcessCPUTime();

void BM_CountPerUserByHand(benchmark::State& state) {
  const EventFile file;
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };
  for (auto _ : state) {
    const simdjson::padded_string text = simdjson::padded_string::load(file.path());
    std::unordered_map<std::string, int64_t, Hash, std::equal_to<>> counts;
    simdjson::ondemand::parser parser;
    simdjson::ondemand::document_stream documents = parser.iterate_many(text, 1 << 20);
    for (auto document : documents) {
      const std::string_view user = document["user"].get_string();
      auto found = counts.find(user);
      if (found == counts.end()) found = counts.emplace(user, 0).first;
      ++found->second;
    }
    benchmark::DoNotOptimize(counts.size());
  }
  state.SetItemsProcessed(state.iterations() * EventFile::kCopies * static_cast<int64_t>(kEvents));
}
BENCHMARK(BM_CountPerUserByHand)->MeasureProcessCPUTime();

}  // namespace
}  // namespace joist::json
