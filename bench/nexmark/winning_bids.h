// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Query 9, winning bids: of each closed auction the bid that won it, which is the highest of those
// before the auction expired that reach its reserve; of several the earliest. Also what queries 4
// and 6 are made of.
//
// Beam puts an auction and its bids into a window of a merging WindowFn of its own, so that a
// stream can forget auctions that are closed. Here they are grouped by the auction's id in the
// global window, and bids that are too late are left out one by one, which gives the same. A result
// has the auction's last millisecond as timestamp, as it has in Beam.

#ifndef JOIST_BENCH_NEXMARK_WINNING_BIDS_H_
#define JOIST_BENCH_NEXMARK_WINNING_BIDS_H_

#include "bench/nexmark/results.h"
#include "joist/joist.h"

namespace joist::bench::nexmark {

/// Whether `bid` counts in `auction`, whatever others do.
inline bool IsValidBid(const Bid& bid, const Auction& auction) {
  return bid.date_time < auction.expires && bid.price >= auction.reserve;
}

/// Whether `a` goes before `b`. Beam leaves open which of two bids of one price in one millisecond
/// wins; here it is the lower bidder's.
inline bool OutBids(const Bid& a, const Bid& b) {
  if (a.price != b.price) return a.price > b.price;
  if (a.date_time != b.date_time) return a.date_time < b.date_time;
  if (a.bidder != b.bidder) return a.bidder < b.bidder;
  return a.extra < b.extra;
}

PCollection<AuctionBid> WinningBids(const PCollection<Event>& events);

}  // namespace joist::bench::nexmark

#endif  // JOIST_BENCH_NEXMARK_WINNING_BIDS_H_
