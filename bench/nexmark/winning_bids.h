// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Query 9, winning bids: of each closed auction the bid that won it, which is the highest of those
// before the auction expired that reach its reserve; of several the earliest. Also what queries 4
// and 6 are made of.
//
// An auction and its bids meet in a window of a function of their own, AuctionOrBidWindows, so that
// a stream can forget auctions that are closed. A result has the auction's last millisecond as
// timestamp.

#ifndef JOIST_BENCH_NEXMARK_WINNING_BIDS_H_
#define JOIST_BENCH_NEXMARK_WINNING_BIDS_H_

#include <cstdint>

#include "bench/nexmark/queries.h"
#include "joist/joist.h"

namespace joist::bench::nexmark {

/// An auction's window is the time that it is open. A bid's is of `bid_wait` from its time on, for
/// its auction may come after it; it becomes that of the auction of its key, if that has not
/// expired before the bid. Beam's window knows which of the two it is; here the length tells, so
/// `bid_wait` must be longer than any auction is open.
struct AuctionOrBidWindows {
  Duration bid_wait;
  /// Throws where an auction is open too long. Persons are put into any window.
  Window AssignWindow(const Event& event, Timestamp t) const;
  void MergeWindows(WindowMerger& merger) const;
};
JOIST_ROW(AuctionOrBidWindows, bid_wait)

PCollection<AuctionBid> WinningBids(const PCollection<Event>& events, const QueryConfig& config);

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
PCollection<ClosingPrice> ClosingPrices(const PCollection<Event>& events,
                                        const QueryConfig& config);

}  // namespace joist::bench::nexmark

#endif  // JOIST_BENCH_NEXMARK_WINNING_BIDS_H_
