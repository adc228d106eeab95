// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Windows in pipelines of bounded input: WindowInto, groupings, side inputs by window, what is
// refused.

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "joist/joist.h"
#include "joist/sdk/testing/passert.h"
#include "joist/sdk/testing/test_pipeline.h"
#include "joist/sdk/testing/test_stream.h"

namespace joist {
namespace {

constexpr Timestamp At(int64_t seconds) { return Timestamp::Seconds(seconds); }
constexpr Window Of(int64_t start, int64_t end) { return {At(start), At(end)}; }

/// Who did something when, in seconds.
using Event = KV<std::string, int64_t>;

auto Events(const Pipeline& pipeline, std::vector<Event> events) {
  return pipeline | Create(std::move(events)) |
         WithTimestamps([](const Event& event) { return At(event.value); });
}

/// "key count [start, end) @timestamp", in seconds.
auto Show() {
  return Map([](const KV<std::string, int64_t>& count, Timestamp t, Window window) {
    return count.key + " " + std::to_string(count.value) + " [" +
           std::to_string(window.start.millis / 1000) + ", " +
           std::to_string(window.end.millis / 1000) + ") @" + std::to_string(t.millis);
  });
}

auto Words() { return Keys(); }

TEST(WindowInto, FixedWindows) {
  TestPipeline p;
  auto counts = Events(p, {{"a", 0}, {"a", 59}, {"b", 59}, {"a", 60}}) | Words() |
                WindowInto(FixedWindows(Duration::Minutes(1))) | Count::PerElement();
  PAssert::That(counts).InWindow(Of(0, 60)).ContainsInAnyOrder({{"a", 2}, {"b", 1}});
  PAssert::That(counts).InOnTimePane(Of(60, 120)).ContainsInAnyOrder({{"a", 1}});
  PAssert::That(counts).InEarlyPane(Of(60, 120)).IsEmpty();
  PAssert::That(counts | Show())
      .ContainsInAnyOrder({"a 2 [0, 60) @59999", "b 1 [0, 60) @59999", "a 1 [60, 120) @119999"});
  EXPECT_TRUE(p.RunOk());
}

TEST(WindowInto, SlidingWindows) {
  TestPipeline p;
  auto counts = Events(p, {{"a", 3}, {"a", 7}, {"b", 7}}) | Words() |
                WindowInto(SlidingWindows(Duration::Seconds(10), Duration::Seconds(5))) |
                Count::PerElement();
  PAssert::That(counts | Show())
      .ContainsInAnyOrder({"a 1 [-5, 5) @4999", "a 2 [0, 10) @9999", "b 1 [0, 10) @9999",
                           "a 1 [5, 15) @14999", "b 1 [5, 15) @14999"});
  EXPECT_TRUE(p.RunOk());
}

// What looks at windows sees each of them, although elements are carried by slices.
TEST(WindowInto, FunctionsSeeEachSlidingWindow) {
  TestPipeline p;
  auto seen = Events(p, {{"a", 3}, {"b", 7}}) |
              WindowInto(SlidingWindows(Duration::Seconds(10), Duration::Seconds(5))) |
              Filter([](const Event& event) { return event.key == "b"; }) |
              Map([](const Event& event, Window window) {
                return event.key + std::to_string(window.start.millis / 1000);
              });
  PAssert::That(seen).ContainsInAnyOrder({"b0", "b5"});
  // An element in two windows is two elements.
  auto again = Events(p, {{"d", 3}}) |
               WindowInto(SlidingWindows(Duration::Seconds(10), Duration::Seconds(5))) |
               WindowInto(FixedWindows(Duration::Seconds(1)));
  PAssert::That(again | Keys() | Count::PerElement()).ContainsInAnyOrder({{"d", 2}});
  auto kept = Events(p, {{"c", 3}}) |
              WindowInto(SlidingWindows(Duration::Seconds(10), Duration::Seconds(5))) | Reshuffle();
  PAssert::That(kept).ContainsInAnyOrder({{"c", 3}, {"c", 3}});
  EXPECT_TRUE(p.RunOk());
}

TEST(WindowInto, Sessions) {
  TestPipeline p;
  auto events = Events(p, {{"a", 0}, {"a", 9}, {"b", 5}, {"a", 19}, {"a", 40}});
  auto sessions = events | WindowInto(Sessions(Duration::Seconds(10)));
  PAssert::That(sessions | Words() | Count::PerElement() | Show())
      .ContainsInAnyOrder({"a 2 [0, 19) @18999", "b 1 [5, 15) @14999", "a 1 [19, 29) @28999",
                           "a 1 [40, 50) @49999"});
  auto sums = sessions | GroupByKey() | Map([](const KV<std::string, Iterable<int64_t>>& group) {
                int64_t sum = 0;
                for (const int64_t value : group.value) sum += value;
                return Event{group.key, sum};
              });
  PAssert::That(sums).ContainsInAnyOrder({{"a", 9}, {"b", 5}, {"a", 19}, {"a", 40}});
  EXPECT_TRUE(p.RunOk());
}

TEST(WindowInto, CalendarWindows) {
  TestPipeline p;
  const int64_t day = 86400;
  auto counts = Events(p, {{"a", 0}, {"a", 30 * day}, {"b", 31 * day}, {"a", 58 * day}}) | Words() |
                WindowInto(CalendarWindows::Months(1)) | Count::PerElement();
  PAssert::That(counts).InWindow(Of(0, 31 * day)).ContainsInAnyOrder({{"a", 2}});
  PAssert::That(counts).InWindow(Of(31 * day, 59 * day)).ContainsInAnyOrder({{"a", 1}, {"b", 1}});
  EXPECT_TRUE(p.RunOk());
}

/// Of `size` seconds up to the first multiple of 100, then of twice that.
struct Growing {
  int64_t size = 1;
  Window AssignWindow(Timestamp t) const {
    return FixedWindow(t, Duration::Seconds(t < At(100) ? size : 2 * size));
  }
};
JOIST_ROW(Growing, size)

TEST(WindowInto, CustomWindows) {
  TestPipeline p;
  auto events = Events(p, {{"a", 9}, {"a", 10}, {"a", 19}, {"a", 100}, {"a", 119}, {"b", 120}});
  auto counts = events | Words() | WindowInto(CustomWindows(Growing{10})) | Count::PerElement();
  PAssert::That(counts | Show())
      .ContainsInAnyOrder({"a 1 [0, 10) @9999", "a 2 [10, 20) @19999", "a 2 [100, 120) @119999",
                           "b 1 [120, 140) @139999"});
  EXPECT_TRUE(p.RunOk());
}

/// Overlap, though each time is in one of them only.
struct Overlapping {
  Window AssignWindow(Timestamp t) const {
    const Window tens = FixedWindow(t, Duration::Seconds(10));
    return {tens.start, tens.end + Duration::Seconds(10)};
  }
};

TEST(WindowInto, CustomWindowsThatOverlap) {
  TestPipeline p;
  // In one batch.
  auto words = p | Create({0}) | FlatMap([](int, Emit<std::string> emit) {
                 for (const int64_t second : {5, 15, 16, 25, 5}) emit("a", At(second));
               });
  auto counts = words | WindowInto(CustomWindows(Overlapping())) | Count::PerElement();
  PAssert::That(counts | Show())
      .ContainsInAnyOrder({"a 2 [0, 20) @19999", "a 2 [10, 30) @29999", "a 1 [20, 40) @39999"});
  EXPECT_TRUE(p.RunOk());
}

/// Sessions whose gap depends on the time of day, if a minute is a day.
struct RestlessSessions {
  static constexpr bool kMergesOverlapping = true;
  Window AssignWindow(Timestamp t) const {
    return SessionWindow(t, Duration::Seconds(t.millis % 60'000 < 30'000 ? 10 : 2));
  }
};

TEST(WindowInto, CustomMergingWindows) {
  TestPipeline p;
  auto events = Events(p, {{"a", 5}, {"a", 14}, {"a", 35}, {"a", 36}, {"a", 39}, {"b", 39}});
  auto sessions = events | WindowInto(CustomWindows(RestlessSessions()));
  PAssert::That(sessions | Words() | Count::PerElement() | Show())
      .ContainsInAnyOrder({"a 2 [5, 24) @23999", "a 2 [35, 38) @37999", "a 1 [39, 41) @40999",
                           "b 1 [39, 41) @40999"});
  auto sums = sessions | GroupByKey() | Map([](const KV<std::string, Iterable<int64_t>>& group) {
                return Event{group.key, static_cast<int64_t>(group.value.size())};
              });
  PAssert::That(sums).ContainsInAnyOrder({{"a", 2}, {"a", 2}, {"a", 1}, {"b", 1}});
  EXPECT_TRUE(p.RunOk());
}

/// For as many seconds as the element says, from its time on.
struct AsLongAsSaid {
  Window AssignWindow(const Event& event, Timestamp t) const {
    return {t, t + Duration::Seconds(event.value)};
  }
};
/// In a window of each second up to that, and in none at times before `from`.
struct Seconds {
  int64_t from = 0;
  std::vector<Window> AssignWindows(const Event& event, Timestamp t) const {
    std::vector<Window> windows;
    for (int64_t i = 1; t >= At(from) && i <= event.value; ++i) {
      windows.push_back({t, t + Duration::Seconds(i)});
    }
    return windows;
  }
};
JOIST_ROW(Seconds, from)

TEST(WindowInto, WindowsByElement) {
  TestPipeline p;
  auto events = Events(p, {{"a", 2}, {"b", 2}, {"a", 2}, {"a", 1}, {"c", 0}});
  PAssert::That(events | "Whole" >> WindowInto(CustomWindows(AsLongAsSaid())) |
                Filter([](const Event& event) { return event.value > 0; }) | Words() |
                Count::PerElement() | Show())
      .ContainsInAnyOrder({"a 2 [2, 4) @3999", "b 1 [2, 4) @3999", "a 1 [1, 2) @1999"});
  PAssert::That(events | "Each" >> WindowInto(CustomWindows(Seconds{2})) | Words() |
                Count::PerElement() | Show())
      .ContainsInAnyOrder(
          {"a 2 [2, 3) @2999", "a 2 [2, 4) @3999", "b 1 [2, 3) @2999", "b 1 [2, 4) @3999"});
  EXPECT_TRUE(p.RunOk());
}

TEST(WindowInto, WindowsOfOtherElementsAreRefused) {
  TestPipeline p;
  Events(p, {{"a", 2}}) | Words() | WindowInto(CustomWindows(AsLongAsSaid()));
  const Status status = p.Run().status();
  EXPECT_NE(status.message().find("has windows of other elements, AsLongAsSaid, than a collection "
                                  "of std::string"),
            std::string::npos)
      << status.message();
}

TEST(WindowInto, SideInputsInWindowsOfElementsAreRefused) {
  TestPipeline p;
  auto side = Events(p, {{"a", 2}}) | WindowInto(CustomWindows(AsLongAsSaid()));
  p | Create({1}) |
      ParDo([](int n, SideInput<IterableView<Event>>, Emit<int> emit) { emit(n); },
            AsIterable(side));
  const Status status = p.Run().status();
  EXPECT_NE(status.message().find("whose windows follow from its elements"), std::string::npos)
      << status.message();
}

/// Offers and bids for them: an offer lasts as long as its value says, and a bid waits for an offer
/// for a minute, longer than any offer lasts.
struct OfferOrBid {
  static constexpr Duration kWait = Duration::Minutes(1);
  Window AssignWindow(const Event& event, Timestamp t) const {
    return {t, t + (event.value > 0 ? Duration::Seconds(event.value) : kWait)};
  }
  void MergeWindows(WindowMerger& merger) const {
    for (const Window& offer : merger.windows()) {
      if (offer.span() >= kWait) continue;
      std::vector<Window> from = {offer};
      for (const Window& bid : merger.windows()) {
        if (bid.span() == kWait && offer.Contains(bid.start)) from.push_back(bid);
      }
      merger.Merge(from, offer);
    }
  }
};

auto OffersAndBids() { return WindowInto(CustomWindows(OfferOrBid())); }
auto CountAll() {
  return Map([](const KV<std::string, Iterable<int64_t>>& group) {
    return KV<std::string, int64_t>{group.key, static_cast<int64_t>(group.value.size())};
  });
}

TEST(WindowInto, WindowsThatAFunctionMerges) {
  TestPipeline p;
  // Offers of "a" at 10 and 30, and of "b" at 0, for 10 seconds each; bids.
  auto events = p | Create({0}) | FlatMap([](int, Emit<Event> emit) {
                  emit(Event{"a", 10}, At(10));
                  emit(Event{"a", 10}, At(30));
                  emit(Event{"b", 10}, At(0));
                  for (const int64_t at : {10, 19, 20, 39}) emit(Event{"a", 0}, At(at));
                  emit(Event{"b", 0}, At(9));
                });
  const std::vector<std::string> expected = {"a 3 [10, 20) @19999", "a 2 [30, 40) @39999",
                                             "a 1 [20, 80) @79999", "b 2 [0, 10) @9999"};
  PAssert::That(events | "Group" >> OffersAndBids() | GroupByKey() | CountAll() | Show())
      .ContainsInAnyOrder(expected);
  PAssert::That(events | "Count" >> OffersAndBids() | Count::PerKey() | Show())
      .ContainsInAnyOrder(expected);
  EXPECT_TRUE(p.RunOk());
}

TEST(WindowInto, WindowsThatAFunctionMergesInAStream) {
  TestPipeline p;
  auto events = p | TestStream<Event>()
                        .AddElements({{{"a", 0}, At(11)}})  // Before its offer.
                        .AddElements({{{"a", 10}, At(10)}, {{"a", 0}, At(40)}})
                        .AddElements({{{"a", 0}, At(19)}})
                        .AdvanceWatermarkTo(At(20))
                        .AddElements({{{"a", 0}, At(30)}})
                        .AdvanceWatermarkToInfinity();
  PAssert::That(events | OffersAndBids() | GroupByKey() | CountAll() | Show())
      .ContainsInAnyOrder({"a 3 [10, 20) @19999", "a 1 [40, 100) @99999", "a 1 [30, 90) @89999"});
  EXPECT_TRUE(p.RunOk());
}

/// Says what is wrong with it.
struct NeverRight {
  Window AssignWindow(Timestamp) const { return Window::Global(); }
  Status Validate() const { return InvalidArgument("nothing would be right"); }
};

TEST(WindowInto, CustomWindowsSayWhatIsWrong) {
  TestPipeline p;
  Events(p, {{"a", 2}}) | WindowInto(CustomWindows(NeverRight()));
  EXPECT_NE(p.Run().status().message().find("is windowed wrongly: nothing would be right"),
            std::string::npos);
}

/// Merges what isn't there.
struct Confused {
  Window AssignWindow(Timestamp t) const { return SessionWindow(t, Duration::Seconds(1)); }
  void MergeWindows(WindowMerger& merger) const {
    merger.Merge({Window{At(70), At(71)}}, Window{At(70), At(80)});
  }
};

TEST(WindowInto, WrongMergesAreFailuresOfTheStep) {
  TestPipeline p;
  Events(p, {{"a", 2}}) | WindowInto(CustomWindows(Confused())) | GroupByKey() | CountAll();
  const Status status = p.Run().status();
  EXPECT_NE(status.message().find("step \"GroupByKey"), std::string::npos) << status.message();
  EXPECT_NE(status.message().find("MergeWindows merges [1970-01-01T00:01:10.000Z"),
            std::string::npos)
      << status.message();
}

// A second grouping takes the merged windows as they are.
TEST(WindowInto, MergedSessionsStay) {
  TestPipeline p;
  auto counts = Events(p, {{"a", 0}, {"a", 9}, {"b", 12}}) | Words() |
                WindowInto(Sessions(Duration::Seconds(10))) | Count::PerElement() |
                Map([](const KV<std::string, int64_t>& count) {
                  return KV<std::string, int64_t>{"all", count.value};
                }) |
                Sum::PerKey();
  PAssert::That(counts | Show())
      .ContainsInAnyOrder({"all 2 [0, 19) @18999", "all 1 [12, 22) @21999"});
  EXPECT_TRUE(p.RunOk());
}

TEST(WindowInto, TimestampsOfResults) {
  TestPipeline p;
  auto words = Events(p, {{"a", 3}, {"a", 7}, {"a", 5}}) | Words();
  const auto count = [&](TimestampCombiner combiner) {
    return words | WindowInto(FixedWindows(Duration::Seconds(10))).WithTimestampCombiner(combiner) |
           Count::PerElement() | Show();
  };
  PAssert::That(count(TimestampCombiner::kEarliest)).ContainsInAnyOrder({"a 3 [0, 10) @3000"});
  PAssert::That(count(TimestampCombiner::kLatest)).ContainsInAnyOrder({"a 3 [0, 10) @7000"});
  PAssert::That(count(TimestampCombiner::kEndOfWindow)).ContainsInAnyOrder({"a 3 [0, 10) @9999"});
  EXPECT_TRUE(p.RunOk());
}

TEST(WindowInto, CombineGlobally) {
  TestPipeline p;
  auto sums = Events(p, {{"a", 3}, {"b", 17}, {"c", 4}}) | Values() |
              WindowInto(FixedWindows(Duration::Seconds(10))) | Sum::Globally();
  PAssert::ThatSingleton(sums).InWindow(Of(0, 10)).IsEqualTo(7);
  PAssert::ThatSingleton(sums).InWindow(Of(10, 20)).IsEqualTo(17);
  // A window without elements doesn't exist.
  auto none =
      Events(p, {}) | Values() | WindowInto(FixedWindows(Duration::Seconds(10))) | Sum::Globally();
  PAssert::That(none).IsEmpty();
  EXPECT_TRUE(p.RunOk());
}

TEST(SideInput, OfTheSameWindow) {
  TestPipeline p;
  const auto windows = FixedWindows(Duration::Seconds(10));
  auto events = Events(p, {{"a", 3}, {"b", 17}, {"c", 4}}) | WindowInto(windows);
  auto totals = events | Values() | Sum::Globally();
  auto shares =
      events | Map(
                   [](const Event& event, SideInput<int64_t> total) {
                     return event.key + std::to_string(event.value) + "/" + std::to_string(*total);
                   },
                   AsSingleton(totals));
  PAssert::That(shares).ContainsInAnyOrder({"a3/7", "b17/17", "c4/7"});
  EXPECT_TRUE(p.RunOk());
}

// A main window finds the side window of its last moment; one without elements is empty.
TEST(SideInput, OfLargerWindows) {
  TestPipeline p;
  auto side =
      Events(p, {{"x", 1}, {"y", 25}}) | "Side" >> WindowInto(FixedWindows(Duration::Seconds(20)));
  auto main = Events(p, {{"a", 3}, {"b", 17}, {"c", 39}, {"d", 45}}) |
              "Main" >> WindowInto(SlidingWindows(Duration::Seconds(10), Duration::Seconds(5)));
  auto found =
      main | FlatMap(
                 [](const Event& event, Window window,
                    SideInput<MapView<std::string, int64_t>> side, Emit<std::string> emit) {
                   std::string text = event.key + std::to_string(window.end.millis / 1000);
                   for (const char* key : {"x", "y"}) {
                     if (side->Contains(key)) text += key;
                   }
                   emit(text);
                 },
                 AsMap(side));
  PAssert::That(found).ContainsInAnyOrder(
      {"a5x", "a10x", "b20x", "b25y", "c40y", "c45", "d50", "d55"});
  EXPECT_TRUE(p.RunOk());
}

TEST(SideInput, WindowWithoutElementHasDefault) {
  TestPipeline p;
  const auto windows = FixedWindows(Duration::Seconds(10));
  auto one = Events(p, {{"x", 1}}) | Values() | "Side" >> WindowInto(windows);
  auto found = Events(p, {{"a", 3}, {"b", 17}}) | "Main" >> WindowInto(windows) |
               Map([](const Event& event,
                      SideInput<int64_t> side) { return event.key + std::to_string(*side); },
                   AsSingleton(one, int64_t{-1}));
  PAssert::That(found).ContainsInAnyOrder({"a1", "b-1"});
  EXPECT_TRUE(p.RunOk());
}

TEST(SideInput, WindowWithoutElementAndDefaultFails) {
  TestPipeline p;
  const auto windows = FixedWindows(Duration::Seconds(10));
  auto one = Events(p, {{"x", 1}}) | Values() | "Side" >> WindowInto(windows);
  Events(p, {{"a", 3}, {"b", 17}}) | "Main" >> WindowInto(windows) |
      Map([](const Event& event, SideInput<int64_t> side) { return event.value + *side; },
          AsSingleton(one));
  const std::string message = p.RunToEnd().status.message();
  EXPECT_NE(message.find("needs exactly one element"), std::string::npos) << message;
}

TEST(Joins, WindowByWindow) {
  TestPipeline p;
  const auto windows = FixedWindows(Duration::Seconds(10));
  auto left = Events(p, {{"a", 1}, {"a", 11}, {"b", 2}}) | "Left" >> WindowInto(windows);
  auto right = Events(p, {{"a", 2}, {"b", 12}}) | "Right" >> WindowInto(windows);
  auto sizes = CoGroupByKey(left, right) |
               Map([](const KV<std::string, CoGbkResult<int64_t, int64_t>>& group) {
                 return group.key + std::to_string(group.value.Get<0>().size()) +
                        std::to_string(group.value.Get<1>().size());
               });
  PAssert::That(sizes).ContainsInAnyOrder({"a11", "a10", "b10", "b01"});
  EXPECT_TRUE(p.RunOk());
}

void ExpectFault(TestPipeline& p, const std::string& fault) {
  const std::string message = p.RunToEnd().status.message();
  EXPECT_NE(message.find(fault), std::string::npos) << message;
}

TEST(Refused, TriggerWithoutMode) {
  TestPipeline p;
  p | Create({1}) |
      "Early" >>
          WindowInto(FixedWindows(Duration::Seconds(1))).Triggering(Trigger::AfterWatermark());
  ExpectFault(p, "has a trigger but no accumulation mode");
}

TEST(Refused, TriggerThatLosesElements) {
  TestPipeline p;
  Events(p, {{"a", 1}}) |
      WindowInto(FixedWindows(Duration::Seconds(1)))
          .Triggering(Trigger::AfterCount(3))
          .DiscardingFiredPanes() |
      "Group" >> GroupByKey();
  ExpectFault(p, "groups with the trigger AfterCount(3), which may finish and lose");
}

TEST(Refused, WrongWindows) {
  TestPipeline p;
  p | Create({1}) | "None" >> WindowInto(FixedWindows(Duration::Seconds(0)));
  ExpectFault(p, "the size of FixedWindows(0s) must be positive");
  TestPipeline q;
  q | Create({1}) | "Thirteenth" >> WindowInto(CalendarWindows::Years(1).BeginningOnDay(13, 1));
  ExpectFault(q, "the month of CalendarWindows(1 years from 1970-13-01) must be 1 to 12");
}

TEST(Refused, DifferentWindowsTogether) {
  TestPipeline p;
  auto all = p | Create({1});
  Flatten("Together", all, all | WindowInto(FixedWindows(Duration::Seconds(1))));
  ExpectFault(p,
              "joins collections with different windows: GlobalWindows and "
              "FixedWindows(1s)");
}

TEST(Refused, SessionsAsSideInput) {
  TestPipeline p;
  auto sessions = p | Create({1}) | WindowInto(Sessions(Duration::Seconds(1)));
  p | "Main" >> Create({1}) |
      Map([](int n, SideInput<ListView<int>> list) { return n + static_cast<int>(list->size()); },
          AsList(sessions));
  ExpectFault(p, "makes a side input of a collection in Sessions(gap 1s)");
}

}  // namespace
}  // namespace joist
