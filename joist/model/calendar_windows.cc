// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/model/calendar_windows.h"

#include <algorithm>

#include "joist/model/custom_windows.h"

namespace joist {
namespace {

constexpr int64_t kMillisInDay = 86'400'000;
/// More than time has.
constexpr int64_t kMostUnits = 1'000'000'000;

int64_t FloorDivide(int64_t a, int64_t b) { return (a - FloorMod(a, b)) / b; }

/// Days from 1970-01-01 to a date of the proleptic Gregorian calendar; `day` is 1 to 28. After
/// "days_from_civil" in Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms": years are
/// counted from March, so that a leap day is the last of its year, in eras of 400 years.
int64_t DaysFromDate(int64_t year, int64_t month, int64_t day) {
  const int64_t y = month <= 2 ? year - 1 : year;
  const int64_t era = FloorDivide(y, 400);
  const int64_t of_era = y - era * 400;
  const int64_t of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
  return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

/// The month that a day is in, counted from January of the year 0; "civil_from_days" there.
int64_t MonthOfDay(int64_t days) {
  const int64_t shifted = days + 719468;
  const int64_t era = FloorDivide(shifted, 146097);
  const int64_t of_era = shifted - era * 146097;
  const int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
  const int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
  const int64_t from_march = (5 * of_year + 2) / 153;
  return (year + era * 400) * 12 + from_march + 2;
}

int64_t DayOfMonth(int64_t month, int64_t day) {
  return DaysFromDate(FloorDivide(month, 12), FloorMod(month, 12) + 1, day);
}

std::string Padded(int64_t number) { return (number < 10 ? "0" : "") + std::to_string(number); }

}  // namespace

CalendarWindows CalendarWindows::StartingDay(int64_t y, int64_t m, int64_t d) const {
  CalendarWindows windows = *this;
  windows.year = y;
  windows.month = m;
  windows.day = d;
  return windows;
}
CalendarWindows CalendarWindows::StartingMonth(int64_t y, int64_t m) const {
  return StartingDay(y, m, day);
}
CalendarWindows CalendarWindows::StartingYear(int64_t y) const {
  return StartingDay(y, month, day);
}
CalendarWindows CalendarWindows::BeginningOnDay(int64_t d) const {
  return StartingDay(year, month, d);
}
CalendarWindows CalendarWindows::BeginningOnDay(int64_t m, int64_t d) const {
  return StartingDay(year, m, d);
}
CalendarWindows CalendarWindows::WithUtcOffset(Duration offset) const {
  CalendarWindows windows = *this;
  windows.utc_offset = offset;
  return windows;
}

Window CalendarWindows::AssignWindow(Timestamp t) const {
  t = WithinGlobal(t);
  const int64_t today = FloorDivide(t.millis + utc_offset.millis, kMillisInDay);
  int64_t first, end;  // Days.
  if (unit == Unit::kDays) {
    first = today - FloorMod(today - DaysFromDate(year, month, day), number);
    end = first + number;
  } else {
    const int64_t months = unit == Unit::kMonths ? number : number * 12;
    // The month at whose day the latest window may have begun.
    const int64_t now = MonthOfDay(today);
    const int64_t last = DayOfMonth(now, day) <= today ? now : now - 1;
    const int64_t begun = last - FloorMod(last - (year * 12 + month - 1), months);
    first = DayOfMonth(begun, day);
    end = DayOfMonth(begun + months, day);
  }
  const auto midnight = [this](int64_t of) {
    return Timestamp::Millis(SaturatingMultiply(of, kMillisInDay) - utc_offset.millis);
  };
  return {midnight(first), std::min(midnight(end), Window::Global().end)};
}

Status CalendarWindows::Validate() const {
  const std::string name = ToString();
  if (number < 1 || number > kMostUnits) {
    return InvalidArgument("the number of units of " + name + " must be positive");
  }
  if (month < 1 || month > 12) return InvalidArgument("the month of " + name + " must be 1 to 12");
  const int64_t last_day = unit == Unit::kDays ? 31 : 28;
  if (day < 1 || day > last_day) {
    return InvalidArgument("the day of " + name + " must be 1 to " + std::to_string(last_day));
  }
  if (year < -kMostUnits || year > kMostUnits) {
    return InvalidArgument("the year of " + name + " is out of range");
  }
  if (utc_offset >= Duration::Days(1) || utc_offset <= -Duration::Days(1)) {
    return InvalidArgument("the UTC offset of " + name + " must be less than a day");
  }
  return OkStatus();
}

std::string CalendarWindows::ToString() const {
  static constexpr const char* kUnits[] = {"days", "months", "years"};
  std::string text = "CalendarWindows(" + std::to_string(number) + " " +
                     kUnits[static_cast<size_t>(unit)] + " from " + std::to_string(year) + "-" +
                     Padded(month) + "-" + Padded(day);
  if (utc_offset != Duration::Zero()) text += ", UTC offset " + utc_offset.ToString();
  return text + ")";
}

CalendarWindows::operator WindowFn() const { return CustomWindows(*this); }

}  // namespace joist
