// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// StreamRetries: whether a stream that has failed is to go on from its last checkpoint, and after
// what pause. What fails again and again with the same words is an element that will always fail.

#ifndef JOIST_ENGINE_STREAM_RETRIES_H_
#define JOIST_ENGINE_STREAM_RETRIES_H_

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace joist {

/// Belongs to one thread.
class StreamRetries {
 public:
  using Clock = std::chrono::steady_clock;
  /// Tries with the same failure, the first one included.
  static constexpr int kAttempts = 4;
  /// Failures of any kind that are too many.
  static constexpr int kMostFailures = 20;
  static constexpr std::chrono::milliseconds kFirstPause{100};
  static constexpr std::chrono::milliseconds kLongestPause{10'000};

  /// A failure is forgotten when the stream has not failed for ten minutes, or for ten checkpoints
  /// if that is longer: by then it would have come to the same element again.
  explicit StreamRetries(std::chrono::milliseconds checkpoint_interval);

  /// The pause before the next try, twice as long each time; null if there is to be none.
  std::optional<std::chrono::milliseconds> AfterFailure(std::string_view message,
                                                        Clock::time_point now);
  /// How often that has failed which failed last.
  int attempts() const { return attempts_; }

 private:
  const std::chrono::milliseconds memory_;
  int failures_ = 0;
  int attempts_ = 0;
  std::map<std::string, int, std::less<>> by_message_;
  Clock::time_point latest_;
};

}  // namespace joist

#endif  // JOIST_ENGINE_STREAM_RETRIES_H_
