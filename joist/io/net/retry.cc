// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/io/net/retry.h"

#include <time.h>

#include <algorithm>
#include <charconv>
#include <string>

namespace joist::net {

std::optional<Duration> RetryPolicy::DelayAfter(int64_t failures, std::optional<Duration> asked,
                                                double chance) const {
  if (failures >= attempts) return std::nullopt;
  if (asked.has_value() && *asked > longest_delay) return std::nullopt;
  const int64_t doubled = int64_t{1} << std::min<int64_t>(failures - 1, 30);
  const Duration delay = std::min(first_delay * doubled, longest_delay);
  const auto spread = static_cast<int64_t>(static_cast<double>(delay.millis) * (0.5 + chance / 2));
  return std::max(Duration::Millis(spread), asked.value_or(Duration::Zero()));
}

std::optional<Duration> ParseRetryAfter(std::string_view text, Timestamp now) {
  int64_t seconds;
  const auto [at, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error == std::errc() && at == text.data() + text.size() && seconds >= 0) {
    return Duration::Seconds(seconds);
  }
  struct tm date = {};
  const std::string copy(text);
  const char* const end = strptime(copy.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &date);
  if (end == nullptr || *end != '\0') return std::nullopt;
  return std::max(Timestamp::Seconds(timegm(&date)) - now, Duration::Zero());
}

}  // namespace joist::net
