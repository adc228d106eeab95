// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "bench/nexmark/winning_bids.h"

namespace joist::bench::nexmark {

PCollection<AuctionBid> WinningBids(const PCollection<Event>& events) {
  const auto auctions =
      events | "Auctions" >> FlatMap([](const Event& event, Emit<KV<int64_t, Auction>> emit) {
                 if (const Auction* auction = event.auction()) {
                   emit(KV<int64_t, Auction>{auction->id, *auction});
                 }
               });
  const auto bids = events | "Bids" >> FlatMap([](const Event& event, Emit<KV<int64_t, Bid>> emit) {
                               if (const Bid* bid = event.bid())
                                 emit(KV<int64_t, Bid>{bid->auction, *bid});
                             });
  return CoGroupByKey("By auction", auctions, bids) |
         "Winner" >> FlatMap([](const KV<int64_t, CoGbkResult<Auction, Bid>>& group,
                                Emit<AuctionBid> emit) {
           const auto& [auctions, bids] = group.value;
           if (auctions.empty()) return;  // Bids for an auction to come that never came.
           AuctionBid winner{*auctions.begin(), {}};
           bool won = false;
           for (const Bid& bid : bids) {
             if (!IsValidBid(bid, winner.auction) || (won && !OutBids(bid, winner.bid))) continue;
             winner.bid = bid;
             won = true;
           }
           if (won) emit(winner, winner.auction.expires - Duration::Millis(1));
         });
}

}  // namespace joist::bench::nexmark
