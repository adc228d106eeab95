// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// TimeQueue: numbers in the order of their times, for clocks that only move on: what is pushed is
// never before what has been found. A radix heap: pushing appends to an array, and an entry moves
// at most once for each bit of a time, many with the same time at once. Not thread-safe.
//
// Invariants:
//  1. Entries at `now_`, the time of the entry that was found last, lie on level 0; others on the
//     level that is the number of the highest bit by which their time differs from it, plus 1.
//     So the least time is on the lowest level that holds something.
//  2. `least_` is the least time of each level that holds something, whose bits `held_` has.

#ifndef JOIST_MODEL_TIME_QUEUE_H_
#define JOIST_MODEL_TIME_QUEUE_H_

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "joist/base/status.h"
#include "joist/model/timestamp.h"

namespace joist {

class TimeQueue {
 public:
  struct Entry {
    Timestamp time;
    uint32_t number;
  };

  void Push(Timestamp time, uint32_t number) {
    JOIST_CHECK(time >= now_);
    Put({time, number});
    ++size_;
  }

  /// An entry with the least time, if that is before `limit`, else null. Valid until the next call.
  const Entry* FirstBefore(Timestamp limit) {
    if (levels_[0].empty()) {
      if (held_ == 0) return nullptr;
      const auto lowest = static_cast<size_t>(std::countr_zero(held_));
      if (least_[lowest] >= limit) return nullptr;
      MoveOn(lowest);
    }
    return now_ < limit ? &levels_[0].back() : nullptr;
  }
  /// Removes what FirstBefore has just given.
  void Pop() {
    levels_[0].pop_back();
    if (levels_[0].empty()) held_ &= ~uint64_t{1};
    --size_;
  }

  /// What FirstBefore gives after `n` times Pop, or null if it doesn't have the same time: to be
  /// fetched before.
  const Entry* Ahead(size_t n) const {
    return n < levels_[0].size() ? &levels_[0].back() - n : nullptr;
  }

  /// The least time; Max() if empty.
  Timestamp earliest() const {
    return held_ == 0 ? Timestamp::Max() : least_[static_cast<size_t>(std::countr_zero(held_))];
  }

  /// Of entries, and of the room for them.
  size_t held_bytes() const {
    size_t entries = 0;
    for (const std::vector<Entry>& level : levels_) entries += level.capacity();
    return entries * sizeof(Entry);
  }

  /// An empty one forgets what has been found: time may begin anew.
  void Restart() {
    JOIST_CHECK(size_ == 0);
    now_ = Timestamp::Min();
  }

  /// Whether it holds twice as many entries as after the last Keep, and some: time to call Keep if
  /// its user leaves entries behind that mean nothing any more.
  bool is_crowded() const { return size_ >= crowd_; }
  /// Keeps the entries for which keep(entry).
  template <class KeepIf>
  void Keep(KeepIf keep) {
    size_ = 0;
    for (size_t level = 0; level < kLevels; ++level) {
      std::vector<Entry>& entries = levels_[level];
      std::erase_if(entries, [&](const Entry& entry) { return !keep(entry); });
      size_ += entries.size();
      if (entries.capacity() > kMostKept + 4 * entries.size()) entries.shrink_to_fit();
      if (entries.empty()) held_ &= ~(uint64_t{1} << level);
      least_[level] = Timestamp::Max();
      for (const Entry& entry : entries) least_[level] = std::min(least_[level], entry.time);
    }
    crowd_ = kSmallCrowd + 2 * size_;
  }

 private:
  // Timestamps differ in less than 55 bits.
  static constexpr size_t kLevels = 56;
  static constexpr size_t kSmallCrowd = 1024;
  static constexpr size_t kMostKept = 4096;  ///< Entries for which an empty level keeps room.

  static uint64_t BitsOf(Timestamp time) {
    return static_cast<uint64_t>(time.millis) - static_cast<uint64_t>(Timestamp::Min().millis);
  }

  void Put(const Entry& entry) {
    const auto level = static_cast<size_t>(std::bit_width(BitsOf(entry.time) ^ BitsOf(now_)));
    const uint64_t bit = uint64_t{1} << level;
    if ((held_ & bit) == 0 || entry.time < least_[level]) least_[level] = entry.time;
    held_ |= bit;
    levels_[level].push_back(entry);
  }

  void MoveOn(size_t level) {
    now_ = least_[level];
    held_ &= ~(uint64_t{1} << level);
    for (const Entry& entry : levels_[level]) Put(entry);  // All go to lower levels.
    levels_[level].clear();
    // A high level is next full when twice as much time has passed as it covers, if ever.
    if (levels_[level].capacity() > kMostKept) levels_[level].shrink_to_fit();
  }

  std::array<std::vector<Entry>, kLevels> levels_;
  std::array<Timestamp, kLevels> least_;
  uint64_t held_ = 0;
  Timestamp now_ = Timestamp::Min();
  size_t size_ = 0;
  size_t crowd_ = kSmallCrowd;
};

}  // namespace joist

#endif  // JOIST_MODEL_TIME_QUEUE_H_
