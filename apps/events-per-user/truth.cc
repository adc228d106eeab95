// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "apps/events-per-user/truth.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "joist/model/timestamp.h"

namespace events_per_user {
namespace {

constexpr int64_t kMinute = 60'000'000;

/// Rounded down, before 1970 too.
int64_t MinuteOf(int64_t micros) { return micros / kMinute - (micros % kMinute < 0 ? 1 : 0); }

}  // namespace

void Truth::Accept(std::span<const EventKey> events) {
  const std::lock_guard lock(mutex_);
  for (const EventKey& event : events) {
    if (event.number >= accepted_.size()) {
      accepted_.resize(std::max<size_t>(event.number + 1, 2 * accepted_.size()));
    }
    if (accepted_[event.number]) continue;
    accepted_[event.number] = true;
    ++count_;
    ++counts_[{MinuteOf(event.time_micros), event.user}];
  }
}

uint64_t Truth::count() const {
  const std::lock_guard lock(mutex_);
  return count_;
}

joist::Status Truth::Write(const std::string& path,
                           const std::function<std::string(int64_t)>& user_name) const {
  const std::lock_guard lock(mutex_);
  std::FILE* const file = std::fopen(path.c_str(), "we");
  if (file == nullptr) return joist::FromErrno(errno, "cannot write the truth to " + path);
  for (const auto& [key, count] : counts_) {
    const auto start = joist::Timestamp::Millis(key.first * (kMinute / 1000));
    std::fprintf(file, "{\"window_start\":\"%s\",\"user_pseudo_id\":\"%s\",\"count\":%llu}\n",
                 start.ToString().c_str(), user_name(key.second).c_str(),
                 static_cast<unsigned long long>(count));
  }
  const bool failed = std::ferror(file) != 0;
  if (std::fclose(file) != 0 || failed) {
    return joist::FromErrno(errno, "cannot write the truth to " + path);
  }
  return joist::OkStatus();
}

}  // namespace events_per_user
