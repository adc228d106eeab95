// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/sdk/testing/stateful_tester.h"

#include <algorithm>
#include <random>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "joist/joist.h"
#include "joist/sdk/testing/test_pipeline.h"

namespace joist {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Reading = KV<std::string, int64_t>;

constexpr Timestamp At(int64_t seconds) { return Timestamp::Seconds(seconds); }
constexpr Window kMinute{At(0), At(60)};

/// The sum of a key's values: of what came, each ten seconds of processing time; of all, ten
/// seconds of event time after the latest value; and of what is left, when the window expires.
struct Sums {
  struct Sum {};
  struct Soon {};
  struct Idle {};
  struct Final {};

  void Process(const Reading& reading, Timestamp t, Window window, ValueState<int64_t, Sum> sum,
               ProcessingTimer<Soon> soon, EventTimer<Idle> idle, Emit<int64_t> emit,
               Emit<std::string, Final>) const {
    if (reading.value < 0) throw std::runtime_error("a negative reading");
    if (reading.value == 0) return emit(sum.ReadOr(0));
    if (sum.IsEmpty()) soon.SetRelative(Duration::Seconds(10));
    sum.Write(sum.ReadOr(0) + reading.value);
    idle.Set(std::min(t + Duration::Seconds(10), window.max_timestamp()));
  }
  void OnTimer(Soon, ValueState<int64_t, Sum> sum, Emit<int64_t> emit) const {
    emit(sum.ReadOr(0));
  }
  void OnTimer(Idle, ValueState<int64_t, Sum> sum, Emit<int64_t> emit) const {
    emit(sum.ReadOr(0));
    sum.Clear();
  }
  void OnWindowExpiration(TimerKey<std::string> key, ValueState<int64_t, Sum> sum,
                          Emit<std::string, Final> emit) const {
    emit(*key + "=" + std::to_string(sum.ReadOr(0)));
  }
};

TEST(StatefulTester, OutputsComeWhenClocksSaySo) {
  StatefulTester tester(Sums{}, WindowInto(FixedWindows(Duration::Minutes(1))));
  tester.Process({"a", 1}, At(5));
  tester.Process({"a", 2}, At(8));
  EXPECT_THAT(tester.TakeOutput(), IsEmpty());
  tester.AdvanceProcessingTime(Duration::Seconds(10));
  EXPECT_THAT(tester.TakeOutput(), IsEmpty());  // Over when more than ten seconds have passed.
  tester.AdvanceProcessingTime(Duration::Millis(1));
  EXPECT_THAT(tester.TakeOutput(), testing::SizeIs(1));
  EXPECT_THAT(tester.TakeOutput(), IsEmpty());  // Taken.

  tester.AdvanceWatermarkTo(At(17));
  EXPECT_THAT(tester.TakeOutput(), IsEmpty());
  tester.AdvanceWatermarkTo(At(19));
  EXPECT_THAT(tester.TakeOutput(), ElementsAre(ValueInWindow<int64_t>{3, At(18), kMinute}));

  tester.Process({"a", 4}, At(30));
  tester.ProcessBundle({{{"b", 7}, At(30)}, {{"b", 0}, At(31)}, {{"b", 0}, At(70)}});
  EXPECT_THAT(tester.TakeOutput(),
              ElementsAre(ValueInWindow<int64_t>{7, At(31), kMinute},
                          ValueInWindow<int64_t>{0, At(70), Window{At(60), At(120)}}));
  EXPECT_THAT(tester.TakeOutput<Sums::Final>(), IsEmpty());
  tester.AdvanceWatermarkTo(At(60));
  EXPECT_THAT(tester.TakeOutput(), testing::SizeIs(2));
  EXPECT_EQ(tester.TakeOutput<Sums::Final>().size(), 2U);
  tester.Process({"a", 0}, At(59));  // Late.
  EXPECT_THAT(tester.TakeOutput(), IsEmpty());
  tester.Finish();
  EXPECT_THAT(tester.TakeOutput<Sums::Final>(),
              ElementsAre(ValueInWindow<std::string>{"b=0", At(120) - Duration::Millis(1),
                                                     Window{At(60), At(120)}}));
  EXPECT_EQ(tester.output_watermark(), Timestamp::Max());
}

TEST(StatefulTester, LatenessAndOverlappingWindows) {
  StatefulTester tester(Sums{},
                        WindowInto(SlidingWindows(Duration::Minutes(1), Duration::Seconds(30)))
                            .WithAllowedLateness(Duration::Seconds(5)));
  tester.Process({"a", 0}, At(30));
  EXPECT_EQ(tester.TakeOutput().size(), 2U);
  // What the first window says when it expires is to be on time.
  tester.AdvanceWatermarkTo(At(64));
  EXPECT_EQ(tester.output_watermark(), At(60) - Duration::Millis(1));
  tester.AdvanceWatermarkTo(At(65));
  EXPECT_EQ(tester.output_watermark(), At(65));
  EXPECT_EQ(tester.TakeOutput<Sums::Final>().size(), 1U);
  tester.Process({"a", 0}, At(30));
  EXPECT_THAT(tester.TakeOutput(),
              ElementsAre(ValueInWindow<int64_t>{0, At(30), Window{At(30), At(90)}}));
  tester.AdvanceWatermarkTo(At(1));  // Stays.
  tester.Process({"a", 0}, At(30));
  EXPECT_EQ(tester.TakeOutput().size(), 1U);
}

struct Numbered {
  static constexpr bool kRequiresTimeSortedInput = true;
  std::string before;
  void Process(const Reading& reading, ValueState<int64_t> next, Emit<std::string> emit) {
    emit(before + std::to_string(reading.value) + "#" + std::to_string(next.ReadOr(0)));
    next.Write(next.ReadOr(0) + 1);
  }
};

TEST(StatefulTester, TimeSortedInput) {
  StatefulTester tester(Numbered{"n"});
  tester.ProcessBundle({{{"a", 9}, At(9)}, {{"a", 1}, At(1)}, {{"b", 5}, At(5)}});
  EXPECT_THAT(tester.TakeOutput(), IsEmpty());
  tester.AdvanceWatermarkTo(At(6));
  EXPECT_THAT(tester.TakeOutput(), ElementsAre(ValueInWindow<std::string>{"n1#0", At(1)},
                                               ValueInWindow<std::string>{"n5#0", At(5)}));
  tester.Finish();
  EXPECT_THAT(tester.TakeOutput(), ElementsAre(ValueInWindow<std::string>{"n9#1", At(9)}));
}

TEST(StatefulTester, MistakesAreExceptions) {
  StatefulTester tester(Sums{});
  try {
    tester.Process({"a", -1}, At(1));
    FAIL() << "nothing was thrown";
  } catch (const StatusException& e) {
    EXPECT_THAT(e.what(), HasSubstr("a negative reading"));
    EXPECT_THAT(e.what(), HasSubstr("{\"a\": -1}"));
  }
  EXPECT_THROW(StatefulTester(Sums{}, WindowInto(Sessions(Duration::Minutes(1)))), StatusException);
}

std::vector<std::string> Texts(const auto& outputs) {
  std::vector<std::string> texts;
  for (const auto& output : outputs) {
    texts.push_back(ToDescription(output.value) + " at " + output.timestamp.ToString() + " in " +
                    output.window.ToString());
  }
  return texts;
}
template <class T>
auto AsTexts() {
  return Map([](const T& value, Timestamp timestamp, Window window) {
    return ToDescription(value) + " at " + timestamp.ToString() + " in " + window.ToString();
  });
}

TEST(StatefulTester, DoesWhatAStreamDoes) {
  std::mt19937_64 random(3);
  for (int script = 0; script < 20; ++script) {
    const auto windows = [] {
      return WindowInto(FixedWindows(Duration::Seconds(30)))
          .WithAllowedLateness(Duration::Seconds(7));
    };
    StatefulTester tester(Sums{}, windows());
    TestStream<Reading> stream;
    int64_t watermark = 0;
    for (int i = 0; i < 60; ++i) {
      const auto below = [&](int64_t n) {
        return static_cast<int64_t>(random() % static_cast<uint64_t>(n));
      };
      switch (below(3)) {
        case 0: {
          std::vector<TimestampedValue<Reading>> elements;
          for (int64_t n = below(4); n >= 0; --n) {
            elements.push_back({{std::string(1, static_cast<char>('a' + below(3))), below(5)},
                                At(watermark + below(40) - 15)});
          }
          tester.ProcessBundle(elements);
          stream = std::move(stream).AddElements(elements);
          break;
        }
        case 1:
          watermark += below(12);
          tester.AdvanceWatermarkTo(At(watermark));
          stream = std::move(stream).AdvanceWatermarkTo(At(watermark));
          break;
        default:
          const Duration by = Duration::Seconds(below(8));
          tester.AdvanceProcessingTime(by);
          stream = std::move(stream).AdvanceProcessingTime(by);
      }
    }
    tester.Finish();
    const auto sums = Texts(tester.TakeOutput()), final = Texts(tester.TakeOutput<Sums::Final>());
    EXPECT_GT(sums.size(), 5U);
    TestPipeline p;
    auto outputs = p | stream | windows() | ParDo(Sums{});
    PAssert::That(outputs.Get<Main>() | "Sums" >> AsTexts<int64_t>()).ContainsInAnyOrder(sums);
    PAssert::That(outputs.Get<Sums::Final>() | "Final" >> AsTexts<std::string>())
        .ContainsInAnyOrder(final);
    EXPECT_TRUE(p.RunOk());
  }
}

TEST(StatefulTester, LambdasAndDescriptions) {
  StatefulTester tester([](const Reading& reading, BagState<int64_t> seen, Emit<int64_t> emit) {
    seen.Add(reading.value);
    if (seen.size() == 2) emit(reading.value);
  });
  tester.Process({"a", 1}, At(1));
  tester.Process({"b", 2}, At(1));
  tester.Process({"a", 3}, At(2));
  const auto output = tester.TakeOutput();
  ASSERT_THAT(output, ElementsAre(ValueInWindow<int64_t>{3, At(2)}));
  std::ostringstream text;
  text << output[0];
  EXPECT_EQ(text.str(), "3 at 1970-01-01T00:00:02.000Z in global");
}

}  // namespace
}  // namespace joist
