// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// What the queries of Nexmark give, where it is none of the events themselves. Pure values.

#ifndef JOIST_BENCH_NEXMARK_RESULTS_H_
#define JOIST_BENCH_NEXMARK_RESULTS_H_

#include <cstdint>
#include <string>

#include "bench/nexmark/model.h"

namespace joist::bench::nexmark {

/// Of query 2: a bid's auction and price.
struct AuctionPrice {
  int64_t auction = 0;
  int64_t price = 0;
};
JOIST_ROW(AuctionPrice, auction, price)

/// Of query 3: who sells, where, and which auction.
struct NameCityStateId {
  std::string name;
  std::string city;
  std::string state;
  int64_t id = 0;
};
JOIST_ROW(NameCityStateId, name, city, state, id)

/// Of query 4: a category's average price, rounded.
struct CategoryPrice {
  int64_t category = 0;
  int64_t price = 0;
};
JOIST_ROW(CategoryPrice, category, price)

/// Of query 5: an auction's number of bids.
struct AuctionCount {
  int64_t auction = 0;
  int64_t num = 0;
};
JOIST_ROW(AuctionCount, auction, num)

/// Of query 6: a seller's average price, rounded.
struct SellerPrice {
  int64_t seller = 0;
  int64_t price = 0;
};
JOIST_ROW(SellerPrice, seller, price)

/// Of query 8: a new person who sells, and an auction's reserve.
struct IdNameReserve {
  int64_t id = 0;
  std::string name;
  int64_t reserve = 0;
};
JOIST_ROW(IdNameReserve, id, name, reserve)

/// Of query 9: a closed auction and the bid that won it.
struct AuctionBid {
  Auction auction;
  Bid bid;
};
JOIST_ROW(AuctionBid, auction, bid)

/// Of queries 11 and 12: a bidder's number of bids.
struct BidsPerSession {
  int64_t person = 0;
  int64_t bids = 0;
};
JOIST_ROW(BidsPerSession, person, bids)

}  // namespace joist::bench::nexmark

#endif  // JOIST_BENCH_NEXMARK_RESULTS_H_
