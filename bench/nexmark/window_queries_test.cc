// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "bench/nexmark/query_test.h"
#include "joist/sdk/testing/test_stream.h"

namespace joist::bench::nexmark {
namespace {

TEST(NexmarkQuery5, FindsHotItems) { ExpectAsReference(&HotItems, &reference::HotItems); }

TEST(NexmarkQuery7, FindsTheHighestBid) { ExpectAsReference(&HighestBid, &reference::HighestBid); }

TEST(NexmarkQuery7, GivesAllBidsOfTheHighestPrice) {
  const auto bid = [](int64_t bidder, int64_t price, int64_t seconds) {
    return Bid{1, bidder, price, Timestamp::Seconds(seconds), ""};
  };
  std::vector<Event> events;
  for (const Bid& made : {bid(1, 500, 1), bid(2, 499, 2), bid(3, 500, 9), bid(4, 7, 10)}) {
    events.push_back({made});
  }
  TestPipeline p;
  const auto timed =
      p | Create(events) | WithTimestamps([](const Event& event) { return event.date_time(); });
  PAssert::That(HighestBid(timed, {}))
      .ContainsInAnyOrder({bid(1, 500, 1), bid(3, 500, 9), bid(4, 7, 10)});
  EXPECT_TRUE(p.RunOk());
}

TEST(NexmarkQuery10, LogsToShardedFiles) {
  const std::filesystem::path folder =
      std::filesystem::path(testing::TempDir()) / ("nexmark_query_10_" + std::to_string(getpid()));
  for (QueryInput input : QueryInputs()) {
    input.generator.event_count = 20'000;
    const auto expected = reference::LogToShardedFiles(MakeEvents(input.generator), input.query);
    for (const int threads : {1, 2}) {
      std::filesystem::remove_all(folder);
      std::filesystem::create_directories(folder);
      TestPipeline p;
      p.set_threads(threads);
      LogToShardedFiles(p | "Events" >> Read(NexmarkSource{input.generator}), input.query,
                        folder.string() + "/");
      ASSERT_TRUE(p.RunOk()) << input.name << ", threads: " << threads;
      std::map<std::string, std::vector<std::string>> found;
      for (const auto& file : std::filesystem::directory_iterator(folder)) {
        std::string name = file.path().filename().string();
        const std::string suffix = "-00000-of-00001";
        ASSERT_TRUE(name.ends_with(suffix)) << name;
        name.resize(name.size() - suffix.size());
        std::ifstream in(file.path());
        for (std::string line; std::getline(in, line);) found[name].push_back(line);
        std::sort(found[name].begin(), found[name].end());
      }
      EXPECT_EQ(found, expected) << input.name << ", threads: " << threads;
    }
  }
  std::filesystem::remove_all(folder);
}

TEST(NexmarkQuery11, CountsBidsOfUserSessions) {
  ExpectAsReference(&UserSessions, &reference::UserSessions);
}

TEST(NexmarkQuery12, CountsBidsOfUsers) {
  ExpectAsReference(&ProcessingTimeWindows, &reference::ProcessingTimeWindows);
}

Event BidBy(int64_t bidder) {
  Bid bid;
  bid.bidder = bidder;
  return {bid};
}

TEST(NexmarkQuery11, HasAPaneForEachFullLogInAStream) {
  const auto at = [](int64_t seconds) { return Timestamp::Seconds(seconds); };
  TestPipeline p;
  const auto events = p | TestStream<Event>()
                              .AddElements({{BidBy(1), at(1)}, {BidBy(1), at(2)}})
                              .AddElements({{BidBy(1), at(3)}, {BidBy(2), at(3)}})
                              .AdvanceWatermarkTo(at(30))
                              .AddElements({{BidBy(1), at(31)}})
                              .AdvanceWatermarkToInfinity();
  QueryConfig config;
  config.max_log_events = 2;
  PAssert::That(UserSessions(events, config)).ContainsInAnyOrder({{1, 2}, {1, 1}, {2, 1}, {1, 1}});
  EXPECT_TRUE(p.RunOk());
}

TEST(NexmarkQuery12, HasAPaneForEachWindowOfProcessingTimeInAStream) {
  const Timestamp time = Timestamp::Seconds(1);
  TestPipeline p;
  const auto events = p | TestStream<Event>()
                              .AddElements({{BidBy(1), time}, {BidBy(1), time}})
                              .AdvanceProcessingTime(Duration::Seconds(5))
                              .AddElements({{BidBy(1), time}, {BidBy(2), time}})
                              .AdvanceProcessingTime(Duration::Seconds(6))
                              .AddElements({{BidBy(1), time}})
                              .AdvanceWatermarkToInfinity();
  PAssert::That(ProcessingTimeWindows(events, {})).ContainsInAnyOrder({{1, 3}, {2, 1}, {1, 1}});
  EXPECT_TRUE(p.RunOk());
}

}  // namespace
}  // namespace joist::bench::nexmark
