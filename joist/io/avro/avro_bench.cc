// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Records a second from an Avro block in memory to rows: Joist's plan against a loop written by
// hand for the schema, which checks the ends of what it reads and nothing else. Short events, and
// wide records of which four fields are wanted. Everybody leaves the same sum. Then rows to blocks,
// and at last a whole job: a file's events counted per user on one thread, as a pipeline and by
// hand.

#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>
#include <iterator>
#include <random>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <benchmark/benchmark.h>
#include <snappy.h>

#include "joist/io/avro/avro.h"
#include "joist/io/avro/decoder.h"
#include "joist/joist.h"

namespace joist::avro {

struct Event {
  std::string user;
  std::string kind;
  int64_t time = 0;
  double value = 0;
  std::optional<int64_t> session;
};
JOIST_ROW(Event, user, kind, time, value, session)

/// An event with twenty fields before those that are wanted.
struct Wide {
  std::string user;
  std::vector<int64_t> list_1, list_2, list_3, list_4;
  std::string text_1, text_2, text_3, text_4, text_5, text_6, text_7, text_8;
  double real_1 = 0, real_2 = 0, real_3 = 0, real_4 = 0, real_5 = 0, real_6 = 0;
  std::optional<std::string> maybe_1, maybe_2;
  std::string kind;
  int64_t time = 0;
  double value = 0;
  std::optional<int64_t> session;
};
JOIST_ROW(Wide, user, list_1, list_2, list_3, list_4, text_1, text_2, text_3, text_4, text_5,
          text_6, text_7, text_8, real_1, real_2, real_3, real_4, real_5, real_6, maybe_1, maybe_2,
          kind, time, value, session)

struct UserOnly {
  std::string user;
};
JOIST_ROW(UserOnly, user)

namespace {

constexpr size_t kEvents = 20'000;

std::vector<Event> MakeEvents() {
  std::mt19937 random(1);
  std::vector<Event> events;
  for (size_t i = 0; i < kEvents; ++i) {
    Event event{"user" + std::to_string(random() % 100'000), random() % 2 == 0 ? "click" : "view",
                1'700'000'000'000 + static_cast<int64_t>(random() % 1'000'000),
                static_cast<double>(random() % 100'000) / 100, std::nullopt};
    if (random() % 4 != 0) event.session = random() % 1'000'000;
    events.push_back(std::move(event));
  }
  return events;
}

std::string MakeBlock(bool wide) {
  std::string block;
  for (const Event& event : MakeEvents()) {
    if (!wide) {
      Put(event, &block);
      continue;
    }
    Wide row;
    row.list_1 = row.list_2 = row.list_3 = row.list_4 = {1, 2, 3};
    for (std::string* text : {&row.text_1, &row.text_2, &row.text_3, &row.text_4, &row.text_5,
                              &row.text_6, &row.text_7, &row.text_8}) {
      *text = "some longer text here";
    }
    row.maybe_1 = "perhaps";
    row.user = event.user;
    row.kind = event.kind;
    row.time = event.time;
    row.value = event.value;
    row.session = event.session;
    Put(row, &block);
  }
  return block;
}

const std::string& Block(bool wide) {
  const auto with_slack = [](bool w) {
    std::string block = MakeBlock(w);
    block.reserve(block.size() + Decoder::kSlack);
    return block;
  };
  static const std::string narrow = with_slack(false);
  static const std::string broad = with_slack(true);
  return wide ? broad : narrow;
}

struct Total {
  int64_t time = 0;
  double value = 0;
  size_t bytes = 0;
  int64_t sessions = 0;
  void Add(const Event& event) {
    time += event.time;
    value += event.value;
    bytes += event.user.size() + event.kind.size();
    sessions += event.session.value_or(0);
  }
  bool operator==(const Total&) const = default;
};

// What is damaged ends the program.
class HandReader {
 public:
  explicit HandReader(std::string_view data) : at_(data.data()), end_(data.data() + data.size()) {}

  bool at_end() const { return at_ == end_; }
  int64_t Long() {
    uint64_t word = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      if (at_ == end_) std::abort();
      const auto byte = static_cast<uint8_t>(*at_++);
      word |= static_cast<uint64_t>(byte & 0x7F) << shift;
      if (byte < 0x80) return static_cast<int64_t>(word >> 1 ^ (0 - (word & 1)));
    }
    std::abort();
  }
  std::string_view Text() {
    const int64_t size = Long();
    if (size < 0 || size > end_ - at_) std::abort();
    const std::string_view text(at_, static_cast<size_t>(size));
    at_ += size;
    return text;
  }
  double Double() {
    if (end_ - at_ < 8) std::abort();
    double value;
    std::memcpy(&value, at_, sizeof(value));
    at_ += sizeof(value);
    return value;
  }

 private:
  const char* at_;
  const char* end_;
};

void TakeByHand(HandReader& in, bool wide, Event* event) {
  event->user.assign(in.Text());
  if (wide) {
    for (int list = 0; list < 4; ++list) {
      while (const int64_t count = in.Long()) {
        for (int64_t i = 0; i < count; ++i) in.Long();
      }
    }
    for (int text = 0; text < 8; ++text) in.Text();
    for (int real = 0; real < 6; ++real) in.Double();
    for (int maybe = 0; maybe < 2; ++maybe) {
      if (in.Long() == 1) in.Text();
    }
  }
  event->kind.assign(in.Text());
  event->time = in.Long();
  event->value = in.Double();
  if (in.Long() == 1) {
    event->session = in.Long();
  } else {
    event->session.reset();
  }
}

Total SumByHand(bool wide) {
  Total total;
  Event event;
  HandReader in(Block(wide));
  while (!in.at_end()) {
    TakeByHand(in, wide, &event);
    total.Add(event);
  }
  return total;
}

void Report(benchmark::State& state, bool wide) {
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(kEvents));
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(Block(wide).size()));
}

void BM_Plan(benchmark::State& state) {
  const bool wide = state.range(0) != 0;
  const auto schema = WriterSchema::Parse(SchemaTextOf(wide ? ShapeOf<Wide>() : ShapeOf<Event>()));
  const auto plan = Plan::Make(*schema, ShapeOf<Event>());
  if (!plan.ok()) std::abort();
  const Total expected = SumByHand(wide);
  Decoder decoder;
  Event event;
  for (auto _ : state) {
    Total total;
    decoder.Begin(Block(wide));
    while (!decoder.at_end()) {
      if (!decoder.Take(*plan, &event)) std::abort();
      total.Add(event);
    }
    if (total != expected) std::abort();
  }
  Report(state, wide);
}
BENCHMARK(BM_Plan)->Arg(0)->Arg(1)->ArgName("wide");

void BM_ByHand(benchmark::State& state) {
  const bool wide = state.range(0) != 0;
  for (auto _ : state) benchmark::DoNotOptimize(SumByHand(wide));
  Report(state, wide);
}
BENCHMARK(BM_ByHand)->Arg(0)->Arg(1)->ArgName("wide");

// What opening a range of a file costs: its schema and the plan.
void BM_MakePlan(benchmark::State& state) {
  const std::string text = SchemaTextOf(ShapeOf<Wide>());
  for (auto _ : state) {
    const auto schema = WriterSchema::Parse(text);
    benchmark::DoNotOptimize(Plan::Make(*schema, ShapeOf<Event>()));
  }
}
BENCHMARK(BM_MakePlan);

void BM_Encode(benchmark::State& state) {
  const std::vector<Event> events = MakeEvents();
  std::string block;
  for (auto _ : state) {
    block.clear();
    for (const Event& event : events) Put(event, &block);
    benchmark::DoNotOptimize(block.data());
  }
  Report(state, false);
}
BENCHMARK(BM_Encode);

class EventFile {
 public:
  static constexpr int kCopies = 10;
  EventFile() : path_("/tmp/joist_avro_bench_" + std::to_string(getpid())) {
    const std::string marker = avro_rows_internal::NewMarker();
    std::ofstream file(path_, std::ios::binary);
    file << HeaderText({SchemaTextOf(ShapeOf<Event>()), Codec::kSnappy, marker});
    BlockWriter writer(Codec::kSnappy, marker, 64 << 10);
    const std::vector<Event> events = MakeEvents();
    for (int i = 0; i < kCopies; ++i) {
      for (const Event& event : events) {
        Put(event, writer.records());
        if (writer.EndRecord()) file << *writer.Finish();
      }
    }
    if (!writer.empty()) file << *writer.Finish();
  }
  ~EventFile() { std::remove(path_.c_str()); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

void BM_CountPerUser(benchmark::State& state) {
  const EventFile file;
  for (auto _ : state) {
    const char* const arguments[] = {"avro_bench", "--max_num_workers=1", "--progress=off"};
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
    std::ifstream stream(file.path(), std::ios::binary);
    const std::string content{std::istreambuf_iterator<char>(stream), {}};
    std::unordered_map<std::string, int64_t, Hash, std::equal_to<>> counts;
    HandReader in(content);
    std::string data;
    // The header is known, since this program wrote it.
    const size_t header =
        HeaderText({SchemaTextOf(ShapeOf<Event>()), Codec::kSnappy, std::string(16, ' ')}).size();
    in = HandReader(std::string_view(content).substr(header));
    while (!in.at_end()) {
      in.Long();
      const std::string_view stored = in.Text();
      if (!snappy::Uncompress(stored.data(), stored.size() - 4, &data)) std::abort();
      HandReader records(data);
      while (!records.at_end()) {
        const std::string_view user = records.Text();
        records.Text();
        records.Long();
        records.Double();
        if (records.Long() == 1) records.Long();
        auto found = counts.find(user);
        if (found == counts.end()) found = counts.emplace(user, 0).first;
        ++found->second;
      }
      in = HandReader(std::string_view(content).substr(
          static_cast<size_t>(stored.data() + stored.size() - content.data()) + 16));
    }
    benchmark::DoNotOptimize(counts.size());
  }
  state.SetItemsProcessed(state.iterations() * EventFile::kCopies * static_cast<int64_t>(kEvents));
}
BENCHMARK(BM_CountPerUserByHand)->MeasureProcessCPUTime();

}  // namespace
}  // namespace joist::avro
