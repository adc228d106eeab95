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
  ExpectAsReference(&AverageSellingPriceBySeller, &reference::AverageSellingPriceBySeller);
}

TEST(NexmarkQuery9, FindsWinningBids) { ExpectAsReference(&WinningBids, &reference::WinningBids); }

Timestamp At(int64_t seconds) { return Timestamp::Seconds(seconds); }
TimestampedValue<Event> AuctionAt(int64_t id, int64_t from, int64_t to) {
  Auction auction;
  auction.id = id;
  auction.reserve = 100;
  auction.date_time = At(from);
  auction.expires = At(to);
  return {{auction}, At(from)};
}
TimestampedValue<Event> BidAt(int64_t auction, int64_t price, int64_t at) {
  Bid bid;
  bid.auction = auction;
  bid.price = price;
  bid.date_time = At(at);
  return {{bid}, At(at)};
}

TEST(NexmarkQuery9, FindsInAStreamWhatHasWonWhenAnAuctionCloses) {
  TestPipeline p;
  const auto events =
      p | TestStream<Event>()
              .AddElements({BidAt(1, 150, 9), BidAt(2, 99, 10)})  // Before their auctions came.
              .AddElements({AuctionAt(1, 10, 20), AuctionAt(2, 10, 40)})
              .AddElements({BidAt(1, 150, 15), BidAt(1, 900, 20), BidAt(2, 120, 39)})
              .AdvanceWatermarkTo(At(20))
              .AddElements({BidAt(1, 800, 25), BidAt(2, 130, 25)})
              .AdvanceWatermarkToInfinity();
  const auto prices =
      WinningBids(events, {.bid_wait = Duration::Seconds(31)}) |
      "Price" >> Map([](const AuctionBid& won, Timestamp t) {
        return KV<int64_t, KV<int64_t, Timestamp>>{won.auction.id, {won.bid.price, t}};
      });
  const Duration moment = Duration::Millis(1);
  PAssert::That(prices)
      .InOnTimePane({At(10), At(20)})
      .ContainsInAnyOrder({{1, {150, At(20) - moment}}});
  PAssert::That(prices)
      .InOnTimePane({At(10), At(40)})
      .ContainsInAnyOrder({{2, {130, At(40) - moment}}});
  EXPECT_TRUE(p.RunOk());
}

TEST(NexmarkQuery9, RefusesAuctionsThatAreOpenForLonger) {
  TestPipeline p;
  WinningBids(p | TestStream<Event>().AddElements({AuctionAt(1, 10, 20)}),
              {.bid_wait = Duration::Seconds(10)});
  EXPECT_NE(p.RunToEnd().status.message().find("auction 1 is open for 10s; bids wait for 10s"),
            std::string::npos);
}

}  // namespace
}  // namespace joist::bench::nexmark
