// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// The events of Nexmark, with the proportions and distributions of Beam's generator: of 50 events
// one is a person, three are auctions and 46 are bids. Event i is a pure function of i and the
// configuration, so any part of the sequence can be made by anybody. The random numbers are our
// own, so events are not those of Beam's generator, only like them. Immutable; thread-safe.
//
// Ids follow from the number of an event: persons and auctions are counted. A bid is for an auction
// that is likely to be open, or for one of the next ten, which are not there yet; so it is with
// sellers and bidders. Some are hot: the first auction and the first two persons of each hundred.

#ifndef JOIST_BENCH_NEXMARK_GENERATOR_H_
#define JOIST_BENCH_NEXMARK_GENERATOR_H_

#include <cstdint>
#include <vector>

#include "bench/nexmark/model.h"

namespace joist::bench::nexmark {

/// The defaults are Beam's, but for the rate: Beam divides it among a hundred generators whose
/// times run side by side; here there is one.
struct GeneratorConfig {
  int64_t event_count = 100'000;
  uint64_t seed = 0;
  int64_t events_per_second = 10'000;                          ///< Of event time.
  Timestamp base_time = Timestamp::Millis(1'436'918'400'000);  ///< 2015-07-15T00:00:00.000Z.
  /// Bids go to the hot auction, auctions to the hot seller, bids to the hot bidder with a
  /// probability of 1 - 1/ratio.
  int64_t hot_auction_ratio = 2;
  int64_t hot_sellers_ratio = 4;
  int64_t hot_bidders_ratio = 4;
  /// Of auctions that are open at a time, on average.
  int64_t in_flight_auctions = 100;
  /// Of persons who bid and sell at a time, at most.
  int64_t active_people = 1000;
  /// Average bytes of an event.
  int64_t person_bytes = 200;
  int64_t auction_bytes = 500;
  int64_t bid_bytes = 100;
  /// Each group of so many events comes in another order; not a multiple of 953. 1: in order.
  int64_t out_of_order_group_size = 1;
};
JOIST_ROW(GeneratorConfig, event_count, seed, events_per_second, base_time, hot_auction_ratio,
          hot_sellers_ratio, hot_bidders_ratio, in_flight_auctions, active_people, person_bytes,
          auction_bytes, bid_bytes, out_of_order_group_size)

class Generator {
 public:
  static constexpr int64_t kPersonProportion = 1;
  static constexpr int64_t kAuctionProportion = 3;
  static constexpr int64_t kBidProportion = 46;
  static constexpr int64_t kProportionDenominator =
      kPersonProportion + kAuctionProportion + kBidProportion;
  static constexpr int64_t kFirstPersonId = 1000;
  static constexpr int64_t kFirstAuctionId = 1000;
  static constexpr int64_t kFirstCategoryId = 10;
  static constexpr int64_t kCategories = 5;

  explicit Generator(const GeneratorConfig& config) : config_(config) {}

  /// Makes event `i`, reusing what memory `event` has.
  void Make(int64_t i, Event& event) const;
  Event operator[](int64_t i) const {
    Event event;
    Make(i, event);
    return event;
  }

 private:
  class Random;
  /// The number in event time of the i-th event.
  int64_t NumberOf(int64_t i) const {
    const int64_t size = config_.out_of_order_group_size;
    return i / size * size + i * 953 % size;
  }
  Timestamp TimeOf(int64_t number) const {
    return config_.base_time + Duration::Millis(number * 1000 / config_.events_per_second);
  }
  void MakePerson(int64_t number, Person& person) const;
  void MakeAuction(int64_t number, Auction& auction) const;
  void MakeBid(int64_t number, Bid& bid) const;
  int64_t ActivePerson(int64_t number, Random& random) const;

  GeneratorConfig config_;
};

std::vector<Event> MakeEvents(const GeneratorConfig& config);

/// A source of the events, each at its time.
struct NexmarkSource {
  using Element = Event;
  GeneratorConfig config;
  Result<std::vector<SourceRange>> Split(int threads) const;
  Status Read(RangeTracker& tracker, SourceOutput<Event>& out) const;
  int64_t least_split() const { return 4 << 10; }
};
JOIST_ROW(NexmarkSource, config)

}  // namespace joist::bench::nexmark

#endif  // JOIST_BENCH_NEXMARK_GENERATOR_H_
