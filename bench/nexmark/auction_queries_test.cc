// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include <string>

#include "bench/nexmark/query_test.h"
#include "bench/nexmark/winning_bids.h"
#include "joist/sdk/testing/test_stream.h"

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

TEST(NexmarkQuery9, RefusesAStream) {
  TestPipeline p;
  WinningBids(p | TestStream<Event>().AddElements({{Event(), Timestamp::Seconds(1)}}));
  const JobOutcome outcome = p.RunToEnd();
  EXPECT_NE(outcome.status.message().find("By auction"), std::string::npos)
      << outcome.status.message();
}

}  // namespace
}  // namespace joist::bench::nexmark
