// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Queries 5 and 7, the greatest of each window.

#include <vector>

#include "bench/nexmark/queries.h"

namespace joist::bench::nexmark {
namespace {

struct TopAuctions {
  int64_t num = 0;
  std::vector<int64_t> auctions;
};
JOIST_ROW(TopAuctions, num, auctions)

/// The auctions with the greatest count, all of them.
struct TopAuctionsFn {
  TopAuctions CreateAccumulator() const { return {}; }
  void AddInput(TopAuctions& to, const KV<int64_t, int64_t>& count) const {
    if (count.value < to.num) return;
    if (count.value > to.num) to.auctions.clear();
    to.num = count.value;
    to.auctions.push_back(count.key);
  }
  void MergeAccumulators(TopAuctions& to, const TopAuctions& from) const {
    for (const int64_t auction : from.auctions) AddInput(to, {auction, from.num});
  }
  TopAuctions ExtractOutput(const TopAuctions& from) const { return from; }
};
JOIST_ROW(TopAuctionsFn)

}  // namespace

PCollection<AuctionCount> HotItems(const PCollection<Event>& events, const QueryConfig& config) {
  return events | "Auctions" >> FlatMap([](const Event& event, Emit<int64_t> emit) {
                    if (const Bid* bid = event.bid()) emit(bid->auction);
                  }) |
         "Windows" >> WindowInto(SlidingWindows(config.window_size, config.window_period)) |
         "Count" >> Count::PerElement() | "Top" >> Combine::Globally(TopAuctionsFn()) |
         "Select" >> FlatMap([](const TopAuctions& top, Emit<AuctionCount> emit) {
           for (const int64_t auction : top.auctions) emit(AuctionCount{auction, top.num});
         });
}

PCollection<Bid> HighestBid(const PCollection<Event>& events, const QueryConfig& config) {
  const auto bids = events | "Bids" >> FlatMap([](const Event& event, Emit<Bid> emit) {
                               if (const Bid* bid = event.bid()) emit(*bid);
                             }) |
                    "Windows" >> WindowInto(FixedWindows(config.window_size));
  const auto highest = bids | "Price" >> Map([](const Bid& bid) { return bid.price; }) |
                       "Highest" >> Max::Globally();
  return bids | "Select" >> ParDo(
                                [](const Bid& bid, SideInput<int64_t> price, Emit<Bid> emit) {
                                  if (bid.price == *price) emit(bid);
                                },
                                AsSingleton(highest));
}

}  // namespace joist::bench::nexmark
