// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/io/pubsub/message_time.h"

#include <algorithm>
#include <charconv>
#include <chrono>

namespace joist::pubsub {
namespace {

/// Takes `digits` decimal digits and what follows them, `after`.
bool TakeNumber(std::string_view* text, size_t digits, std::string_view after, int* number) {
  if (text->size() < digits) return false;
  const char* const end = text->data() + digits;
  const auto [stop, error] = std::from_chars(text->data(), end, *number);
  if (error != std::errc() || stop != end || *text->data() == '-') return false;
  text->remove_prefix(digits);
  if (text->empty() || after.find(text->front()) == std::string_view::npos) return false;
  text->remove_prefix(1);
  return true;
}

/// Milliseconds of "5Z", "123456Z".
bool TakeFraction(std::string_view text, int* millis) {
  if (text.size() < 2 || text.size() > 10 || text.back() != 'Z') return false;
  text.remove_suffix(1);
  *millis = 0;
  int unit = 100;
  for (const char c : text) {
    if (c < '0' || c > '9') return false;
    *millis += unit * (c - '0');
    unit /= 10;
  }
  return true;
}

}  // namespace

std::optional<Timestamp> ParseTime(std::string_view text) {
  int64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (error == std::errc() && stop == end) {
    if (number < Timestamp::Min().millis || number > Timestamp::Max().millis) return std::nullopt;
    return Timestamp::Millis(number);
  }
  int year, month, day, hour, minute, second;
  if (!TakeNumber(&text, 4, "-", &year) || !TakeNumber(&text, 2, "-", &month) ||
      !TakeNumber(&text, 2, "Tt", &day) || !TakeNumber(&text, 2, ":", &hour) ||
      !TakeNumber(&text, 2, ":", &minute) || text.size() < 3) {
    return std::nullopt;
  }
  int millis = 0;
  const bool has_fraction = text[2] == '.';
  if (!TakeNumber(&text, 2, ".Z", &second)) return std::nullopt;
  if (has_fraction ? !TakeFraction(text, &millis) : !text.empty()) return std::nullopt;
  const std::chrono::year_month_day date(std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day)));
  if (!date.ok() || hour > 23 || minute > 59 || second > 60) return std::nullopt;
  const int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
  return Timestamp::Millis((((days * 24 + hour) * 60 + minute) * 60 + second) * 1000 + millis);
}

Timestamp TimeOf(const Message& message, const std::string& timestamp_attribute) {
  if (timestamp_attribute.empty()) return message.publish_time;
  const auto found = message.attributes.find(timestamp_attribute);
  if (found == message.attributes.end()) return message.publish_time;
  return ParseTime(found->second).value_or(message.publish_time);
}

void RecentTimes::Observe(Timestamp time, Timestamp now) {
  while (!minima_.empty() && minima_.back().time >= time) minima_.pop_back();
  // A minimum for each moment would be a long list where times ascend.
  if (!minima_.empty() && now - minima_.back().came < Duration::Millis(period_.millis / 16)) return;
  minima_.push_back({time, now});
}

Timestamp RecentTimes::WatermarkAt(Timestamp now, std::optional<Timestamp> oldest_waiting) {
  while (!minima_.empty() && now - minima_.front().came >= period_) minima_.pop_front();
  const Timestamp least = minima_.empty() ? now - period_ : minima_.front().time;
  return std::min(least, oldest_waiting.value_or(least));
}

}  // namespace joist::pubsub
