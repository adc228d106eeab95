// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "bench/nexmark/generator.h"

#include <gtest/gtest.h>

#include <map>

namespace joist::bench::nexmark {
namespace {

constexpr int64_t kGenerated = 50'000;

TEST(NexmarkGenerator, HasBeamsProportionsAndIdsInOrder) {
  int64_t persons = 0, auctions = 0, bids = 0;
  for (const Event& event : MakeEvents({.event_count = kGenerated})) {
    if (const Person* person = event.person()) {
      EXPECT_EQ(person->id, 1000 + persons++);
    } else if (const Auction* auction = event.auction()) {
      EXPECT_EQ(auction->id, 1000 + auctions++);
    } else {
      ++bids;
    }
  }
  EXPECT_EQ(persons, kGenerated / 50);
  EXPECT_EQ(auctions, kGenerated / 50 * 3);
  EXPECT_EQ(bids, kGenerated / 50 * 46);
}

TEST(NexmarkGenerator, TimesAreEvenlySpaced) {
  const GeneratorConfig config{.event_count = 1000, .events_per_second = 300};
  int64_t i = 0;
  for (const Event& event : MakeEvents(config)) {
    EXPECT_EQ(event.date_time().millis, config.base_time.millis + i++ * 1000 / 300);
  }
}

TEST(NexmarkGenerator, AnEventIsAFunctionOfItsIndexAndTheSeed) {
  const GeneratorConfig config{.event_count = 500, .seed = 7};
  const std::vector<Event> events = MakeEvents(config);
  const Generator generator(config);
  Event reused;
  for (int64_t i = 499; i >= 0; --i) {
    generator.Make(i, reused);
    EXPECT_EQ(reused, events[static_cast<size_t>(i)]);
  }
  EXPECT_NE(Generator({.seed = 8})[10], events[10]);
}

TEST(NexmarkGenerator, OutOfOrderGroupsHoldTheSameEvents) {
  const std::vector<Event> in_order = MakeEvents({.event_count = 2000});
  std::vector<Event> shuffled = MakeEvents({.event_count = 2000, .out_of_order_group_size = 100});
  EXPECT_NE(shuffled, in_order);
  for (size_t i = 0; i < 2000; ++i) EXPECT_EQ(shuffled[i], in_order[i / 100 * 100 + i * 953 % 100]);
}

TEST(NexmarkGenerator, HotOnesAreAsHotAsConfigured) {
  int64_t bids = 0, hot_auctions = 0, hot_bidders = 0, auctions = 0, hot_sellers = 0;
  for (const Event& event : MakeEvents({.event_count = kGenerated})) {
    if (const Bid* bid = event.bid()) {
      ++bids;
      hot_auctions += bid->auction % 100 == 0 ? 1 : 0;
      hot_bidders += bid->bidder % 100 == 1 ? 1 : 0;
    } else if (const Auction* auction = event.auction()) {
      ++auctions;
      hot_sellers += auction->seller % 100 == 0 ? 1 : 0;
    }
  }
  const auto share = [](int64_t part, int64_t whole) {
    return static_cast<double>(part) / static_cast<double>(whole);
  };
  // Others are among the hot ones' ids now and then, one in about a hundred.
  EXPECT_NEAR(share(hot_auctions, bids), 0.5 + 0.5 * 0.01, 0.01);
  EXPECT_NEAR(share(hot_bidders, bids), 0.75 + 0.25 * 0.01, 0.01);
  EXPECT_NEAR(share(hot_sellers, auctions), 0.75 + 0.25 * 0.01, 0.03);
}

TEST(NexmarkGenerator, EventsHaveTheirAverageSizeAndAuctionsTheirLength) {
  std::map<size_t, std::pair<double, double>> bytes;  // Of kinds: sum and number.
  double length = 0;
  for (const Event& event : MakeEvents({.event_count = kGenerated})) {
    const auto add = [&](size_t size) {
      bytes[event.what.index()].first += static_cast<double>(size);
      bytes[event.what.index()].second += 1;
    };
    if (const Person* p = event.person()) {
      add(8 + p->name.size() + p->email_address.size() + p->credit_card.size() + p->city.size() +
          p->state.size() + p->extra.size());
    } else if (const Auction* a = event.auction()) {
      add(7 * 8 + a->item_name.size() + a->description.size() + a->extra.size());
      length += static_cast<double>((a->expires - a->date_time).millis);
      EXPECT_GT(a->reserve, a->initial_bid);
      EXPECT_GE(a->category, 10);
      EXPECT_LT(a->category, 15);
    } else {
      add(4 * 8 + event.bid()->extra.size());
    }
  }
  EXPECT_NEAR(bytes[0].first / bytes[0].second, 200, 4);
  EXPECT_NEAR(bytes[1].first / bytes[1].second, 500, 4);
  EXPECT_NEAR(bytes[2].first / bytes[2].second, 100, 1);
  EXPECT_NEAR(length / bytes[1].second, 166, 5);  // 100 auctions, 3 in 50 of 10 events a ms.
}

TEST(NexmarkGenerator, EventsSurviveTheirCoder) {
  for (const Event& event : MakeEvents({.event_count = 100})) {
    const Result<Event> decoded = DecodeFromString<Event>(EncodeToString(event));
    ASSERT_TRUE(decoded.ok());
    EXPECT_EQ(decoded.value(), event);
  }
  EXPECT_FALSE(DecodeFromString<Event>("\x07").ok());
}

}  // namespace
}  // namespace joist::bench::nexmark
