// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// The results of Nexmark's queries by loops over all events and containers of the standard library,
// in no order, each with its window. Slow and simple: what the pipelines are compared with.

#ifndef JOIST_BENCH_NEXMARK_REFERENCE_H_
#define JOIST_BENCH_NEXMARK_REFERENCE_H_

#include <map>
#include <string>
#include <vector>

#include "bench/nexmark/queries.h"

namespace joist::bench::nexmark {

using Events = std::vector<Event>;
template <class Row>
using InWindows = std::vector<KV<Window, Row>>;

namespace reference {

InWindows<Event> Passthrough(const Events& events, const QueryConfig& config);
InWindows<Bid> CurrencyConversion(const Events& events, const QueryConfig& config);
InWindows<AuctionPrice> Selection(const Events& events, const QueryConfig& config);
InWindows<NameCityStateId> LocalItemSuggestion(const Events& events, const QueryConfig& config);
InWindows<CategoryPrice> AveragePriceForCategory(const Events& events, const QueryConfig& config);
InWindows<AuctionCount> HotItems(const Events& events, const QueryConfig& config);
InWindows<SellerPrice> AverageSellingPriceBySeller(const Events& events, const QueryConfig& config);
InWindows<Bid> HighestBid(const Events& events, const QueryConfig& config);
InWindows<IdNameReserve> MonitorNewUsers(const Events& events, const QueryConfig& config);
InWindows<AuctionBid> WinningBids(const Events& events, const QueryConfig& config);
/// The lines of each file, in order; files by what follows the prefix in their names.
std::map<std::string, std::vector<std::string>> LogToShardedFiles(const Events& events,
                                                                  const QueryConfig& config);
InWindows<BidsPerSession> UserSessions(const Events& events, const QueryConfig& config);
InWindows<BidsPerSession> ProcessingTimeWindows(const Events& events, const QueryConfig& config);
InWindows<Bid> BoundedSideInputJoin(const Events& events, const QueryConfig& config);
InWindows<Bid> SessionSideInputJoin(const Events& events, const QueryConfig& config);

}  // namespace reference
}  // namespace joist::bench::nexmark

#endif  // JOIST_BENCH_NEXMARK_REFERENCE_H_
