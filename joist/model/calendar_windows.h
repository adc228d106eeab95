// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// CalendarWindows: windows of days, months or years, as Beam's. Their boundaries are midnights in
// UTC, or at a fixed distance from it.
//
//   WindowInto(CalendarWindows::Days(1))
//   WindowInto(CalendarWindows::Days(7).StartingDay(2026, 1, 5))      // Weeks from Mondays on.
//   WindowInto(CalendarWindows::Months(3).BeginningOnDay(6))
//   WindowInto(CalendarWindows::Years(1).BeginningOnDay(4, 6))

#ifndef JOIST_MODEL_CALENDAR_WINDOWS_H_
#define JOIST_MODEL_CALENDAR_WINDOWS_H_

#include <cstdint>
#include <string>

#include "joist/model/fields.h"
#include "joist/model/windowing.h"

namespace joist {

struct CalendarWindows {
  enum class Unit : uint8_t { kDays, kMonths, kYears };

  Unit unit = Unit::kDays;
  int64_t number = 1;   ///< Of units in a window.
  int64_t year = 1970;  ///< Of the day on which one window begins, as are the next two.
  int64_t month = 1;
  int64_t day = 1;
  Duration utc_offset;

  static CalendarWindows Days(int64_t number) { return Of(Unit::kDays, number); }
  static CalendarWindows Months(int64_t number) { return Of(Unit::kMonths, number); }
  static CalendarWindows Years(int64_t number) { return Of(Unit::kYears, number); }

  /// Of days: one window begins on that day; 1970-01-01 by default.
  CalendarWindows StartingDay(int64_t year, int64_t month, int64_t day) const;
  /// Of months: one window begins in that month; January 1970 by default.
  CalendarWindows StartingMonth(int64_t year, int64_t month) const;
  /// Of years: one window begins in that year; 1970 by default.
  CalendarWindows StartingYear(int64_t year) const;
  /// Of months: the day, 1 to 28, on which a window begins; the first by default.
  CalendarWindows BeginningOnDay(int64_t day) const;
  /// Of years: the month, and the day, 1 to 28, on which a window begins; January the first by
  /// default.
  CalendarWindows BeginningOnDay(int64_t month, int64_t day) const;
  /// Midnight is that of clocks which show so much more than UTC does, less than a day. Zones with
  /// summer time are none.
  CalendarWindows WithUtcOffset(Duration offset) const;

  /// No window outlasts the global one.
  Window AssignWindow(Timestamp t) const;
  Status Validate() const;
  std::string ToString() const;

  operator WindowFn() const;  // NOLINT(google-explicit-constructor): it is one.

 private:
  static CalendarWindows Of(Unit unit, int64_t number) {
    CalendarWindows windows;
    windows.unit = unit;
    windows.number = number;
    return windows;
  }
};
JOIST_ROW(CalendarWindows, unit, number, year, month, day, utc_offset)

}  // namespace joist

#endif  // JOIST_MODEL_CALENDAR_WINDOWS_H_
