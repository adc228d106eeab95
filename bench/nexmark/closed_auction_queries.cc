// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Queries 4 and 6, averages over the winning bids of closed auctions.

#include <algorithm>
#include <cmath>
#include <vector>

#include "bench/nexmark/queries.h"
#include "bench/nexmark/winning_bids.h"

namespace joist::bench::nexmark {
namespace {

struct TimedPrice {
  Timestamp time;
  int64_t price = 0;
  friend auto operator<=>(const TimedPrice&, const TimedPrice&) = default;
};
JOIST_ROW(TimedPrice, time, price)

/// The mean price of the latest bids, of those of one time the dearest.
struct MovingMeanSellingPrice {
  int64_t most_bids = 10;

  /// At most `most_bids`, in order.
  std::vector<TimedPrice> CreateAccumulator() const { return {}; }
  void AddInput(std::vector<TimedPrice>& to, const TimedPrice& bid) const {
    to.insert(std::upper_bound(to.begin(), to.end(), bid), bid);
    if (static_cast<int64_t>(to.size()) > most_bids) to.erase(to.begin());
  }
  void MergeAccumulators(std::vector<TimedPrice>& to, const std::vector<TimedPrice>& from) const {
    for (const TimedPrice& bid : from) AddInput(to, bid);
  }
  int64_t ExtractOutput(const std::vector<TimedPrice>& from) const {
    if (from.empty()) return 0;
    int64_t sum = 0;
    for (const TimedPrice& bid : from) sum += bid.price;
    return std::llround(static_cast<double>(sum) / static_cast<double>(from.size()));
  }
};
JOIST_ROW(MovingMeanSellingPrice, most_bids)

}  // namespace

PCollection<CategoryPrice> AveragePriceForCategory(const PCollection<Event>& events,
                                                   const QueryConfig& config) {
  return ClosingPrices(events, config) |
         "By category" >> Map([](const ClosingPrice& won) {
           return KV<int64_t, int64_t>{won.auction.category, won.bid.price};
         }) |
         "Windows" >> WindowInto(SlidingWindows(config.window_size, config.window_period)) |
         "Mean" >> Mean::PerKey() | "Round" >> Map([](const KV<int64_t, double>& mean) {
                                      return CategoryPrice{mean.key, std::llround(mean.value)};
                                    });
}

PCollection<SellerPrice> AverageSellingPriceBySeller(const PCollection<Event>& events,
                                                     const QueryConfig& config) {
  return ClosingPrices(events, config) |
         "By seller" >> Map([](const ClosingPrice& won) {
           return KV<int64_t, TimedPrice>{won.auction.seller,
                                          TimedPrice{won.bid.date_time, won.bid.price}};
         }) |
         "Each bid" >> WindowInto(GlobalWindows())
                           .Triggering(Trigger::Repeatedly(Trigger::AfterCount(1)))
                           .AccumulatingFiredPanes() |
         "Mean" >> Combine::PerKey(MovingMeanSellingPrice{10}) |
         "Select" >> Map([](const KV<int64_t, int64_t>& mean) {
           return SellerPrice{mean.key, mean.value};
         });
}

}  // namespace joist::bench::nexmark
