// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "bench/nexmark/query_test.h"
#include "bench/nexmark/winning_bids.h"

namespace joist::bench::nexmark {
namespace {

TEST(NexmarkQuery4, AveragesPricesOfCategories) {
  ExpectAsReference(&AveragePriceForCategory, &reference::AveragePriceForCategory);
}

TEST(NexmarkQuery6, AveragesSellingPricesBySeller) {
  ExpectAsReference([](const PCollection<Event>& events,
                       const QueryConfig&) { return AverageSellingPriceBySeller(events); },
                    &reference::AverageSellingPriceBySeller);
}

TEST(NexmarkQuery9, FindsWinningBids) {
  ExpectAsReference(
      [](const PCollection<Event>& events, const QueryConfig&) { return WinningBids(events); },
      &reference::WinningBids);
}

}  // namespace
}  // namespace joist::bench::nexmark
