// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/model/timestamp.h"

#include <array>
#include <cstdio>

namespace joist {
namespace {

constexpr int64_t kMillisPerDay = 86'400'000;
constexpr int64_t kDaysPerEra = 146'097;  // 400 years.
constexpr int64_t kDaysFrom0000March = 719'468;

struct Date {
  int64_t year;
  int month;
  int day;
};

// The proleptic Gregorian calendar, with years that begin in March, so that the leap day is last.
Date DateOf(int64_t days_since_1970) {
  const int64_t days = days_since_1970 + kDaysFrom0000March;
  const int64_t day_of_era = FloorMod(days, kDaysPerEra);
  const int64_t era = (days - day_of_era) / kDaysPerEra;
  const int64_t year_of_era =
      (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  const int64_t day_of_year =
      day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const int64_t month_from_march = (5 * day_of_year + 2) / 153;
  const int day = static_cast<int>(day_of_year - (153 * month_from_march + 2) / 5 + 1);
  const int month =
      static_cast<int>(month_from_march < 10 ? month_from_march + 3 : month_from_march - 9);
  return {era * 400 + year_of_era + (month <= 2 ? 1 : 0), month, day};
}

int64_t DaysOf(Date date) {
  const int64_t year = date.month <= 2 ? date.year - 1 : date.year;
  const int64_t year_of_era = FloorMod(year, 400);
  const int64_t era = (year - year_of_era) / 400;
  const int64_t month_from_march = date.month > 2 ? date.month - 3 : date.month + 9;
  const int64_t day_of_year = (153 * month_from_march + 2) / 5 + date.day - 1;
  const int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return era * kDaysPerEra + day_of_era - kDaysFrom0000March;
}

int DaysInMonth(int64_t year, int month) {
  static constexpr int kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  const bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
  return kDays[month - 1] + (month == 2 && leap ? 1 : 0);
}

// Takes text apart from the front.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : left_(text) {}

  bool Take(char wanted) {
    if (left_.empty() || left_[0] != wanted) return false;
    left_.remove_prefix(1);
    return true;
  }

  bool TakeNumber(size_t least_digits, size_t most_digits, int64_t* number) {
    *number = 0;
    size_t digits = 0;
    while (digits < most_digits && digits < left_.size() && IsDigit(left_[digits])) {
      *number = *number * 10 + (left_[digits] - '0');
      ++digits;
    }
    left_.remove_prefix(digits);
    return digits >= least_digits;
  }

  // Digits after a point, as milliseconds.
  bool TakeFraction(int64_t* millis) {
    *millis = 0;
    size_t digits = 0;
    int64_t weight = 100;
    while (digits < left_.size() && IsDigit(left_[digits])) {
      *millis += weight * (left_[digits] - '0');
      weight /= 10;
      ++digits;
    }
    left_.remove_prefix(digits);
    return digits > 0;
  }

  bool done() const { return left_.empty(); }

 private:
  static bool IsDigit(char c) { return c >= '0' && c <= '9'; }
  std::string_view left_;
};

bool ParseTime(std::string_view text, int64_t* millis) {
  Scanner scanner(text);
  const bool negative_year = scanner.Take('-');
  const bool long_year = negative_year || scanner.Take('+');
  int64_t year, month, day, hour, minute, second;
  int64_t fraction = 0;
  if (!scanner.TakeNumber(4, long_year ? 6 : 4, &year) || !scanner.Take('-') ||
      !scanner.TakeNumber(2, 2, &month) || !scanner.Take('-') || !scanner.TakeNumber(2, 2, &day) ||
      !(scanner.Take('T') || scanner.Take('t') || scanner.Take(' ')) ||
      !scanner.TakeNumber(2, 2, &hour) || !scanner.Take(':') ||
      !scanner.TakeNumber(2, 2, &minute) || !scanner.Take(':') ||
      !scanner.TakeNumber(2, 2, &second)) {
    return false;
  }
  if (negative_year) year = -year;
  if (scanner.Take('.') && !scanner.TakeFraction(&fraction)) return false;
  int64_t offset_minutes = 0;
  if (!scanner.Take('Z') && !scanner.Take('z')) {
    const bool west = scanner.Take('-');
    int64_t offset_hour, offset_minute;
    if ((!west && !scanner.Take('+')) || !scanner.TakeNumber(2, 2, &offset_hour) ||
        !scanner.Take(':') || !scanner.TakeNumber(2, 2, &offset_minute) || offset_hour > 23 ||
        offset_minute > 59) {
      return false;
    }
    offset_minutes = (west ? -1 : 1) * (offset_hour * 60 + offset_minute);
  }
  if (!scanner.done()) return false;
  if (month < 1 || month > 12 || day < 1 || day > DaysInMonth(year, static_cast<int>(month))) {
    return false;
  }
  // 60 is a leap second, which this count of time does not have: the next minute begins.
  if (hour > 23 || minute > 59 || second > 60) return false;
  const int64_t days = DaysOf({year, static_cast<int>(month), static_cast<int>(day)});
  *millis = days * kMillisPerDay + ((hour * 60 + minute - offset_minutes) * 60 + second) * 1000 +
            fraction;
  return true;
}

}  // namespace

std::string Duration::ToString() const {
  if (millis == 0) return "0s";
  std::string text = millis < 0 ? "-" : "";
  uint64_t left = millis < 0 ? 0 - static_cast<uint64_t>(millis) : static_cast<uint64_t>(millis);
  struct Unit {
    uint64_t size;
    const char* name;
  };
  static constexpr Unit kUnits[] = {
      {86'400'000, "d"}, {3'600'000, "h"}, {60'000, "m"}, {1000, "s"}, {1, "ms"}};
  for (const Unit& unit : kUnits) {
    if (left < unit.size) continue;
    text += std::to_string(left / unit.size) + unit.name;
    left %= unit.size;
  }
  return text;
}

std::string Timestamp::ToString() const {
  const int64_t of_day = FloorMod(millis, kMillisPerDay);
  // Rounded down; subtracting `of_day` first could overflow.
  const Date date = DateOf(millis / kMillisPerDay - (millis % kMillisPerDay < 0 ? 1 : 0));
  const char* sign = date.year < 0 ? "-" : date.year > 9999 ? "+" : "";
  std::array<char, 64> text;
  std::snprintf(text.data(), text.size(), "%s%04lld-%02d-%02dT%02d:%02d:%02d.%03dZ", sign,
                static_cast<long long>(date.year < 0 ? -date.year : date.year), date.month,
                date.day, static_cast<int>(of_day / 3'600'000),
                static_cast<int>(of_day / 60'000 % 60), static_cast<int>(of_day / 1000 % 60),
                static_cast<int>(of_day % 1000));
  return text.data();
}

Result<Timestamp> Timestamp::Parse(std::string_view text) {
  int64_t millis;
  if (!ParseTime(text, &millis)) {
    return InvalidArgument("'" + std::string(text) +
                           "' is not a time; write it as 2026-11-21T06:55:00Z");
  }
  if (millis < Min().millis || millis > Max().millis) {
    return InvalidArgument("'" + std::string(text) +
                           "' lies outside the years that a time can have");
  }
  return Timestamp{millis};
}

}  // namespace joist
