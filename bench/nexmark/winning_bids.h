// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Query 9, winning bids: of each closed auction the bid that won it, which is the highest of those
// before the auction expired that reach its reserve; of several the earliest. Also what queries 4
// and 6 are made of.
//
// Beam puts an auction and its bids into a window of a merging WindowFn of its own, so that a
// stream can forget auctions that are closed. Here they are grouped by the auction's id in the
// global window, and bids that are too late are left out one by one, which gives the same where the
// input ends. An endless one is refused: its global window would never be complete. A result has
// the auction's last millisecond as timestamp, as it has in Beam.

#ifndef JOIST_BENCH_NEXMARK_WINNING_BIDS_H_
#define JOIST_BENCH_NEXMARK_WINNING_BIDS_H_

#include <cstdint>

#include "bench/nexmark/results.h"
#include "joist/joist.h"

namespace joist::bench::nexmark {

PCollection<AuctionBid> WinningBids(const PCollection<Event>& events);

/// What the averages look at of a closed auction and its winning bid, so that nothing else is
/// grouped.
struct ClosedAuction {
  int64_t seller = 0;
  int64_t category = 0;
  int64_t reserve = 0;
  Timestamp expires;
};
JOIST_ROW(ClosedAuction, seller, category, reserve, expires)

struct BidPrice {
  int64_t bidder = 0;
  int64_t price = 0;
  Timestamp date_time;
};
JOIST_ROW(BidPrice, bidder, price, date_time)

struct ClosingPrice {
  ClosedAuction auction;
  BidPrice bid;
};
JOIST_ROW(ClosingPrice, auction, bid)

/// The same with these rows.
PCollection<ClosingPrice> ClosingPrices(const PCollection<Event>& events);

}  // namespace joist::bench::nexmark

#endif  // JOIST_BENCH_NEXMARK_WINNING_BIDS_H_
