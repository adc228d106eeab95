// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "bench/nexmark/winning_bids.h"

namespace joist::bench::nexmark {
namespace {

/// Whether `a` wins over `b`. Beam leaves open which of two bids of one price in one millisecond
/// does; here it is the lower bidder's.
template <class B>
bool OutBids(const B& a, const B& b) {
  if (a.price != b.price) return a.price > b.price;
  if (a.date_time != b.date_time) return a.date_time < b.date_time;
  if (a.bidder != b.bidder) return a.bidder < b.bidder;
  if constexpr (requires { a.extra; }) return a.extra < b.extra;
  return false;
}

/// Won is a row of an `auction` and its `bid`.
template <class Won>
struct PickWinner {
  using A = decltype(Won::auction);
  using B = decltype(Won::bid);
  void Process(const KV<int64_t, CoGbkResult<A, B>>& group, Emit<Won> emit) {
    const auto& [auctions, bids] = group.value;
    if (auctions.empty()) return;  // Bids for an auction to come that never came.
    Won winner{*auctions.begin(), {}};
    bool won = false;
    for (const B& bid : bids) {
      if (bid.date_time >= winner.auction.expires || bid.price < winner.auction.reserve) continue;
      if (won && !OutBids(bid, winner.bid)) continue;
      winner.bid = bid;
      won = true;
    }
    if (won) emit(winner, winner.auction.expires - Duration::Millis(1));
  }
};

}  // namespace

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
  return CoGroupByKey("By auction", auctions, bids) | "Winner" >> ParDo(PickWinner<AuctionBid>());
}

PCollection<ClosingPrice> ClosingPrices(const PCollection<Event>& events) {
  const auto auctions =
      events |
      "Auctions" >> FlatMap([](const Event& event, Emit<KV<int64_t, ClosedAuction>> emit) {
        if (const Auction* a = event.auction()) {
          emit(KV<int64_t, ClosedAuction>{a->id, {a->seller, a->category, a->reserve, a->expires}});
        }
      });
  const auto bids =
      events |
      "Bids" >> FlatMap([](const Event& event, Emit<KV<int64_t, BidPrice>> emit) {
        if (const Bid* bid = event.bid()) {
          emit(KV<int64_t, BidPrice>{bid->auction, {bid->bidder, bid->price, bid->date_time}});
        }
      });
  return CoGroupByKey("By auction", auctions, bids) | "Winner" >> ParDo(PickWinner<ClosingPrice>());
}

}  // namespace joist::bench::nexmark
