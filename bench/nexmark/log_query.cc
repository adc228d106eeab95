// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Query 10, log to sharded files.

#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "bench/nexmark/queries.h"

namespace joist::bench::nexmark {
namespace {

void AppendField(int64_t number, std::string& line) {
  char digits[20];
  const char* end = std::to_chars(digits, digits + sizeof(digits), number).ptr;
  line.append(digits, static_cast<size_t>(end - digits));
}
void AppendField(Timestamp time, std::string& line) { AppendField(time.millis, line); }
void AppendField(const std::string& text, std::string& line) { line += text; }

/// A line for each event, under the name of its window and shard.
struct ToLine {
  int64_t shards = 1;

  Window window;                   // Of the events before,
  std::vector<std::string> names;  // and its names, by shard.
  std::string line;

  void Process(const Event& event, Window of, Emit<KV<std::string, std::string>> emit) {
    if (names.empty() || of != window) SetNames(of);
    line.clear();
    line += static_cast<char>('0' + event.what.index());
    std::visit([this](const auto& row) { AppendRow(row); }, event.what);
    const std::string& name = names[static_cast<size_t>(LogShard(event, shards))];
    emit(KV<std::string_view, std::string_view>{name, line});
  }

 private:
  void SetNames(const Window& of) {
    window = of;
    names.clear();
    for (int64_t shard = 0; shard < shards; ++shard) {
      names.push_back(of.end.ToString() + "-" + std::to_string(shard));
    }
  }
  template <class Row>
  void AppendRow(const Row& row) {
    RowTraits<Row>::ForEachField(row, [this](const auto& field) {
      line += '\t';
      AppendField(field, line);
    });
  }
};
JOIST_ROW(ToLine, shards)

}  // namespace

int64_t LogShard(const Event& event, int64_t shards) {
  const auto id = [](const auto& row) {
    if constexpr (requires { row.bidder; }) {
      return row.bidder;
    } else {
      return row.id;
    }
  };
  return std::visit(id, event.what) % shards;
}

PCollection<std::string> LogToShardedFiles(const PCollection<Event>& events,
                                           const QueryConfig& config, const std::string& prefix) {
  ToLine to_line;
  to_line.shards = config.log_shards;
  return events |
         "Windows" >>
             WindowInto(FixedWindows(config.window_size))
                 .Triggering(Trigger::Repeatedly(Trigger::AfterFirst(
                     {Trigger::AfterCount(config.max_log_events), Trigger::AfterWatermark()})))
                 .DiscardingFiredPanes() |
         "Lines" >> ParDo(to_line) | "Write" >> text::Write(prefix);
}

}  // namespace joist::bench::nexmark
