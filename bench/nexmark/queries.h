// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// The queries of Nexmark (https://beam.apache.org/documentation/sdks/java/testing/nexmark/) as
// pipelines: each a function over the events, which have their `date_time` as timestamps. What they
// compute is what Beam's compute, with these exceptions:
//
//   6, 10, 11, 12   have triggers. Input that ends has one pane for each window: see there.

#ifndef JOIST_BENCH_NEXMARK_QUERIES_H_
#define JOIST_BENCH_NEXMARK_QUERIES_H_

#include <cstdint>
#include <string>

#include "bench/nexmark/results.h"
#include "joist/joist.h"

namespace joist::bench::nexmark {

/// The defaults are Beam's.
struct QueryConfig {
  int64_t auction_skip = 123;  ///< Of query 2.
  Duration window_size = Duration::Seconds(10);
  Duration window_period = Duration::Seconds(5);
  Duration max_auctions_waiting_time = Duration::Minutes(10);  ///< Of query 3.
  int64_t max_log_events = 100'000;                            ///< Of a pane of queries 10 and 11.
  int64_t log_shards = 10;                                     ///< Of a window in query 10.
  int64_t side_input_rows = 500;                               ///< Of queries 13 and 14.
  Duration session_gap = Duration::Minutes(10);                ///< Of query 14.
  /// How long a bid waits for its auction in queries 4, 6 and 9; longer than any auction is open.
  Duration bid_wait = Duration::Minutes(1);
};

/// 0, passthrough: each event there and back through its coder.
PCollection<Event> Passthrough(const PCollection<Event>& events);

/// 1, currency conversion: bids with prices in euros, 0.89 to the dollar.
PCollection<Bid> CurrencyConversion(const PCollection<Event>& events);

/// 2, selection: the bids for each 123rd auction.
PCollection<AuctionPrice> Selection(const PCollection<Event>& events, const QueryConfig& config);

/// 3, local item suggestion: who sells in Oregon, Idaho or California in category 10, and which
/// auctions. An incremental join: a person and its auctions may come in any order.
PCollection<NameCityStateId> LocalItemSuggestion(const PCollection<Event>& events,
                                                 const QueryConfig& config);

/// 4, average price for a category: of the winning bids of auctions closed in a sliding window.
PCollection<CategoryPrice> AveragePriceForCategory(const PCollection<Event>& events,
                                                   const QueryConfig& config);

/// 5, hot items: the auctions with the most bids in each sliding window.
PCollection<AuctionCount> HotItems(const PCollection<Event>& events, const QueryConfig& config);

/// 6, average selling price by seller: of the winning bids of a seller's last ten closed auctions,
/// those with the latest bids. A stream has a result for each winning bid; input that ends has the
/// last one, which is what Beam's test looks at.
PCollection<SellerPrice> AverageSellingPriceBySeller(const PCollection<Event>& events,
                                                     const QueryConfig& config);

/// 7, highest bid: the bids with the highest price in each fixed window.
PCollection<Bid> HighestBid(const PCollection<Event>& events, const QueryConfig& config);

/// 8, monitor new users: persons who came and opened auctions in the same fixed window.
PCollection<IdNameReserve> MonitorNewUsers(const PCollection<Event>& events,
                                           const QueryConfig& config);

/// 9, winning bids: see winning_bids.h.

/// 10, log to sharded files: all events as lines, fields between tabs, a file for each fixed window
/// and shard. Gives the names of the files. A stream has another file for each `max_log_events`;
/// input that ends has one pane, so one file.
PCollection<std::string> LogToShardedFiles(const PCollection<Event>& events,
                                           const QueryConfig& config, const std::string& prefix);
/// The key of an event's file in query 10, without the window.
int64_t LogShard(const Event& event, int64_t shards);

/// 11, user sessions: each bidder's number of bids in each session. A stream has a pane for each
/// `max_log_events` bids of a session; input that ends has one.
PCollection<BidsPerSession> UserSessions(const PCollection<Event>& events,
                                         const QueryConfig& config);

/// 12, processing-time windows: each bidder's number of bids in panes of `window_size` by the clock
/// on the wall. Input that ends is not waited for: it has one pane, so a bidder's number of bids of
/// all.
PCollection<BidsPerSession> ProcessingTimeWindows(const PCollection<Event>& events,
                                                  const QueryConfig& config);

/// 13, bounded side input join: each bid with the side input's text for its bidder.
PCollection<Bid> BoundedSideInputJoin(const PCollection<Event>& events,
                                      const PCollection<KV<int64_t, std::string>>& side_input,
                                      const QueryConfig& config);
/// The side input of queries 13 and 14: texts by numbers from 0.
PCollection<KV<int64_t, std::string>> SideInputOf(const Pipeline& pipeline,
                                                  const QueryConfig& config);

/// 14, session side input join: each bidder's bids by sessions, with the side input's text for the
/// bidder and the session's bounds.
PCollection<Bid> SessionSideInputJoin(const PCollection<Event>& events,
                                      const PCollection<KV<int64_t, std::string>>& side_input,
                                      const QueryConfig& config);

}  // namespace joist::bench::nexmark

#endif  // JOIST_BENCH_NEXMARK_QUERIES_H_
