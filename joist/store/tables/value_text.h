// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// The values of BigQuery's types as texts: how they are read from JSON, CSV and protocol buffers,
// and how they are given back. Pure functions.

#ifndef JOIST_STORE_TABLES_VALUE_TEXT_H_
#define JOIST_STORE_TABLES_VALUE_TEXT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace joist::tables {

/// A NUMERIC times 10⁹.
__extension__ using Numeric = __int128;
/// |NUMERIC| · 10⁹ is less than this: there are 29 digits before the point.
extern const Numeric kNumericEnd;

/// Each gives nothing where the text is no such value.
std::optional<int64_t> ReadInteger(std::string_view text);
/// Also NaN, Infinity and -Infinity in any case.
std::optional<double> ReadFloat(std::string_view text);
/// Digits after the ninth place are rounded, half away from zero.
std::optional<Numeric> ReadNumeric(std::string_view text);
std::optional<bool> ReadBoolean(std::string_view text);
/// Days since 1970-01-01.
std::optional<int32_t> ReadDate(std::string_view text);
/// Microseconds since midnight.
std::optional<int64_t> ReadTime(std::string_view text);
/// Microseconds since 1970-01-01 00:00; there is no zone.
std::optional<int64_t> ReadDatetime(std::string_view text);
/// Microseconds since 1970 in UTC; the zone may be Z, UTC, +HH:MM or nothing. A number alone is
/// seconds.
std::optional<int64_t> ReadTimestamp(std::string_view text);
/// With or without padding, in the alphabet of MIME or of URLs.
std::optional<std::string> ReadBase64(std::string_view text);

/// The texts as BigQuery's REST gives them.
std::string NumericText(Numeric value);
std::string FloatText(double value);
std::string DateText(int32_t days);
std::string TimeText(int64_t micros);
std::string DatetimeText(int64_t micros);
/// Seconds since 1970: "1.7040672E9" is given as "1704067200.0".
std::string TimestampSeconds(int64_t micros);
std::string Base64Text(std::string_view bytes);

/// Microseconds since midnight of BigQuery's packed form: hours, minutes, seconds and micros in 5,
/// 6, 6 and 20 bits.
std::optional<int64_t> UnpackTime(int64_t packed);
/// The same of a DATETIME: years, months and days before it in 14, 4 and 5 bits.
std::optional<int64_t> UnpackDatetime(int64_t packed);
/// A NUMERIC of BigQuery's bytes: a two's complement, little end first, at most 16.
std::optional<Numeric> UnpackNumeric(std::string_view bytes);

/// 0001-01-01 and 9999-12-31, which BigQuery's dates don't leave, in days and microseconds.
constexpr int32_t kFirstDay = -719162;
constexpr int32_t kLastDay = 2932896;
constexpr int64_t kMicrosOfDay = int64_t{86'400'000'000};
constexpr bool IsDay(int64_t days) { return days >= kFirstDay && days <= kLastDay; }
constexpr bool IsMoment(int64_t micros) {
  return micros >= kFirstDay * kMicrosOfDay && micros < (kLastDay + int64_t{1}) * kMicrosOfDay;
}

}  // namespace joist::tables

#endif  // JOIST_STORE_TABLES_VALUE_TEXT_H_
