// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "bench/nexmark/winning_bids.h"

#include <algorithm>
#include <stdexcept>
#include <string>
#include <vector>

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
    if (auctions.empty()) return;  // Bids that came after it was closed, or for none.
    Won winner{*auctions.begin(), {}};
    bool won = false;
    for (const B& bid : bids) {
      if (bid.price < winner.auction.reserve) continue;
      if (won && !OutBids(bid, winner.bid)) continue;
      winner.bid = bid;
      won = true;
    }
    if (won) emit(winner);
  }
};

}  // namespace

Window AuctionOrBidWindows::AssignWindow(const Event& event, Timestamp t) const {
  const Auction* auction = event.auction();
  if (auction == nullptr) return {t, t + bid_wait};
  if (auction->expires - t >= bid_wait) {
    throw std::invalid_argument("auction " + std::to_string(auction->id) + " is open for " +
                                (auction->expires - t).ToString() + "; bids wait for " +
                                bid_wait.ToString());
  }
  return {t, auction->expires};
}

void AuctionOrBidWindows::MergeWindows(WindowMerger& merger) const {
  const auto is_bid = [this](const Window& window) { return window.span() == bid_wait; };
  const auto all = merger.windows();
  const auto auction = std::find_if_not(all.begin(), all.end(), is_bid);  // A key has one.
  if (auction == all.end()) return;
  std::vector<Window> from = {*auction};
  for (const Window& window : all) {
    if (is_bid(window) && window.start < auction->end) from.push_back(window);
  }
  merger.Merge(from, *auction);
}

PCollection<AuctionBid> WinningBids(const PCollection<Event>& events, const QueryConfig& config) {
  const auto windowed =
      events | "Auction windows" >> WindowInto(CustomWindows(AuctionOrBidWindows{config.bid_wait}));
  const auto auctions =
      windowed | "Auctions" >> FlatMap([](const Event& event, Emit<KV<int64_t, Auction>> emit) {
                   if (const Auction* auction = event.auction()) {
                     emit(KV<int64_t, const Auction&>{auction->id, *auction});
                   }
                 });
  const auto bids =
      windowed | "Bids" >> FlatMap([](const Event& event, Emit<KV<int64_t, Bid>> emit) {
                   if (const Bid* bid = event.bid())
                     emit(KV<int64_t, const Bid&>{bid->auction, *bid});
                 });
  return CoGroupByKey("By auction", auctions, bids) | "Winner" >> ParDo(PickWinner<AuctionBid>());
}

PCollection<ClosingPrice> ClosingPrices(const PCollection<Event>& events,
                                        const QueryConfig& config) {
  const auto windowed =
      events | "Auction windows" >> WindowInto(CustomWindows(AuctionOrBidWindows{config.bid_wait}));
  const auto auctions =
      windowed |
      "Auctions" >> FlatMap([](const Event& event, Emit<KV<int64_t, ClosedAuction>> emit) {
        if (const Auction* a = event.auction()) {
          emit(KV<int64_t, ClosedAuction>{a->id, {a->seller, a->category, a->reserve, a->expires}});
        }
      });
  const auto bids =
      windowed |
      "Bids" >> FlatMap([](const Event& event, Emit<KV<int64_t, BidPrice>> emit) {
        if (const Bid* bid = event.bid()) {
          emit(KV<int64_t, BidPrice>{bid->auction, {bid->bidder, bid->price, bid->date_time}});
        }
      });
  return CoGroupByKey("By auction", auctions, bids) | "Winner" >> ParDo(PickWinner<ClosingPrice>());
}

}  // namespace joist::bench::nexmark
