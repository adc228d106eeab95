// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/store/tables/value_text.h"

#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <limits>

#include "joist/store/tables/schema.h"

namespace joist::tables {

namespace {

constexpr int64_t kMicrosOfSecond = 1'000'000;

std::string_view Trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

/// Takes `least` to `most` digits off the front.
std::optional<int> TakeDigits(std::string_view* text, size_t least, size_t most) {
  int value = 0;
  size_t count = 0;
  while (count < most && count < text->size() && (*text)[count] >= '0' && (*text)[count] <= '9') {
    value = value * 10 + ((*text)[count] - '0');
    ++count;
  }
  if (count < least) return std::nullopt;
  text->remove_prefix(count);
  return value;
}

bool Take(std::string_view* text, char c) {
  if (text->empty() || text->front() != c) return false;
  text->remove_prefix(1);
  return true;
}

std::optional<int32_t> TakeDate(std::string_view* text) {
  const auto year = TakeDigits(text, 4, 4);
  if (!year || !Take(text, '-')) return std::nullopt;
  const auto month = TakeDigits(text, 1, 2);
  if (!month || !Take(text, '-')) return std::nullopt;
  const auto day = TakeDigits(text, 1, 2);
  if (!day) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok() || *year == 0) return std::nullopt;
  return static_cast<int32_t>(std::chrono::sys_days(date).time_since_epoch().count());
}

/// Up to six digits are micros; more are cut off.
std::optional<int64_t> TakeFraction(std::string_view* text) {
  int64_t micros = 0;
  size_t count = 0;
  while (!text->empty() && text->front() >= '0' && text->front() <= '9') {
    if (count < 6) micros = micros * 10 + (text->front() - '0');
    ++count;
    text->remove_prefix(1);
  }
  if (count == 0 || count > 12) return std::nullopt;
  for (; count < 6; ++count) micros *= 10;
  return micros;
}

std::optional<int64_t> TakeTime(std::string_view* text) {
  const auto hour = TakeDigits(text, 1, 2);
  if (!hour || *hour > 23 || !Take(text, ':')) return std::nullopt;
  const auto minute = TakeDigits(text, 1, 2);
  if (!minute || *minute > 59) return std::nullopt;
  int64_t micros = 0;
  int second = 0;
  if (Take(text, ':')) {
    const auto seconds = TakeDigits(text, 1, 2);
    if (!seconds || *seconds > 60) return std::nullopt;
    second = *seconds;
    if (Take(text, '.')) {
      const auto fraction = TakeFraction(text);
      if (!fraction) return std::nullopt;
      micros = *fraction;
    }
  }
  return ((*hour * int64_t{60} + *minute) * 60 + second) * kMicrosOfSecond + micros;
}

/// What is to be added to a local time for UTC.
std::optional<int64_t> TakeZone(std::string_view text) {
  text = Trimmed(text);
  if (text.empty() || SameName(text, "UTC") || SameName(text, "Z")) return 0;
  if (text.starts_with("UTC")) text.remove_prefix(3);
  const bool east = Take(&text, '+');
  if (!east && !Take(&text, '-')) return std::nullopt;
  const auto hours = TakeDigits(&text, 1, 2);
  if (!hours || *hours > 14) return std::nullopt;
  int minutes = 0;
  if (!text.empty()) {
    Take(&text, ':');
    const auto more = TakeDigits(&text, 2, 2);
    if (!more || *more > 59 || !text.empty()) return std::nullopt;
    minutes = *more;
  }
  const int64_t offset = (*hours * int64_t{60} + minutes) * 60 * kMicrosOfSecond;
  return east ? -offset : offset;
}

std::optional<int64_t> TakeDatetime(std::string_view* text) {
  const auto days = TakeDate(text);
  if (!days || !IsDay(*days)) return std::nullopt;
  int64_t time = 0;
  if (!text->empty() && (text->front() == 'T' || text->front() == 't' || text->front() == ' ') &&
      text->size() > 1 && (*text)[1] >= '0' && (*text)[1] <= '9') {
    text->remove_prefix(1);
    const auto taken = TakeTime(text);
    if (!taken) return std::nullopt;
    time = *taken;
  }
  return *days * kMicrosOfDay + time;
}

std::optional<int64_t> MicrosOfSeconds(std::string_view text) {
  const auto seconds = ReadFloat(text);
  if (!seconds || !std::isfinite(*seconds) || std::abs(*seconds) > 1e12) return std::nullopt;
  // Exact where the digits are: a double of seconds has not always whole microseconds.
  const auto exact = ReadNumeric(text);
  const int64_t micros = exact ? static_cast<int64_t>(*exact / 1000)
                               : std::llround(*seconds * static_cast<double>(kMicrosOfSecond));
  return IsMoment(micros) ? std::optional(micros) : std::nullopt;
}

int64_t FloorDivide(int64_t a, int64_t b) { return a / b - (a % b < 0 ? 1 : 0); }

constexpr std::string_view kBase64 =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

int Base64Value(char c) {
  if (c == '-') return 62;
  if (c == '_') return 63;
  const size_t at = kBase64.find(c);
  return at == std::string_view::npos ? -1 : static_cast<int>(at);
}

}  // namespace

const Numeric kNumericEnd = [] {
  Numeric end = 1;
  for (int i = 0; i < 38; ++i) end *= 10;
  return end;
}();

std::optional<int64_t> ReadInteger(std::string_view text) {
  text = Trimmed(text);
  if (text.starts_with('+')) text.remove_prefix(1);
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<double> ReadFloat(std::string_view text) {
  text = Trimmed(text);
  const bool negative = text.starts_with('-');
  const std::string_view word = text.substr(negative || text.starts_with('+') ? 1 : 0);
  if (SameName(word, "nan")) return std::numeric_limits<double>::quiet_NaN();
  if (SameName(word, "inf") || SameName(word, "infinity")) {
    const double infinity = std::numeric_limits<double>::infinity();
    return negative ? -infinity : infinity;
  }
  if (text.starts_with('+')) text.remove_prefix(1);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<Numeric> ReadNumeric(std::string_view text) {
  text = Trimmed(text);
  const bool negative = Take(&text, '-');
  if (!negative) Take(&text, '+');
  int exponent = 0;
  if (const size_t at = text.find_first_of("eE"); at != std::string_view::npos) {
    const auto power = ReadInteger(text.substr(at + 1));
    if (!power || *power < -100 || *power > 100) return std::nullopt;
    exponent = static_cast<int>(*power);
    text = text.substr(0, at);
  }
  // Digits are taken up to the ninth place after the point; the next one rounds.
  const size_t point = std::min(text.find('.'), text.size());
  const int whole = static_cast<int>(point) + exponent;
  Numeric value = 0;
  int place = 0;
  bool any = false;
  for (size_t i = 0; i < text.size(); ++i) {
    if (i == point) continue;
    if (text[i] < '0' || text[i] > '9') return std::nullopt;
    any = true;
    if (place < whole + 9) {
      value = value * 10 + (text[i] - '0');
      if (value >= kNumericEnd) return std::nullopt;
    } else if (place == whole + 9 && text[i] >= '5') {
      ++value;
    }
    ++place;
  }
  if (!any) return std::nullopt;
  for (; place < whole + 9; ++place) {
    value *= 10;
    if (value >= kNumericEnd) return std::nullopt;
  }
  if (value >= kNumericEnd) return std::nullopt;
  return negative ? -value : value;
}

std::optional<bool> ReadBoolean(std::string_view text) {
  text = Trimmed(text);
  for (const std::string_view word : {"true", "t", "yes", "y", "1"}) {
    if (SameName(text, word)) return true;
  }
  for (const std::string_view word : {"false", "f", "no", "n", "0"}) {
    if (SameName(text, word)) return false;
  }
  return std::nullopt;
}

std::optional<int32_t> ReadDate(std::string_view text) {
  text = Trimmed(text);
  const auto days = TakeDate(&text);
  if (!days || !text.empty() || !IsDay(*days)) return std::nullopt;
  return days;
}

std::optional<int64_t> ReadTime(std::string_view text) {
  text = Trimmed(text);
  const auto micros = TakeTime(&text);
  if (!micros || !text.empty() || *micros >= kMicrosOfDay) return std::nullopt;
  return micros;
}

std::optional<int64_t> ReadDatetime(std::string_view text) {
  text = Trimmed(text);
  const auto micros = TakeDatetime(&text);
  if (!micros || !text.empty() || !IsMoment(*micros)) return std::nullopt;
  return micros;
}

std::optional<int64_t> ReadTimestamp(std::string_view text) {
  text = Trimmed(text);
  std::string_view rest = text;
  const auto micros = TakeDatetime(&rest);
  if (!micros) return MicrosOfSeconds(text);
  const auto offset = TakeZone(rest);
  if (!offset || !IsMoment(*micros + *offset)) return std::nullopt;
  return *micros + *offset;
}

std::optional<std::string> ReadBase64(std::string_view text) {
  while (text.ends_with('=')) text.remove_suffix(1);
  if (text.size() % 4 == 1) return std::nullopt;
  std::string bytes;
  bytes.reserve(text.size() * 3 / 4);
  uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    const int value = Base64Value(c);
    if (value < 0) return std::nullopt;
    bits = bits << 6 | static_cast<uint32_t>(value);
    count += 6;
    if (count < 8) continue;
    count -= 8;
    bytes += static_cast<char>(bits >> count & 0xFF);
  }
  return bytes;
}

std::string NumericText(Numeric value) {
  const bool negative = value < 0;
  if (negative) value = -value;
  std::string digits;
  do {
    digits.insert(digits.begin(), static_cast<char>('0' + static_cast<int>(value % 10)));
    value /= 10;
  } while (value > 0 || digits.size() < 10);
  digits.insert(digits.size() - 9, ".");
  while (digits.back() == '0') digits.pop_back();
  if (digits.back() == '.') digits.pop_back();
  return negative ? "-" + digits : digits;
}

std::string FloatText(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value < 0 ? "-Infinity" : "Infinity";
  std::array<char, 32> text;
  const auto [end, error] = std::to_chars(text.data(), text.data() + text.size(), value);
  std::string written(text.data(), end);
  if (written.find_first_of(".e") == std::string::npos) written += ".0";
  return written;
}

std::string DateText(int32_t days) {
  const std::chrono::year_month_day date{std::chrono::sys_days(std::chrono::days(days))};
  std::array<char, 32> text;
  const int size =
      std::snprintf(text.data(), text.size(), "%04d-%02u-%02u", static_cast<int>(date.year()),
                    static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
  return {text.data(), static_cast<size_t>(size)};
}

std::string TimeText(int64_t micros) {
  const int64_t seconds = micros / kMicrosOfSecond;
  std::array<char, 64> text;
  int size =
      std::snprintf(text.data(), text.size(), "%02d:%02d:%02d", static_cast<int>(seconds / 3600),
                    static_cast<int>(seconds / 60 % 60), static_cast<int>(seconds % 60));
  if (const int fraction = static_cast<int>(micros % kMicrosOfSecond); fraction != 0) {
    size += std::snprintf(text.data() + size, text.size() - static_cast<size_t>(size), ".%06d",
                          fraction);
  }
  return {text.data(), static_cast<size_t>(size)};
}

std::string DatetimeText(int64_t micros) {
  const int64_t days = FloorDivide(micros, kMicrosOfDay);
  return DateText(static_cast<int32_t>(days)) + "T" + TimeText(micros - days * kMicrosOfDay);
}

std::string TimestampSeconds(int64_t micros) {
  const bool negative = micros < 0;
  const uint64_t size =
      negative ? 0 - static_cast<uint64_t>(micros) : static_cast<uint64_t>(micros);
  std::string text = negative ? "-" : "";
  text += std::to_string(size / 1'000'000) + ".";
  std::string fraction = std::to_string(size % 1'000'000);
  fraction.insert(0, 6 - fraction.size(), '0');
  while (fraction.size() > 1 && fraction.back() == '0') fraction.pop_back();
  return text + fraction;
}

std::string Base64Text(std::string_view bytes) {
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (size_t i = 0; i < bytes.size(); i += 3) {
    uint32_t bits = 0;
    for (size_t j = i; j < i + 3; ++j) {
      bits = bits << 8 | (j < bytes.size() ? static_cast<uint8_t>(bytes[j]) : 0U);
    }
    for (size_t j = 0; j < 4; ++j) {
      text += i + j <= bytes.size() ? kBase64[bits >> (18 - 6 * j) & 63] : '=';
    }
  }
  return text;
}

std::optional<int64_t> UnpackTime(int64_t packed) {
  const int64_t hour = packed >> 32;
  const int64_t minute = packed >> 26 & 63;
  const int64_t second = packed >> 20 & 63;
  const int64_t micros = packed & 0xFFFFF;
  if (hour < 0 || hour > 23 || minute > 59 || second > 59 || micros >= kMicrosOfSecond) {
    return std::nullopt;
  }
  return ((hour * 60 + minute) * 60 + second) * kMicrosOfSecond + micros;
}

std::optional<int64_t> UnpackDatetime(int64_t packed) {
  const auto time = UnpackTime(packed & 0x1FFFFFFFFF);
  const std::chrono::year_month_day date{
      std::chrono::year(static_cast<int>(packed >> 46 & 0x3FFF)),
      std::chrono::month(static_cast<unsigned>(packed >> 42 & 15)),
      std::chrono::day(static_cast<unsigned>(packed >> 37 & 31))};
  if (!time || packed < 0 || !date.ok()) return std::nullopt;
  const int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
  if (!IsDay(days)) return std::nullopt;
  return days * kMicrosOfDay + *time;
}

std::optional<Numeric> UnpackNumeric(std::string_view bytes) {
  if (bytes.empty() || bytes.size() > 16) return std::nullopt;
  __extension__ using Bits = unsigned __int128;
  Bits bits = (bytes.back() & 0x80) != 0 ? ~Bits{0} : Bits{0};
  for (size_t i = bytes.size(); i-- > 0;) bits = bits << 8 | static_cast<uint8_t>(bytes[i]);
  const auto value = static_cast<Numeric>(bits);
  if (value >= kNumericEnd || value <= -kNumericEnd) return std::nullopt;
  return value;
}

}  // namespace joist::tables
