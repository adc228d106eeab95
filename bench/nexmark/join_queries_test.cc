// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "bench/nexmark/query_test.h"
#include "joist/sdk/testing/test_stream.h"

namespace joist::bench::nexmark {
namespace {

TEST(NexmarkQuery3, SuggestsLocalItems) {
  ExpectAsReference(&LocalItemSuggestion, &reference::LocalItemSuggestion);
}

Event LocalPerson(int64_t id, Timestamp time) {
  Person person;
  person.id = id;
  person.name = "Ann";
  person.city = "Bend";
  person.state = "OR";
  person.date_time = time;
  return {person};
}
Event AuctionBy(int64_t seller, int64_t id, Timestamp time) {
  Auction auction;
  auction.id = id;
  auction.date_time = time;
  auction.seller = seller;
  auction.category = 10;
  return {auction};
}

TEST(NexmarkQuery3, ForgetsInAStreamWhatHasWaitedTooLong) {
  const auto at = [](int64_t seconds) { return Timestamp::Seconds(seconds); };
  TestPipeline p;
  const auto events = p | TestStream<Event>()
                              .AddElements({{AuctionBy(1, 10, at(0)), at(0)}})
                              .AddElements({{AuctionBy(2, 20, at(5)), at(5)}})
                              .AdvanceWatermarkTo(at(9))
                              .AddElements({{LocalPerson(1, at(9)), at(9)}})
                              .AddElements({{AuctionBy(1, 11, at(12)), at(12)}})
                              .AdvanceWatermarkTo(at(60))  // 20 has waited for ten seconds.
                              .AddElements({{LocalPerson(2, at(60)), at(60)}})
                              .AddElements({{AuctionBy(1, 12, at(61)), at(61)}})
                              .AddElements({{AuctionBy(2, 21, at(62)), at(62)}})
                              .AdvanceWatermarkToInfinity();
  PAssert::That(LocalItemSuggestion(events, {.max_auctions_waiting_time = Duration::Seconds(10)}))
      .ContainsInAnyOrder(
          {{"Ann", "Bend", "OR", 10}, {"Ann", "Bend", "OR", 11}, {"Ann", "Bend", "OR", 21}});
  EXPECT_TRUE(p.RunOk());
}

TEST(NexmarkQuery8, MonitorsNewUsers) {
  ExpectAsReference(&MonitorNewUsers, &reference::MonitorNewUsers);
}

TEST(NexmarkQuery13, JoinsASideInput) {
  ExpectAsReference(
      [](Pipeline& p, const PCollection<Event>& events, const QueryConfig& config) {
        return BoundedSideInputJoin(events, SideInputOf(p, config), config);
      },
      &reference::BoundedSideInputJoin);
}

TEST(NexmarkQuery14, JoinsSessionsWithASideInput) {
  ExpectAsReference(
      [](Pipeline& p, const PCollection<Event>& events, const QueryConfig& config) {
        return SessionSideInputJoin(events, SideInputOf(p, config), config);
      },
      &reference::SessionSideInputJoin);
}

}  // namespace
}  // namespace joist::bench::nexmark
