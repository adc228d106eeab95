// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Timestamp and Duration: event time in milliseconds, as on Beam's wire. Values; pure functions.
//
// Invariants:
//  1. Arithmetic saturates (a Timestamp at Min() and Max(), a Duration at the ends of int64).
//  2. Min() and Max() are Beam's: an int64 of microseconds, cut to milliseconds.

#ifndef JOIST_MODEL_TIMESTAMP_H_
#define JOIST_MODEL_TIMESTAMP_H_

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "joist/base/status.h"

namespace joist {

constexpr int64_t SaturatingAdd(int64_t a, int64_t b) {
  int64_t sum = 0;
  if (__builtin_add_overflow(a, b, &sum)) return b < 0 ? INT64_MIN : INT64_MAX;
  return sum;
}

constexpr int64_t SaturatingSubtract(int64_t a, int64_t b) {
  int64_t difference = 0;
  if (__builtin_sub_overflow(a, b, &difference)) return b > 0 ? INT64_MIN : INT64_MAX;
  return difference;
}

constexpr int64_t SaturatingMultiply(int64_t a, int64_t b) {
  int64_t product = 0;
  if (__builtin_mul_overflow(a, b, &product)) return (a < 0) == (b < 0) ? INT64_MAX : INT64_MIN;
  return product;
}

/// The remainder of a / b that lies in [0, b), for b > 0 and any a.
constexpr int64_t FloorMod(int64_t a, int64_t b) {
  const int64_t remainder = a % b;
  return remainder < 0 ? remainder + b : remainder;
}

/// A span of time; may be negative.
struct Duration {
  int64_t millis = 0;

  static constexpr Duration Zero() { return {0}; }
  static constexpr Duration Max() { return {INT64_MAX}; }
  static constexpr Duration Millis(int64_t n) { return {n}; }
  static constexpr Duration Seconds(int64_t n) { return {SaturatingMultiply(n, 1000)}; }
  static constexpr Duration Minutes(int64_t n) { return {SaturatingMultiply(n, 60'000)}; }
  static constexpr Duration Hours(int64_t n) { return {SaturatingMultiply(n, 3'600'000)}; }
  static constexpr Duration Days(int64_t n) { return {SaturatingMultiply(n, 86'400'000)}; }

  /// "1h30m", "250ms", "-2s", "0s".
  std::string ToString() const;

  friend constexpr bool operator==(Duration, Duration) = default;
  friend constexpr auto operator<=>(Duration, Duration) = default;
};

constexpr Duration operator+(Duration a, Duration b) { return {SaturatingAdd(a.millis, b.millis)}; }
constexpr Duration operator-(Duration a, Duration b) {
  return {SaturatingSubtract(a.millis, b.millis)};
}
constexpr Duration operator-(Duration a) { return {SaturatingSubtract(0, a.millis)}; }
constexpr Duration operator*(Duration a, int64_t n) { return {SaturatingMultiply(a.millis, n)}; }
constexpr Duration operator*(int64_t n, Duration a) { return a * n; }

/// A point in event time: milliseconds since 1970-01-01T00:00:00Z, leap seconds not counted.
struct Timestamp {
  int64_t millis = 0;

  static constexpr Timestamp Min() { return {-9223372036854775}; }
  static constexpr Timestamp Max() { return {9223372036854775}; }
  static constexpr Timestamp Millis(int64_t n) {
    return {n < Min().millis ? Min().millis : n > Max().millis ? Max().millis : n};
  }
  static constexpr Timestamp Seconds(int64_t n) { return Millis(SaturatingMultiply(n, 1000)); }

  /// RFC 3339 in UTC with milliseconds: "2026-11-21T06:55:00.000Z". A year outside 0000 to 9999 has
  /// a sign and as many digits as it needs.
  std::string ToString() const;

  /// Reads what ToString writes and any RFC 3339 time; digits after the milliseconds are cut off.
  static Result<Timestamp> Parse(std::string_view text);

  friend constexpr bool operator==(Timestamp, Timestamp) = default;
  friend constexpr auto operator<=>(Timestamp, Timestamp) = default;
};

constexpr Timestamp operator+(Timestamp t, Duration d) {
  return Timestamp::Millis(SaturatingAdd(t.millis, d.millis));
}
constexpr Timestamp operator-(Timestamp t, Duration d) {
  return Timestamp::Millis(SaturatingSubtract(t.millis, d.millis));
}
constexpr Duration operator-(Timestamp a, Timestamp b) {
  return {SaturatingSubtract(a.millis, b.millis)};
}

}  // namespace joist

#endif  // JOIST_MODEL_TIMESTAMP_H_
