// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/engine/stream_retries.h"

#include <algorithm>

namespace joist {

StreamRetries::StreamRetries(std::chrono::milliseconds checkpoint_interval)
    : memory_(std::max<std::chrono::milliseconds>(std::chrono::minutes(10),
                                                  10 * checkpoint_interval)) {}

std::optional<std::chrono::milliseconds> StreamRetries::AfterFailure(std::string_view message,
                                                                     Clock::time_point now) {
  if (failures_ > 0 && now - latest_ > memory_) {
    failures_ = 0;
    by_message_.clear();
  }
  latest_ = now;
  ++failures_;
  attempts_ = ++by_message_[std::string(message)];
  if (attempts_ == kAttempts || failures_ == kMostFailures) {
    return std::nullopt;
  }
  return std::min(kFirstPause * (1 << std::min(failures_ - 1, 10)), kLongestPause);
}

}  // namespace joist
