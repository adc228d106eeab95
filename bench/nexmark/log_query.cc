// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Query 10, log to sharded files.

#include <string>
#include <utility>
#include <variant>

#include "bench/nexmark/queries.h"

namespace joist::bench::nexmark {
namespace {

/// A line for each event, under the name of its window and shard.
struct ToLine {
  int64_t shards = 1;
  void Process(const Event& event, Window window, Emit<KV<std::string, std::string>> emit) {
    emit(KV<std::string, std::string>{
        window.end.ToString() + "-" + std::to_string(LogShard(event, shards)), event.ToString()});
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
  return events |
         "Windows" >>
             WindowInto(FixedWindows(config.window_size))
                 .Triggering(Trigger::Repeatedly(Trigger::AfterFirst(
                     {Trigger::AfterCount(config.max_log_events), Trigger::AfterWatermark()})))
                 .DiscardingFiredPanes() |
         "Lines" >> ParDo(ToLine{config.log_shards}) | "Write" >> text::Write(prefix);
}

}  // namespace joist::bench::nexmark
