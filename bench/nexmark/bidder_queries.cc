// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Queries 11 and 12, bidders' bids in sessions and in windows of processing time.

#include "bench/nexmark/queries.h"

namespace joist::bench::nexmark {
namespace {

PCollection<int64_t> Bidders(const PCollection<Event>& events) {
  return events | "Bidders" >> FlatMap([](const Event& event, Emit<int64_t> emit) {
                    if (const Bid* bid = event.bid()) emit(bid->bidder);
                  });
}

PCollection<BidsPerSession> CountBids(const PCollection<int64_t>& bidders) {
  return bidders | "Count" >> Count::PerElement() |
         "Select" >> Map([](const KV<int64_t, int64_t>& count) {
           return BidsPerSession{count.key, count.value};
         });
}

}  // namespace

PCollection<BidsPerSession> UserSessions(const PCollection<Event>& events,
                                         const QueryConfig& config) {
  return CountBids(
      Bidders(events) |
      "Sessions" >> WindowInto(Sessions(config.window_size))
                        .Triggering(Trigger::Repeatedly(Trigger::AfterCount(config.max_log_events)))
                        .DiscardingFiredPanes());
}

PCollection<BidsPerSession> ProcessingTimeWindows(const PCollection<Event>& events,
                                                  const QueryConfig& config) {
  return CountBids(Bidders(events) |
                   "Windows" >> WindowInto(GlobalWindows())
                                    .Triggering(Trigger::Repeatedly(
                                        Trigger::AfterProcessingTime(config.window_size)))
                                    .DiscardingFiredPanes());
}

}  // namespace joist::bench::nexmark
