// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// The input of json_scan: click-stream events as JSON Lines of 408 bytes each, of which time, user
// and kind matter. A pure function of the index.

#ifndef JOIST_BENCH_EVENTS_H_
#define JOIST_BENCH_EVENTS_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "bench/digest.h"

namespace joist::bench {

/// Events that are counted: not pings, and of the middle four fifths of the time.
struct WantedEvents {
  int64_t from;   ///< Milliseconds since 1970.
  int64_t until;  ///< Behind the last.

  bool Contains(int64_t time, std::string_view kind) const {
    return time >= from && time < until && kind != "ping";
  }
};

struct EventSequence {
  static constexpr size_t kLineBytes = 408;
  static constexpr int64_t kFirstTime = 1'700'000'000'000;
  static constexpr uint64_t kUsers = 100'000;

  uint64_t event_count;

  uint64_t UserOf(uint64_t index) const { return SplitMix64(index) % kUsers; }
  /// An event each millisecond.
  int64_t TimeOf(uint64_t index) const { return kFirstTime + static_cast<int64_t>(index); }
  std::string_view KindOf(uint64_t index) const {
    static constexpr std::string_view kKinds[] = {"view", "view", "view",   "view", "click",
                                                  "view", "view", "basket", "ping", "scroll"};
    return kKinds[SplitMix64(~index) % 10];
  }
  WantedEvents wanted() const {
    const auto tenth = static_cast<int64_t>(event_count / 10);
    return {kFirstTime + tenth, kFirstTime + 9 * tenth};
  }
  std::string LineOf(uint64_t index) const;
  /// Writes the lines where they are not there yet; false after a message.
  bool Write(const std::string& path) const;
};

}  // namespace joist::bench

#endif  // JOIST_BENCH_EVENTS_H_
