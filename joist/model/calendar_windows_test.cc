// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/model/calendar_windows.h"

#include <gtest/gtest.h>

#include <chrono>
#include <random>

namespace joist {
namespace {

Timestamp At(const char* text) { return *Timestamp::Parse(text); }
Window Of(const char* start, const char* end) { return {At(start), At(end)}; }

TEST(CalendarWindows, Days) {
  EXPECT_EQ(CalendarWindows::Days(1).AssignWindow(At("2026-11-22T23:59:59.999Z")),
            Of("2026-11-22T00:00:00Z", "2026-11-23T00:00:00Z"));
  const auto weeks = CalendarWindows::Days(7).StartingDay(2026, 1, 5);  // A Monday.
  EXPECT_EQ(weeks.AssignWindow(At("2026-11-22T12:00:00Z")),
            Of("2026-11-16T00:00:00Z", "2026-11-23T00:00:00Z"));
  // Before the start too.
  EXPECT_EQ(weeks.AssignWindow(At("2026-01-04T12:00:00Z")),
            Of("2025-12-29T00:00:00Z", "2026-01-05T00:00:00Z"));
}

TEST(CalendarWindows, Months) {
  EXPECT_EQ(CalendarWindows::Months(1).AssignWindow(At("2024-02-29T23:00:00Z")),
            Of("2024-02-01T00:00:00Z", "2024-03-01T00:00:00Z"));
  // The last day of 400 years.
  EXPECT_EQ(CalendarWindows::Months(1).AssignWindow(At("2000-02-29T12:00:00Z")),
            Of("2000-02-01T00:00:00Z", "2000-03-01T00:00:00Z"));
  const auto quarters = CalendarWindows::Months(3).StartingMonth(2026, 2).BeginningOnDay(6);
  EXPECT_EQ(quarters.AssignWindow(At("2026-05-06T00:00:00Z")),
            Of("2026-05-06T00:00:00Z", "2026-08-06T00:00:00Z"));
  EXPECT_EQ(quarters.AssignWindow(At("2026-05-05T23:59:59Z")),
            Of("2026-02-06T00:00:00Z", "2026-05-06T00:00:00Z"));
  EXPECT_EQ(quarters.AssignWindow(At("2025-12-31T00:00:00Z")),
            Of("2025-11-06T00:00:00Z", "2026-02-06T00:00:00Z"));
}

TEST(CalendarWindows, Years) {
  EXPECT_EQ(CalendarWindows::Years(1).AssignWindow(At("2026-11-22T00:00:00Z")),
            Of("2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z"));
  const auto tax = CalendarWindows::Years(1).BeginningOnDay(4, 6);
  EXPECT_EQ(tax.AssignWindow(At("2026-04-05T23:59:59Z")),
            Of("2025-04-06T00:00:00Z", "2026-04-06T00:00:00Z"));
  const auto decades = CalendarWindows::Years(10).StartingYear(2000);
  EXPECT_EQ(decades.AssignWindow(At("1969-07-20T00:00:00Z")),
            Of("1960-01-01T00:00:00Z", "1970-01-01T00:00:00Z"));
}

TEST(CalendarWindows, MidnightElsewhere) {
  const auto days = CalendarWindows::Days(1).WithUtcOffset(Duration::Hours(9));
  EXPECT_EQ(days.AssignWindow(At("2026-11-22T16:00:00Z")),
            Of("2026-11-22T15:00:00Z", "2026-11-23T15:00:00Z"));
}

TEST(CalendarWindows, EndWithTime) {
  for (const auto& windows : {CalendarWindows::Days(1), CalendarWindows::Days(3),
                              CalendarWindows::Months(1), CalendarWindows::Years(1'000'000'000)}) {
    const Window last = windows.AssignWindow(Timestamp::Max());
    EXPECT_EQ(last.end, Window::Global().end) << windows.ToString();
    EXPECT_LT(last.start, last.end) << windows.ToString();
    EXPECT_TRUE(windows.AssignWindow(Timestamp::Min()).Contains(Timestamp::Min()))
        << windows.ToString();
  }
}

/// Against the standard library's calendar.
TEST(CalendarWindows, RandomTimes) {
  using std::chrono::days;
  using std::chrono::sys_days;
  using std::chrono::year_month_day;
  std::mt19937_64 random(1);
  const auto midnight = [](year_month_day date) {
    return Timestamp::Millis(int64_t{sys_days(date).time_since_epoch().count()} * 86'400'000);
  };
  for (int run = 0; run < 20'000; ++run) {
    // Within some 3,000 years of the epoch.
    const Timestamp t = Timestamp::Millis(static_cast<int64_t>(random() % 190'000'000'000'000) -
                                          95'000'000'000'000);
    const int64_t number = static_cast<int64_t>(random() % 30) + 1;
    const unsigned day = static_cast<unsigned>(random() % 28 + 1);
    const unsigned month = static_cast<unsigned>(random() % 12 + 1);
    const bool in_years = random() % 2 == 0;
    auto windows = in_years ? CalendarWindows::Years(number).BeginningOnDay(month, day)
                            : CalendarWindows::Months(number).BeginningOnDay(day);
    const Window window = windows.AssignWindow(t);
    ASSERT_TRUE(window.Contains(t)) << windows.ToString() << t.ToString();
    const year_month_day first(sys_days(days(static_cast<int>(
        (window.start.millis - FloorMod(window.start.millis, 86'400'000)) / 86'400'000))));
    ASSERT_EQ(midnight(first), window.start);
    ASSERT_EQ(first.day(), std::chrono::day(day));
    const int units = static_cast<int>(number);
    if (in_years) {
      ASSERT_EQ(first.month(), std::chrono::month(month));
      ASSERT_EQ(FloorMod(static_cast<int>(first.year()) - 1970, number), 0);
      ASSERT_EQ(window.end, midnight(first + std::chrono::years(units)));
    } else {
      const int64_t since = (static_cast<int>(first.year()) - 1970) * 12 +
                            static_cast<int64_t>(static_cast<unsigned>(first.month())) - 1;
      ASSERT_EQ(FloorMod(since, number), 0);
      ASSERT_EQ(window.end, midnight(first + std::chrono::months(units)));
    }
  }
}

TEST(CalendarWindows, SayWhatIsWrong) {
  const auto message = [](const WindowFn& fn) { return fn.Validate().message(); };
  EXPECT_EQ(message(CalendarWindows::Days(0)),
            "the number of units of CalendarWindows(0 days from 1970-01-01) must be positive");
  EXPECT_NE(message(CalendarWindows::Months(1).BeginningOnDay(31)).find("must be 1 to 28"),
            std::string::npos);
  EXPECT_NE(message(CalendarWindows::Years(1).BeginningOnDay(13, 1)).find("must be 1 to 12"),
            std::string::npos);
  EXPECT_NE(message(CalendarWindows::Days(1).WithUtcOffset(Duration::Days(1))).find("a day"),
            std::string::npos);
  EXPECT_EQ(message(CalendarWindows::Days(1).StartingDay(2026, 1, 31)), "");
}

}  // namespace
}  // namespace joist
